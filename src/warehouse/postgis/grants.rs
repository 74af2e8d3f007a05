//! Grants on relations: a relation that is created anew keeps those of the one that it replaces.

use anyhow::Result;
use postgres::GenericClient;

use super::names::SchemaName;
use super::server_errors::failed;
use crate::domain::tables::Table;

/// The privileges on the relation $2 of the schema $1 of other roles than its owner; $3 restricts them to
/// one kind if it is not null.
const GRANTS: &str = "\
SELECT a.privilege_type::text, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END,
  a.is_grantable
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL aclexplode(c.relacl) a
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = $1 AND c.relname = $2 AND a.grantee <> c.relowner
  AND (a.grantee = 0 OR r.rolname IS NOT NULL) AND ($3::text IS NULL OR a.privilege_type = $3)";

/// Grants on one relation that can be repeated on another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(Vec<(String, String, bool)>);

impl Grants {
    /// The grants on a relation; none if it does not exist.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn on<C: GenericClient>(
        client: &mut C,
        schema: &SchemaName,
        relation: &str,
    ) -> Result<Grants> {
        Grants::of(client, schema, relation, None)
    }

    /// The roles that may read hourly presence, from which every view follows: they may read a new
    /// view as well.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn of_readers<C: GenericClient>(client: &mut C, schema: &SchemaName) -> Result<Grants> {
        Grants::of(client, schema, Table::MobileEventsCompressed.name(), Some("SELECT"))
    }

    fn of<C: GenericClient>(
        client: &mut C,
        schema: &SchemaName,
        relation: &str,
        privilege: Option<&str>,
    ) -> Result<Grants> {
        let rows =
            client.query(GRANTS, &[&schema.name(), &relation, &privilege]).map_err(failed)?;
        Ok(Grants(rows.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect()))
    }

    /// The statements that grant the same on `relation`, which is an SQL name.
    pub fn statements(&self, relation: &str) -> String {
        let grant = |(privilege, role, grantable): &(String, String, bool)| {
            let option = if *grantable { " WITH GRANT OPTION" } else { "" };
            format!("GRANT {privilege} ON {relation} TO {role}{option};")
        };
        self.0.iter().map(grant).collect()
    }
}

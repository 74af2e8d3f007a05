//! The tables of this program in the configured schema: created once, recognised later, and never
//! confused with tables of the same name that others created.

use anyhow::{Result, bail};
use postgres::{Client, Transaction};

use super::relations::describe;
use super::server_errors::failed;
use super::small_tables;
use crate::domain::tables::{Table, quoted};

/// Version of `sql/postgis/tables.sql`, stored in the column `mobility_load.layout`.
const SCHEMA_VERSION: i32 = 2;
const TABLES: &str = include_str!("../../../sql/postgis/tables.sql");

/// Whether the schema holds the tables of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    Empty,
    Created,
}

/// Checks whether the tables have been created.
///
/// # Errors
/// Tables of another version of this program; a role that may not read them.
pub fn find(client: &mut Client) -> Result<SchemaState> {
    let exists = client
        .query_one("SELECT to_regclass('mobility_load') IS NOT NULL", &[])
        .map_err(failed)?
        .get::<_, bool>(0);
    if !exists {
        return Ok(SchemaState::Empty);
    }
    let row = client.query_opt("SELECT layout FROM mobility_load", &[]).map_err(failed)?;
    match row.map(|r| r.get::<_, i32>(0)) {
        Some(SCHEMA_VERSION) => Ok(SchemaState::Created),
        other => bail!(
            "the tables in the schema have version {}, but this program needs version \
             {SCHEMA_VERSION}; use the version of mobility that created them, or set \
             warehouse.schema to another schema",
            other.map_or_else(|| "unknown".to_owned(), |version| version.to_string())
        ),
    }
}

/// Creates the tables that are missing. `schema` names the schema in messages.
///
/// # Errors
/// A foreign relation with the name of one of the tables, described with its columns; a role
/// without the necessary privileges.
pub fn ensure(client: &mut Client, schema: &str) -> Result<()> {
    if find(client)? == SchemaState::Created {
        refuse_other_roles(client, schema)?;
        return small_tables::ensure(client, schema);
    }
    let privileges = client
        .query_one("SELECT has_schema_privilege($1, 'CREATE'), current_user::text", &[&schema])
        .map_err(failed)?;
    if !privileges.get::<_, bool>(0) {
        let role: String = privileges.get(1);
        bail!(
            "role {role} may not create tables in schema {schema}; let its owner run: \
             GRANT CREATE, USAGE ON SCHEMA {} TO {}",
            quoted(schema),
            quoted(&role)
        );
    }
    let mut transaction = client.transaction().map_err(failed)?;
    refuse_foreign_tables(&mut transaction, schema)?;
    transaction.batch_execute(TABLES).map_err(failed)?;
    transaction
        .execute("INSERT INTO mobility_load (layout, load_no) VALUES ($1, 0)", &[&SCHEMA_VERSION])
        .map_err(failed)?;
    transaction.commit().map_err(failed)?;
    small_tables::ensure(client, schema)
}

/// Only members of the owning role may attach partitions to a table.
fn refuse_other_roles(client: &mut Client, schema: &str) -> Result<()> {
    let row = client
        .query_one(
            "SELECT pg_has_role(c.relowner, 'USAGE'), pg_get_userbyid(c.relowner)::text, \
               current_user::text \
             FROM pg_class c WHERE c.oid = 'mobility_load'::regclass",
            &[],
        )
        .map_err(failed)?;
    let (is_owner, owner, role): (bool, String, String) = (row.get(0), row.get(1), row.get(2));
    if !is_owner {
        bail!(
            "the tables in schema {schema} belong to role {owner}, and role {role} may not change \
             them; load as {owner}, or let it run: GRANT {} TO {}",
            quoted(&owner),
            quoted(&role)
        );
    }
    Ok(())
}

/// Refuses a schema without the tables of this program in which one of their names is taken.
///
/// # Errors
/// The first relation with such a name, with the remedy.
pub fn refuse_foreign_tables(transaction: &mut Transaction, schema: &str) -> Result<()> {
    for table in Table::ALL {
        if let Some(found) = describe(transaction, table.name())? {
            let fields = table.schema();
            let expected: Vec<&str> = fields.fields().iter().map(|f| f.name().as_str()).collect();
            bail!(
                "the schema already contains {found}, which mobility did not make (its own {} has the \
                 columns {}); rename or drop it, or set warehouse.schema to a schema of its own (now \
                 {schema})",
                table.name(),
                expected.join(", ")
            );
        }
    }
    Ok(())
}

//! What a warehouse needs of the server: its version and encoding, PostGIS, and the schema. The last two
//! are created by the first load.

use anyhow::Result;
use postgres::{Client, GenericClient};

use super::names::SchemaName;
use super::server_errors::{explain, failed};
use crate::domain::tables::quoted;

/// The first version that can detach partitions without blocking readers.
const MIN_SERVER_VERSION: i32 = 140_000;
const MIN_POSTGIS_VERSION: u32 = 3;

/// What was found on the server.
#[derive(Debug, Default)]
pub struct Requirements {
    /// Requirements that no load can meet.
    pub problems: Vec<String>,
    /// What the first load has to create.
    pub missing: Vec<Missing>,
}

/// Something that the first load creates.
#[derive(Debug)]
pub struct Missing {
    /// For example `the schema mob`.
    pub what: String,
    /// What to do about it, if the role is unlikely to be allowed to create it.
    pub forbidden: Option<String>,
    /// The statement that creates it, and the message if that fails, to which the reason is added.
    statement: String,
    failure: String,
}

impl Missing {
    /// Creates it; returns what to do if that fails.
    pub fn create(self, client: &mut Client) -> Option<String> {
        let error = client.batch_execute(&self.statement).err()?;
        Some(self.failure.replace(REASON, &explain(&error)))
    }
}

/// Stands for the reason in [`Missing::failure`].
const REASON: &str = "{reason}";

/// Compares the server with the requirements. Changes nothing.
///
/// # Errors
/// Errors of the server.
pub fn find<C: GenericClient>(client: &mut C, schema: &SchemaName) -> Result<Requirements> {
    // the extensions that could be created are files, which the server reads only if one is missing
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::integer, current_setting('server_version'), \
               current_setting('server_encoding'), current_user::text, current_database()::text, \
               (SELECT extversion FROM pg_extension WHERE extname = 'postgis'), \
               CASE WHEN NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'postgis') \
                 THEN (SELECT default_version FROM pg_available_extensions WHERE name = 'postgis') END, \
               EXISTS (SELECT FROM pg_namespace WHERE nspname = $1), \
               has_database_privilege(current_database(), 'CREATE') AND NOT pg_is_in_recovery(), \
               CASE WHEN NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'postgis') \
                 THEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR EXISTS ( \
                   SELECT FROM pg_available_extension_versions WHERE name = 'postgis' AND trusted) END",
            &[&schema.name()],
        )
        .map_err(failed)?;
    let (number, version): (i32, String) = (row.get(0), row.get(1));
    let (encoding, role, database): (String, String, String) = (row.get(2), row.get(3), row.get(4));
    let (extension, available): (Option<String>, Option<String>) = (row.get(5), row.get(6));
    let (has_schema, may_create, may_extend): (bool, bool, Option<bool>) =
        (row.get(7), row.get(8), row.get(9));
    let mut found = Requirements::default();
    if number < MIN_SERVER_VERSION {
        found
            .problems
            .push(format!("the server is PostgreSQL {version}, but 14 or newer is required"));
    }
    if encoding != "UTF8" {
        found.problems.push(format!(
            "database {database} has the encoding {encoding}, but UTF8 is required; create one with ENCODING 'UTF8'"
        ));
    }
    match (extension, available) {
        (Some(version), _) if major(&version).is_some_and(|m| m < MIN_POSTGIS_VERSION) => {
            found.problems.push(format!(
                "database {database} has PostGIS {version}, but {MIN_POSTGIS_VERSION} or newer is \
                 required; let a superuser run: SELECT postgis_extensions_upgrade()"
            ));
        }
        (Some(_), _) => {}
        (None, None) => found.problems.push(
            "the server has no PostGIS; install it there (on Debian the package postgresql-postgis)"
                .to_owned(),
        ),
        (None, Some(_)) => {
            let remedy = |reason: &str| {
                format!(
                    "database {database} lacks the extension postgis and role {role} could not \
                     create it ({reason}); let a superuser run there: CREATE EXTENSION postgis"
                )
            };
            let allowed = may_create && may_extend.unwrap_or_default();
            found.missing.push(Missing {
                what: "the extension postgis".to_owned(),
                forbidden: (!allowed).then(|| remedy("it lacks the privilege")),
                statement: "CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public".to_owned(),
                failure: remedy(REASON),
            });
        }
    }
    if !has_schema {
        let (name, quoted_name) = (schema.name(), schema.quoted());
        let remedy = format!(
            "database {database} has no schema {name} and role {role} may not create it; \
             let its owner run: CREATE SCHEMA {quoted_name} AUTHORIZATION {}",
            quoted(&role)
        );
        found.missing.push(Missing {
            what: format!("the schema {name}"),
            forbidden: (!may_create).then(|| remedy.clone()),
            statement: format!("CREATE SCHEMA IF NOT EXISTS {quoted_name}"),
            failure: match may_create {
                true => format!("schema {name} could not be created ({REASON})"),
                false => remedy,
            },
        });
    }
    Ok(found)
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_the_first_number() {
        assert_eq!(major("3.5.2"), Some(3));
        assert_eq!(major("unknown"), None);
    }
}

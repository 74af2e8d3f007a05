//! The tables of this program in the configured schema: created once, recognised later, upgraded if an
//! older version created them, and never confused with tables of the same name that others created.

use anyhow::{Result, bail};
use postgres::{Client, GenericClient, Transaction};

use super::names::SchemaName;
use super::relations::{column_types, describe, exists};
use super::server_errors::failed;
use super::{small_tables, stored_views, upgrade};
use crate::domain::tables::{Table, quoted};
use crate::progress::Progress;

/// Version of `sql/postgis/tables.sql`, stored in the column `mobility_load.layout`.
const SCHEMA_VERSION: i32 = 3;
/// The version whose numbers of users, cells, partitions and loads have 32 bits.
const VERSION_OF_32_BITS: i32 = 2;
const TABLES: &str = include_str!("../../../sql/postgis/tables.sql");
/// The relations of the contract over the tables.
const RELATIONS: &str = include_str!("../../../sql/postgis/relations.sql");

/// Columns that later versions added.
const ADDED_COLUMNS: &str = include_str!("../../../sql/postgis/added_columns.sql");

/// Whether the schema holds the tables of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    Empty,
    /// Of an older version that can be read; the next load upgrades them.
    Outdated,
    Created,
}

/// Checks whether the tables have been created.
///
/// # Errors
/// Tables of another version of this program; a role that may not read them.
pub fn find(client: &mut Client, schema: &SchemaName) -> Result<SchemaState> {
    if !exists(client, schema, "mobility_load")? {
        return Ok(SchemaState::Empty);
    }
    let sql = schema.fill("SELECT layout FROM {schema}.mobility_load");
    let row = client.query_opt(&sql, &[]).map_err(failed)?;
    check_version(row.map(|row| row.get(0)))
}

/// Whether tables of this version, the column `mobility_load.layout`, can be used.
///
/// # Errors
/// Tables of another version of this program.
pub fn check_version(version: Option<i32>) -> Result<SchemaState> {
    match version {
        Some(SCHEMA_VERSION) => Ok(SchemaState::Created),
        Some(VERSION_OF_32_BITS) => Ok(SchemaState::Outdated),
        other => bail!(
            "the tables in the schema have version {}, but this program needs version \
             {SCHEMA_VERSION}; use the version of mobility that created them, or set \
             warehouse.schema to another schema",
            other.map_or_else(|| "unknown".to_owned(), |version| version.to_string())
        ),
    }
}

/// The schema of PostGIS as an SQL identifier; `None` if the database lacks it.
///
/// # Errors
/// Errors of the server.
pub fn of_postgis<C: GenericClient>(client: &mut C) -> Result<Option<String>> {
    let sql = "SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n \
               ON n.oid = e.extnamespace WHERE e.extname = 'postgis'";
    Ok(client.query_opt(sql, &[]).map_err(failed)?.map(|row| quoted(row.get(0))))
}

/// Creates the tables that are missing, and upgrades those of an older version.
///
/// # Errors
/// A foreign relation with the name of one of the tables, described with its columns; a role
/// without the necessary privileges.
pub fn ensure(client: &mut Client, schema: &SchemaName, progress: &Progress) -> Result<()> {
    let state = find(client, schema)?;
    if state != SchemaState::Empty {
        refuse_other_roles(client, schema)?;
        if state == SchemaState::Outdated {
            let bar = progress.spinner("load", "upgrading the tables to 64-bit numbers");
            let relations = format!("{ADDED_COLUMNS}{RELATIONS}");
            upgrade::run(client, schema, SCHEMA_VERSION, &relations)?;
            bar.finish();
        }
        add_columns(client, schema)?;
        stored_views::ensure(client, schema)?;
        return small_tables::ensure(client, schema);
    }
    let privileges = client
        .query_one(
            "SELECT has_schema_privilege($1, 'CREATE'), current_user::text",
            &[&schema.name()],
        )
        .map_err(failed)?;
    if !privileges.get::<_, bool>(0) {
        let role: String = privileges.get(1);
        bail!(
            "role {role} may not create tables in schema {}; let its owner run: \
             GRANT CREATE, USAGE ON SCHEMA {} TO {}",
            schema.name(),
            schema.quoted(),
            quoted(&role)
        );
    }
    let Some(postgis) = of_postgis(client)? else { bail!("the database has no extension postgis") };
    let tables = schema.fill(&TABLES.replace("{postgis}", &postgis));
    let mut transaction = client.transaction().map_err(failed)?;
    refuse_foreign_tables(&mut transaction, schema)?;
    transaction.batch_execute(&tables).map_err(failed)?;
    transaction.batch_execute(&schema.fill(RELATIONS)).map_err(failed)?;
    transaction
        .execute(
            &schema.fill("INSERT INTO {schema}.mobility_load (layout, load_no) VALUES ($1, 0)"),
            &[&SCHEMA_VERSION],
        )
        .map_err(failed)?;
    transaction.commit().map_err(failed)?;
    stored_views::ensure(client, schema)?;
    small_tables::ensure(client, schema)
}

/// Adds the columns that tables of an earlier version lack, and makes the relations over them again.
fn add_columns(client: &mut Client, schema: &SchemaName) -> Result<()> {
    // the column that was added last
    let columns = column_types(client, Some(schema), "lau")?;
    if columns.iter().any(|(name, _)| name == "area_km2") {
        return Ok(());
    }
    let mut transaction = client.transaction().map_err(failed)?;
    transaction.batch_execute(&schema.fill(ADDED_COLUMNS)).map_err(failed)?;
    transaction.batch_execute(&schema.fill(RELATIONS)).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Only members of the owning role may attach partitions to a table.
fn refuse_other_roles(client: &mut Client, schema: &SchemaName) -> Result<()> {
    let row = client
        .query_one(
            "SELECT pg_has_role(c.relowner, 'USAGE'), pg_get_userbyid(c.relowner)::text, \
               current_user::text \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relname = 'mobility_load'",
            &[&schema.name()],
        )
        .map_err(failed)?;
    let (is_owner, owner, role): (bool, String, String) = (row.get(0), row.get(1), row.get(2));
    if !is_owner {
        bail!(
            "the tables in schema {} belong to role {owner}, and role {role} may not change \
             them; load as {owner}, or let it run: GRANT {} TO {}",
            schema.name(),
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
pub fn refuse_foreign_tables(transaction: &mut Transaction, schema: &SchemaName) -> Result<()> {
    for table in Table::ALL {
        if let Some(found) = describe(transaction, schema, table.name())? {
            let fields = table.schema();
            let expected: Vec<&str> = fields.fields().iter().map(|f| f.name().as_str()).collect();
            bail!(
                "the schema already contains {found}, which mobility did not make (its own {} has the \
                 columns {}); rename or drop it, or set warehouse.schema to a schema of its own (now \
                 {})",
                table.name(),
                expected.join(", "),
                schema.name()
            );
        }
    }
    Ok(())
}

//! Our tables in the schema: made once, recognised later, never mistaken for somebody else's.

use anyhow::{Result, bail};
use postgres::{Client, Transaction};

use super::server_errors::failed;
use super::small_tables;
use crate::domain::tables::{Table, quoted};

/// Changes with `sql/postgis/tables.sql`.
const LAYOUT: i32 = 2;
const TABLES: &str = include_str!("../../../sql/postgis/tables.sql");

/// What the names of the contract stand for in the schema now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Ours,
}

/// Looks whether our tables are there.
///
/// # Errors
/// Tables of another version of this program; a role that may not read them.
pub fn find(client: &mut Client) -> Result<Found> {
    let there = client
        .query_one("SELECT to_regclass('mobility_load') IS NOT NULL", &[])
        .map_err(failed)?
        .get::<_, bool>(0);
    if !there {
        return Ok(Found::Nothing);
    }
    let row = client.query_opt("SELECT layout FROM mobility_load", &[]).map_err(failed)?;
    match row.map(|r| r.get::<_, i32>(0)) {
        Some(LAYOUT) => Ok(Found::Ours),
        other => bail!(
            "the tables there are of layout {other:?}, this program works with {LAYOUT}; \
             use the program that made them, or another warehouse.schema"
        ),
    }
}

/// Makes our tables where they are missing. `schema` is where that happens, for messages.
///
/// # Errors
/// A relation of one of our names that is not ours, with its columns; a role without the right.
pub fn ensure(client: &mut Client, schema: &str) -> Result<()> {
    if find(client)? == Found::Ours {
        refuse_guests(client, schema)?;
        return small_tables::ensure(client, schema);
    }
    let may = client
        .query_one("SELECT has_schema_privilege($1, 'CREATE'), current_user::text", &[&schema])
        .map_err(failed)?;
    if !may.get::<_, bool>(0) {
        let role: String = may.get(1);
        bail!(
            "role {role} may not create tables in schema {schema}; let its owner run: \
             GRANT CREATE, USAGE ON SCHEMA {} TO {}",
            quoted(schema),
            quoted(&role)
        );
    }
    let mut transaction = client.transaction().map_err(failed)?;
    refuse_strangers(&mut transaction, schema)?;
    transaction.batch_execute(TABLES).map_err(failed)?;
    transaction
        .execute("INSERT INTO mobility_load (layout, load_no) VALUES ($1, 0)", &[&LAYOUT])
        .map_err(failed)?;
    transaction.commit().map_err(failed)?;
    small_tables::ensure(client, schema)
}

/// Only the owner may put partitions under a table.
fn refuse_guests(client: &mut Client, schema: &str) -> Result<()> {
    let row = client
        .query_one(
            "SELECT pg_has_role(c.relowner, 'USAGE'), pg_get_userbyid(c.relowner)::text, \
               current_user::text \
             FROM pg_class c WHERE c.oid = 'mobility_load'::regclass",
            &[],
        )
        .map_err(failed)?;
    let (may, owner, role): (bool, String, String) = (row.get(0), row.get(1), row.get(2));
    if !may {
        bail!(
            "the tables in schema {schema} belong to role {owner}, and role {role} may not change \
             them; load as {owner}, or let it run: GRANT {} TO {}",
            quoted(&owner),
            quoted(&role)
        );
    }
    Ok(())
}

/// # Errors
/// A relation of one of our names, in a schema that does not hold our tables.
pub fn refuse_strangers(transaction: &mut Transaction, schema: &str) -> Result<()> {
    for table in Table::ALL {
        if let Some(found) = describe(transaction, table.name())? {
            let fields = table.schema();
            let wanted: Vec<&str> = fields.fields().iter().map(|f| f.name().as_str()).collect();
            bail!(
                "there is {found} already, which mobility did not make (its own {} has the columns {}); \
                 rename or drop it, or set warehouse.schema to a schema of its own (now {schema})",
                table.name(),
                wanted.join(", ")
            );
        }
    }
    Ok(())
}

/// `a table lau with the columns a, b`; `None` where nothing has that name.
///
/// # Errors
/// What the server says.
pub fn describe(transaction: &mut Transaction, name: &str) -> Result<Option<String>> {
    let row = transaction
        .query_opt(
            "SELECT CASE c.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view' \
               WHEN 'S' THEN 'a sequence' WHEN 'i' THEN 'an index' WHEN 'f' THEN 'a foreign table' \
               ELSE 'a table' END, \
               (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a \
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) \
             FROM pg_class c \
             WHERE c.relname = $1 AND c.relnamespace = current_schema()::regnamespace",
            &[&name],
        )
        .map_err(failed)?;
    Ok(row.map(|r| {
        let (kind, columns): (String, Option<String>) = (r.get(0), r.get(1));
        format!("{kind} {name} with the columns {}", columns.unwrap_or_default())
    }))
}

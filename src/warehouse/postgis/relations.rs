//! What the server's catalogue says about a table or view: its columns, and a description for messages.

use anyhow::Result;
use postgres::GenericClient;

use super::names::SchemaName;
use super::server_errors::failed;

/// Name and SQL type of each column.
pub type ColumnTypes = Vec<(String, String)>;

/// Names and types of the columns of a relation in the schema, or of a temporary one if there is no
/// schema; empty if it does not exist.
///
/// # Errors
/// Errors of the server.
pub fn column_types<C: GenericClient>(
    client: &mut C,
    schema: Option<&SchemaName>,
    relation: &str,
) -> Result<ColumnTypes> {
    let rows = client
        .query(
            // the relation first: the catalogue has the columns of the partitions of all dates
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) \
             FROM pg_attribute a \
             WHERE a.attrelid = (SELECT c.oid FROM pg_class c WHERE c.relname = $2 AND c.relnamespace = \
                 CASE WHEN $1::text IS NULL THEN pg_my_temp_schema() \
                      ELSE (SELECT n.oid FROM pg_namespace n WHERE n.nspname = $1) END) \
               AND a.attnum > 0 AND NOT a.attisdropped \
             ORDER BY a.attnum",
            &[&schema.map(SchemaName::name), &relation],
        )
        .map_err(failed)?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// True if the schema has a relation of that name.
///
/// # Errors
/// Errors of the server.
pub fn exists<C: GenericClient>(client: &mut C, schema: &SchemaName, name: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1 AND c.relname = $2)";
    Ok(client.query_one(sql, &[&schema.name(), &name]).map_err(failed)?.get(0))
}

/// The comment on a relation, by which this program recognises its own; empty if it has none.
///
/// # Errors
/// Errors of the server.
pub fn comment<C: GenericClient>(
    client: &mut C,
    schema: &SchemaName,
    name: &str,
) -> Result<String> {
    let sql = "SELECT obj_description(c.oid, 'pg_class') \
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1 AND c.relname = $2";
    let row = client.query_opt(sql, &[&schema.name(), &name]).map_err(failed)?;
    Ok(row.and_then(|r| r.get(0)).unwrap_or_default())
}

/// `a table lau with the columns a, b`; `None` if no relation in the schema has that name.
///
/// # Errors
/// Errors of the server.
pub fn describe<C: GenericClient>(
    client: &mut C,
    schema: &SchemaName,
    name: &str,
) -> Result<Option<String>> {
    let row = client
        .query_opt(
            "SELECT CASE c.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view' \
               WHEN 'S' THEN 'a sequence' WHEN 'i' THEN 'an index' WHEN 'f' THEN 'a foreign table' \
               ELSE 'a table' END, \
               (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute a \
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relname = $2",
            &[&schema.name(), &name],
        )
        .map_err(failed)?;
    Ok(row.map(|r| {
        let (kind, columns): (String, Option<String>) = (r.get(0), r.get(1));
        format!("{kind} {name} with the columns {}", columns.unwrap_or_default())
    }))
}

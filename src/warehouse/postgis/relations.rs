//! What the server's catalogue says about a table or view: its columns, and a description for messages.

use anyhow::Result;
use postgres::Transaction;

use super::server_errors::failed;

/// Name and SQL type of each column.
pub type ColumnTypes = Vec<(String, String)>;

/// Names and types of the columns of a relation, in the configured schema or temporary.
///
/// # Errors
/// Errors of the server.
pub fn column_types(transaction: &mut Transaction, relation: &str) -> Result<ColumnTypes> {
    let rows = transaction
        .query(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
             WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0 AND NOT attisdropped \
             ORDER BY attnum",
            &[&relation],
        )
        .map_err(failed)?;
    Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
}

/// `a table lau with the columns a, b`; `None` if no relation in the schema has that name.
///
/// # Errors
/// Errors of the server.
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

//! Tells whether computed rows are those that are stored: a result that is computed again is then left as it is,
//! and takes up no space for replaced rows.

use anyhow::Result;
use postgres::Transaction;
use postgres::types::ToSql;

use super::relations::ColumnTypes;
use super::server_errors::failed;
use crate::domain::tables::quoted;

/// The types of which equal values have the same text.
const COMPARABLE: [&str; 7] =
    ["bigint", "integer", "smallint", "boolean", "date", "text", "timestamp without time zone"];

/// True if the rows of both FROM items are the same, each as often; false if their columns have values that
/// cannot be compared.
///
/// # Errors
/// Errors of the server.
pub fn are_same(
    transaction: &mut Transaction,
    columns: &ColumnTypes,
    (computed, stored): (&str, &str),
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<bool> {
    if columns.iter().any(|(_, kind)| !COMPARABLE.contains(&kind.as_str())) {
        return Ok(false);
    }
    let column = |(name, kind): &(String, String)| match kind.as_str() {
        "text" => format!("{} COLLATE \"C\"", quoted(name)),
        _ => quoted(name),
    };
    let list = columns.iter().map(column).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT (SELECT count(*) FROM {computed}) = (SELECT count(*) FROM {stored}) \
           AND NOT EXISTS (SELECT {list} FROM {computed} EXCEPT ALL SELECT {list} FROM {stored})"
    );
    Ok(transaction.query_one(&sql, parameters).map_err(failed)?.get(0))
}

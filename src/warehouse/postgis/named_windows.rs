//! The windows that a stored result names for each date.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use chrono::NaiveDate;
use postgres::Transaction;

use super::names::SchemaName;
use super::relations::ColumnTypes;
use super::server_errors::failed;
use crate::domain::tables::quoted;
use crate::views::{NAMED_WINDOW, Split};

/// The windows that the rows of each period of a view name.
pub type Windows = BTreeMap<NaiveDate, BTreeSet<NaiveDate>>;

/// Reads the windows that a view with these columns names; none if it has no such column.
///
/// # Errors
/// Errors of the server.
pub fn read(
    transaction: &mut Transaction,
    schema: &SchemaName,
    columns: &ColumnTypes,
    (view, split): (&str, &Split),
) -> Result<Windows> {
    let mut windows = Windows::new();
    let is_named = |(name, kind): &(String, String)| name == NAMED_WINDOW && kind == "date";
    if split.column == NAMED_WINDOW || !columns.iter().any(is_named) {
        return Ok(windows);
    }
    let (table, start) = (schema.result_table(view), quoted(&split.column));
    let sql = format!(
        "SELECT {start}, {NAMED_WINDOW} FROM {table} \
         WHERE {start} IS NOT NULL AND {NAMED_WINDOW} IS NOT NULL"
    );
    for row in transaction.query(&sql, &[]).map_err(failed)? {
        windows.entry(row.get(0)).or_default().insert(row.get(1));
    }
    Ok(windows)
}

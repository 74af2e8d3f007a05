//! Stored results of views that are computed date by date. A load computes the dates that changed and
//! leaves the rows of all others in place, so that it costs the same however many dates there are.
//!
//! The table of such a result has a further column with the date that a row was computed from, which the
//! view over it leaves out. `mobility_view_date` lists the dates with fingerprints of everything that their
//! rows depend on.

use std::collections::HashMap;

use anyhow::Result;
use chrono::NaiveDate;
use postgres::{Client, GenericClient, Transaction};
use sha2::{Digest, Sha256};

use super::compute_view::{DATE_COLUMN, Day, compute};
use super::names::SchemaName;
use super::query::order_clause;
use super::relations::exists;
use super::search_path::possible_relations;
use super::server_errors::failed;
use crate::domain::ids::hex;
use crate::domain::tables::Table;
use crate::views::OrderBy;

const TABLES: &str = include_str!("../../../sql/postgis/daily_results.sql");

/// The tables that a view may read if it is computed date by date: those with the rows of dates, and those
/// that are the same for all dates.
const READABLE: [Table; 4] =
    [Table::MobileEventsCompressed, Table::MobileEventsPlaced, Table::CellPlan, Table::Lau];

/// A stored result that is computed date by date.
pub struct DailyResult<'a> {
    pub view: &'a str,
    pub sql: &'a str,
    /// Fingerprint of the SQL.
    pub fingerprint: &'a str,
    /// Name of the table in SQL.
    pub table: &'a str,
    /// Order in which the rows of a date are stored.
    pub order: &'a [OrderBy],
}

/// Creates what is missing to store results by date.
///
/// # Errors
/// Errors of the server.
pub fn ensure(client: &mut Client, schema: &SchemaName) -> Result<()> {
    if exists(client, schema, "mobility_view_date")? {
        return Ok(());
    }
    let mut transaction = client.transaction().map_err(failed)?;
    transaction.batch_execute(&schema.fill(TABLES)).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// The views that the SQL of `view` reads, if it can be computed date by date: if it reads, besides the
/// tables for which that is possible, only views whose results are stored by date.
///
/// # Errors
/// Errors of the server.
pub fn sources<C: GenericClient>(
    client: &mut C,
    schema: &SchemaName,
    view: &str,
    sql: &str,
) -> Result<Option<Vec<String>>> {
    let Some(words) = possible_relations(sql) else { return Ok(None) };
    let other = Table::ALL.into_iter().filter(|table| !READABLE.contains(table));
    if other.into_iter().any(|table| words.contains(table.name())) {
        return Ok(None);
    }
    let words: Vec<&String> = words.iter().filter(|word| *word != view).collect();
    let rows = client
        .query(
            &schema.fill(
                "SELECT view, by_date FROM {schema}.mobility_view WHERE view = ANY ($1) ORDER BY view",
            ),
            &[&words],
        )
        .map_err(failed)?;
    let by_date = rows.iter().all(|row| row.get(1));
    Ok(by_date.then(|| rows.iter().map(|row| row.get(0)).collect()))
}

/// Adds the column of dates to the table of a result, or removes it. The rows are removed, since it is not
/// known which dates they belong to; views of users over the result are kept.
///
/// # Errors
/// Errors of the server.
pub fn change_table(transaction: &mut Transaction, table: &str, by_date: bool) -> Result<()> {
    let change = match by_date {
        true => format!(
            "ALTER TABLE {table} ADD COLUMN {DATE_COLUMN} date NOT NULL; \
             CREATE INDEX ON {table} ({DATE_COLUMN})"
        ),
        false => format!("ALTER TABLE {table} DROP COLUMN {DATE_COLUMN}"),
    };
    transaction.batch_execute(&format!("DELETE FROM {table}; {change}")).map_err(failed)
}

/// True if the result of the view is stored by date.
///
/// # Errors
/// Errors of the server.
pub fn is_stored_by_date(client: &mut Client, schema: &SchemaName, view: &str) -> Result<bool> {
    let sql = "SELECT by_date FROM {schema}.mobility_view WHERE view = $1";
    let row = client.query_opt(&schema.fill(sql), &[&view]).map_err(failed)?;
    Ok(row.is_some_and(|row| row.get(0)))
}

/// Removes the rows of dates that are gone, and computes those of dates that are new or changed. Returns
/// the number of rows of the whole result.
///
/// # Errors
/// SQL that the server rejects, with the position in it.
pub fn update(
    transaction: &mut Transaction,
    schema: &SchemaName,
    result: &DailyResult,
    views: &[String],
) -> Result<i64> {
    let DailyResult { view, table, .. } = result;
    let current = current_dates(transaction, schema, result, views)?;
    let stored = stored_dates(transaction, schema, view)?;
    let outdated: Vec<NaiveDate> = stored
        .iter()
        .filter(|(date, fingerprint)| current.iter().all(|(d, f)| d != *date || f != *fingerprint))
        .map(|(date, _)| *date)
        .collect();
    let mut changed = 0;
    if !outdated.is_empty() {
        let delete = format!("DELETE FROM {table} WHERE {DATE_COLUMN} = ANY ($1)");
        changed += transaction.execute(&delete, &[&outdated]).map_err(failed)?;
        let forget = "DELETE FROM {schema}.mobility_view_date WHERE view = $1 AND date = ANY ($2)";
        transaction.execute(&schema.fill(forget), &[view, &outdated]).map_err(failed)?;
    }
    let insert = insert(result);
    let record = schema.fill(
        "INSERT INTO {schema}.mobility_view_date (view, date, mark, row_count) VALUES ($1, $2, $3, $4)",
    );
    for (date, fingerprint) in current.iter().filter(|(d, f)| stored.get(d) != Some(f)) {
        compute(transaction, schema, result.sql, Some(Day { date: *date, views }))?;
        let rows = transaction.execute(&insert, &[date]).map_err(failed)?;
        changed += rows;
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        transaction.execute(&record, &[view, date, fingerprint, &rows]).map_err(failed)?;
    }
    let count = "SELECT coalesce(sum(row_count), 0)::bigint FROM {schema}.mobility_view_date WHERE view = $1";
    let rows: i64 = transaction.query_one(&schema.fill(count), &[view]).map_err(failed)?.get(0);
    // statistics of a result that has hardly changed are still right
    if changed > 0 && i64::try_from(changed).unwrap_or(i64::MAX).saturating_mul(10) >= rows {
        transaction.batch_execute(&format!("ANALYZE {table}")).map_err(failed)?;
    }
    transaction.batch_execute("DROP TABLE IF EXISTS pg_temp.mobility_computed").map_err(failed)?;
    Ok(rows)
}

/// The statement that inserts the computed rows of the date $1.
fn insert(result: &DailyResult) -> String {
    let order = order_clause(result.order);
    format!(
        "INSERT INTO {} SELECT *, $1::date AS {DATE_COLUMN} FROM pg_temp.mobility_computed{order}",
        result.table
    )
}

/// The loaded dates, each with a fingerprint of everything that its rows depend on.
fn current_dates(
    transaction: &mut Transaction,
    schema: &SchemaName,
    result: &DailyResult,
    views: &[String],
) -> Result<Vec<(NaiveDate, String)>> {
    // the fingerprint of places is the first word
    let places = "SELECT coalesce(split_part(places, ' ', 1), '') FROM {schema}.mobility_load";
    let places: String = transaction.query_one(&schema.fill(places), &[]).map_err(failed)?.get(0);
    let reads_places = !views.is_empty()
        || possible_relations(result.sql).is_none_or(|words| {
            [Table::CellPlan, Table::Lau].iter().any(|table| words.contains(table.name()))
        });
    let shared = format!("{} {}", result.fingerprint, if reads_places { &*places } else { "" });
    let loaded = "SELECT date, mark FROM {schema}.mobility_leaf \
                  WHERE kind = 'presence' AND retired_by IS NULL ORDER BY date";
    let rows = transaction.query(&schema.fill(loaded), &[]).map_err(failed)?;
    let fingerprint = |events: String| hex(&Sha256::digest(format!("{shared} {events}")));
    Ok(rows.iter().map(|row| (row.get(0), fingerprint(row.get(1)))).collect())
}

fn stored_dates(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &str,
) -> Result<HashMap<NaiveDate, String>> {
    let sql = "SELECT date, mark FROM {schema}.mobility_view_date WHERE view = $1";
    let rows = transaction.query(&schema.fill(sql), &[&view]).map_err(failed)?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Forgets which dates are stored, so that all are computed again.
///
/// # Errors
/// Errors of the server.
pub fn forget(transaction: &mut Transaction, schema: &SchemaName, view: &str) -> Result<()> {
    let sql = "DELETE FROM {schema}.mobility_view_date WHERE view = $1";
    transaction.execute(&schema.fill(sql), &[&view]).map_err(failed).map(drop)
}

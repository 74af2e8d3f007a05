//! Stored results of views that are computed by period. A load computes the periods that changed and
//! leaves the rows of all others in place, so that it costs the same however many dates there are.
//!
//! The table of such a result has a further column with the first date of the period that a row was computed
//! for, which the view over it leaves out. `mobility_view_date` lists the periods with fingerprints of
//! everything that their rows depend on.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use chrono::NaiveDate;
use postgres::Transaction;

use super::compute_view::{COMPUTED, Computation, drop_table};
use super::inputs::{Inputs, Periods, Reads};
use super::names::{DATE_COLUMN, SchemaName};
use super::relations::column_types;
use super::search_path;
use super::server_errors::failed;
use super::stored_views::StoredView;
use super::visible_tables::Scope;
use crate::domain::tables::quoted;
use crate::views::Growth;

/// A stored result that is computed by period.
pub struct PeriodResult<'a> {
    pub view: &'a StoredView,
    pub growth: Growth,
    /// The column with the first date of the period.
    pub column: Option<&'a str>,
    pub reads: &'a Reads,
    /// The columns of the result.
    pub columns: &'a [String],
}

/// Removes the rows of periods that are gone, and computes those of periods that are new or changed. Returns
/// the number of rows of the whole result.
///
/// # Errors
/// SQL that the server rejects, with the position in it; columns that have changed.
pub fn update(
    transaction: &mut Transaction,
    schema: &SchemaName,
    inputs: &mut Inputs,
    result: &PeriodResult,
) -> Result<i64> {
    let view = &*result.view.view;
    let table = schema.result_table(view);
    let current = current(inputs, result);
    let stored = inputs.periods(view).clone();
    let is_current = |(start, mark): (&NaiveDate, &String)| current.get(start) == Some(mark);
    let outdated: Vec<NaiveDate> =
        stored.iter().filter(|period| !is_current(*period)).map(|(start, _)| *start).collect();
    let mut changed = 0;
    if !outdated.is_empty() {
        let delete = format!("DELETE FROM {table} WHERE {DATE_COLUMN} = ANY ($1)");
        changed += transaction.execute(&delete, &[&outdated]).map_err(failed)?;
        let forget = "DELETE FROM {schema}.mobility_view_date WHERE view = $1 AND date = ANY ($2)";
        transaction.execute(&schema.fill(forget), &[&view, &outdated]).map_err(failed)?;
    }
    let missing: BTreeMap<&NaiveDate, &String> =
        current.iter().filter(|(start, mark)| stored.get(start) != Some(mark)).collect();
    let computation = Computation {
        schema,
        inputs,
        sql: &result.view.sql,
        columns: result.columns,
        keep_numbers: false,
        negated: None,
    };
    if !missing.is_empty() {
        computation.enter(transaction)?;
    }
    for (number, (start, mark)) in missing.iter().enumerate() {
        computation.run(transaction, COMPUTED, Some(&scope(inputs, result, **start)))?;
        if number == 0 {
            check_columns(transaction, inputs, view)?;
        }
        let rows = transaction.execute(&insert(&table, result, **start), &[]).map_err(failed)?;
        changed += rows;
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let record = "INSERT INTO {schema}.mobility_view_date (view, date, mark, row_count) \
                      VALUES ($1, $2, $3, $4)";
        transaction
            .execute(&schema.fill(record), &[&view, *start, *mark, &rows])
            .map_err(failed)?;
    }
    search_path::reset(transaction)?;
    let count = "SELECT coalesce(sum(row_count), 0)::bigint FROM {schema}.mobility_view_date WHERE view = $1";
    let rows: i64 = transaction.query_one(&schema.fill(count), &[&view]).map_err(failed)?.get(0);
    // statistics of a result that has hardly changed are still right
    if changed > 0 && i64::try_from(changed).unwrap_or(i64::MAX).saturating_mul(10) >= rows {
        transaction.batch_execute(&format!("ANALYZE {table}")).map_err(failed)?;
    }
    drop_table(transaction, COMPUTED)?;
    *inputs.periods(view) = current;
    Ok(rows)
}

/// The periods that have rows, each with a fingerprint of everything that these depend on.
fn current(inputs: &Inputs, result: &PeriodResult) -> Periods {
    let own = &result.view.fingerprint;
    let mark = |start| inputs.fingerprint(own, result.reads, result.growth.reads(start));
    let periods = inputs.starts(result.growth, result.reads);
    periods.into_iter().map(|start| (start, mark(start))).collect()
}

/// What the rows of a period are computed from.
fn scope(inputs: &Inputs, result: &PeriodResult, start: NaiveDate) -> Scope {
    let (first, last) = result.growth.reads(start);
    let partitions = inputs.dates.range(first..=last).map(|(date, p)| (*date, p.number)).collect();
    let views = inputs.conditions(result.reads, (first, last));
    Scope { period: Some(start), partitions, views }
}

/// The statement that inserts the computed rows of a period.
fn insert(table: &str, result: &PeriodResult, start: NaiveDate) -> String {
    let filter = match result.column {
        // the neighbours were computed from a part of what they depend on
        Some(column) => format!(" WHERE {} = DATE '{start}'", quoted(column)),
        None => String::new(),
    };
    let order = &result.view.order;
    let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {order}") };
    format!(
        "INSERT INTO {table} SELECT *, DATE '{start}' AS {DATE_COLUMN} \
         FROM pg_temp.mobility_computed{filter}{order}"
    )
}

/// Compares the computed columns with the stored ones.
fn check_columns(transaction: &mut Transaction, inputs: &Inputs, view: &str) -> Result<()> {
    let computed = column_types(transaction, None, COMPUTED)?;
    match *inputs.columns(view) == computed {
        true => Ok(()),
        false => Err(anyhow!("its columns have changed; run `mobility views`")),
    }
}

/// Adds the column of periods to the table of a result, or removes it. The rows are removed, since it is not
/// known which periods they belong to; views of users over the result are kept.
///
/// # Errors
/// Errors of the server.
pub fn change_table(transaction: &mut Transaction, table: &str, by_period: bool) -> Result<()> {
    let change = match by_period {
        true => format!(
            "ALTER TABLE {table} ADD COLUMN {DATE_COLUMN} date NOT NULL; \
             CREATE INDEX ON {table} ({DATE_COLUMN})"
        ),
        false => format!("ALTER TABLE {table} DROP COLUMN {DATE_COLUMN}"),
    };
    transaction.batch_execute(&format!("DELETE FROM {table}; {change}")).map_err(failed)
}

/// Forgets which periods are stored, so that all are computed again.
///
/// # Errors
/// Errors of the server.
pub fn forget(transaction: &mut Transaction, schema: &SchemaName, view: &str) -> Result<()> {
    let sql = "DELETE FROM {schema}.mobility_view_date WHERE view = $1";
    transaction.execute(&schema.fill(sql), &[&view]).map_err(failed).map(drop)
}

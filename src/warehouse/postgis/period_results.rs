//! Stored results of views that are computed by period. A load computes the periods that changed and
//! leaves the rows of all others in place, so that it costs the same however many dates there are.
//!
//! The table of such a result has a further column with the first date of the period that a row was computed
//! for, which the view over it leaves out. `mobility_view_date` lists the periods with fingerprints of
//! everything that their rows depend on.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow, bail};
use chrono::NaiveDate;
use postgres::Transaction;

use super::compute_view::{COMPUTED, Computation, drop_table};
use super::inputs::{Inputs, Periods, Reads};
use super::names::{DATE_COLUMN, SchemaName};
use super::period_batches;
use super::relations::column_types;
use super::same_rows::are_same;
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
    /// Compute all periods, also those whose rows are current.
    pub refresh: bool,
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
    let mut changed = remove(transaction, schema, view, &outdated)?;
    let missing: BTreeSet<NaiveDate> = current
        .iter()
        .filter(|(start, mark)| result.refresh || stored.get(start) != Some(mark))
        .map(|(start, _)| *start)
        .collect();
    let kept: Vec<NaiveDate> = missing
        .iter()
        .filter(|start| stored.contains_key(start) && !outdated.contains(start))
        .copied()
        .collect();
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
        let missing = Missing { current: &current, starts: &missing, kept: &kept };
        changed += match insert_rows_of_spark(transaction, &computation, result, missing)? {
            Some(rows) => rows,
            None => compute_missing(transaction, &computation, result, missing)?,
        };
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

/// The periods that are to be stored.
#[derive(Clone, Copy)]
struct Missing<'a> {
    /// All that have rows.
    current: &'a Periods,
    starts: &'a BTreeSet<NaiveDate>,
    /// Those with stored rows, which may be the same.
    kept: &'a [NaiveDate],
}

/// Inserts the missing periods of the rows that Spark has computed; returns their number, or `None` if Spark has
/// not computed the view.
fn insert_rows_of_spark(
    transaction: &mut Transaction,
    computation: &Computation,
    result: &PeriodResult,
    missing: Missing,
) -> Result<Option<u64>> {
    let Computation { schema, inputs, .. } = *computation;
    let view = &*result.view.view;
    let told_by = period_batches::told_by(inputs, result.view, (result.growth, result.column));
    let Some(column) = told_by else { return Ok(None) };
    let Some(rows) = inputs.rows_of_spark(view)? else { return Ok(None) };
    if computation.fill(transaction, COMPUTED, (None, rows))?.is_none() {
        return Ok(None);
    }
    check_columns(transaction, inputs, view)?;
    remove(transaction, schema, view, missing.kept)?;
    let starts: Vec<NaiveDate> = missing.starts.iter().copied().collect();
    let table = schema.result_table(view);
    let rows = insert_batch(transaction, &table, result, (&column, &starts))?;
    record(transaction, schema, view, (&starts, missing.current, &rows))?;
    Ok(Some(rows.values().sum()))
}

/// Computes and inserts the missing periods; returns the number of rows.
fn compute_missing(
    transaction: &mut Transaction,
    computation: &Computation,
    result: &PeriodResult,
    missing: Missing,
) -> Result<u64> {
    let Computation { schema, inputs, .. } = *computation;
    let view = &*result.view.view;
    let table = schema.result_table(view);
    let column =
        period_batches::column(inputs, result.view, result.reads, (result.growth, result.column));
    let size = |start: NaiveDate| match &column {
        Some(_) => inputs.dates.get(&start).map_or(0, |partition| partition.rows),
        None => i64::MAX,
    };
    let all: Vec<NaiveDate> = missing.current.keys().copied().collect();
    let mut inserted = 0;
    for (number, starts) in period_batches::split(&all, missing.starts, size).iter().enumerate() {
        computation.run(transaction, COMPUTED, Some(&scope(inputs, result, starts)))?;
        if number == 0 {
            check_columns(transaction, inputs, view)?;
        }
        let kept: Vec<NaiveDate> =
            starts.iter().filter(|start| missing.kept.contains(start)).copied().collect();
        if kept.len() == starts.len()
            && are_stored(transaction, (inputs, &table), result, (column.as_deref(), starts))?
        {
            continue;
        }
        inserted += remove(transaction, schema, view, &kept)?;
        let rows = match (&column, starts.as_slice()) {
            (_, [start]) => insert_period(transaction, &table, result, *start)?,
            (Some(column), _) => insert_batch(transaction, &table, result, (column, starts))?,
            (None, _) => bail!("periods of {view} cannot be told apart"),
        };
        inserted += rows.values().sum::<u64>();
        record(transaction, schema, view, (starts, missing.current, &rows))?;
    }
    Ok(inserted)
}

/// Removes the stored rows of periods; returns their number.
fn remove(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &str,
    starts: &[NaiveDate],
) -> Result<u64> {
    if starts.is_empty() {
        return Ok(0);
    }
    let table = schema.result_table(view);
    let delete = format!("DELETE FROM {table} WHERE {DATE_COLUMN} = ANY ($1)");
    let removed = transaction.execute(&delete, &[&starts]).map_err(failed)?;
    let forget = "DELETE FROM {schema}.mobility_view_date WHERE view = $1 AND date = ANY ($2)";
    transaction.execute(&schema.fill(forget), &[&view, &starts]).map_err(failed)?;
    Ok(removed)
}

/// True if the computed rows of periods are those that are stored for them.
fn are_stored(
    transaction: &mut Transaction,
    (inputs, table): (&Inputs, &str),
    result: &PeriodResult,
    (column, starts): (Option<&str>, &[NaiveDate]),
) -> Result<bool> {
    let filter = match (starts, column) {
        ([start], _) => of_period(result, *start),
        (_, Some(column)) => format!(" WHERE {} = ANY ($1)", date_of(column)),
        (_, None) => return Ok(false),
    };
    let computed = format!("pg_temp.{COMPUTED}{filter}");
    let stored = format!("{table} WHERE {DATE_COLUMN} = ANY ($1)");
    let columns = inputs.columns(&result.view.view);
    are_same(transaction, columns, (&computed, &stored), &[&starts])
}

/// The periods that have rows, each with a fingerprint of everything that these depend on.
pub fn current(inputs: &Inputs, result: &PeriodResult) -> Periods {
    let own = &result.view.fingerprint;
    let mark = |start| inputs.fingerprint(own, result.reads, result.growth.reads(start));
    let periods = inputs.starts(result.growth, result.reads);
    periods.into_iter().map(|start| (start, mark(start))).collect()
}

/// What the rows of consecutive periods are computed from.
fn scope(inputs: &Inputs, result: &PeriodResult, starts: &[NaiveDate]) -> Scope {
    let reads = |start: Option<&NaiveDate>| result.growth.reads(*start.unwrap_or(&NaiveDate::MIN));
    let (first, last) = (reads(starts.first()).0, reads(starts.last()).1);
    let partitions = inputs.dates.range(first..=last).map(|(date, p)| (*date, p.number)).collect();
    let views = inputs.conditions(result.reads, (first, last));
    let period = starts.first().copied().filter(|_| starts.len() == 1);
    Scope { period, partitions, views }
}

/// Inserts the computed rows of a period; returns their number.
fn insert_period(
    transaction: &mut Transaction,
    table: &str,
    result: &PeriodResult,
    start: NaiveDate,
) -> Result<BTreeMap<NaiveDate, u64>> {
    let insert = insert(table, result, (&format!("DATE '{start}'"), &of_period(result, start)));
    let rows = transaction.execute(&insert, &[]).map_err(failed)?;
    Ok(BTreeMap::from([(start, rows)]))
}

/// The condition for the computed rows of a period.
fn of_period(result: &PeriodResult, start: NaiveDate) -> String {
    match result.column {
        // the neighbours were computed from a part of what they depend on
        Some(column) => format!(" WHERE {} = DATE '{start}'", quoted(column)),
        None => String::new(),
    }
}

/// The date in a column of dates or times.
fn date_of(column: &str) -> String {
    format!("CAST({} AS date)", quoted(column))
}

/// Inserts the computed rows of several periods, which a column tells apart; returns their numbers.
fn insert_batch(
    transaction: &mut Transaction,
    table: &str,
    result: &PeriodResult,
    (column, starts): (&str, &[NaiveDate]),
) -> Result<BTreeMap<NaiveDate, u64>> {
    let date = date_of(column);
    let insert = insert(table, result, (&date, &format!(" WHERE {date} = ANY ($1)")));
    let counted = format!(
        "WITH added AS ({insert} RETURNING {DATE_COLUMN}) \
         SELECT {DATE_COLUMN}, count(*) FROM added GROUP BY 1"
    );
    let rows = transaction.query(&counted, &[&starts]).map_err(failed)?;
    Ok(rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1).unsigned_abs())).collect())
}

/// The statement that inserts computed rows, for which `filter` holds, with the first date of their period.
fn insert(table: &str, result: &PeriodResult, (start, filter): (&str, &str)) -> String {
    let order = &result.view.order;
    let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {order}") };
    format!(
        "INSERT INTO {table} SELECT *, {start} AS {DATE_COLUMN} \
         FROM pg_temp.mobility_computed{filter}{order}"
    )
}

/// Records that periods are stored, with their fingerprints and numbers of rows.
fn record(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &str,
    (starts, current, rows): (&[NaiveDate], &Periods, &BTreeMap<NaiveDate, u64>),
) -> Result<()> {
    let marks: Vec<&str> = starts.iter().map(|start| current[start].as_str()).collect();
    let count = |start| rows.get(start).map_or(0, |rows| i64::try_from(*rows).unwrap_or(i64::MAX));
    let counts: Vec<i64> = starts.iter().map(count).collect();
    let insert = "INSERT INTO {schema}.mobility_view_date (view, date, mark, row_count) \
                  SELECT $1::text, * FROM unnest($2::date[], $3::text[], $4::bigint[])";
    transaction
        .execute(&schema.fill(insert), &[&view, &starts, &marks, &counts])
        .map_err(failed)
        .map(drop)
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

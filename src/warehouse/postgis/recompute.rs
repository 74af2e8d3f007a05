//! Recomputes the stored results of views in the transaction of a load, from the SQL that was stored with
//! them: a load does not read view files.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use postgres::Transaction;

use super::compute_view::{COMPUTED, DATE_COLUMN, compute, compute_columns, prepare};
use super::daily_results;
use super::daily_results::DailyResult;
use super::names::{SchemaName, result_table_name};
use super::relations::column_types;
use super::server_errors::failed;
use super::view_results::{empty, replace_rows, set_rows, stored_columns};
use crate::views::OrderBy;

/// Marks the results of the previous load as results of this load, which changed nothing.
///
/// # Errors
/// Errors of the server.
pub fn confirm(transaction: &mut Transaction, schema: &SchemaName, load_no: i64) -> Result<()> {
    transaction
        .execute(
            &schema.fill(
                "UPDATE {schema}.mobility_view SET load_no = $1 WHERE load_no = $1::bigint - 1",
            ),
            &[&load_no],
        )
        .map_err(failed)?;
    Ok(())
}

/// The views that a load recomputed.
#[derive(Debug, Default)]
pub struct Recomputed {
    pub elapsed: Vec<(String, Duration)>,
    /// One message for each view that failed.
    pub warnings: Vec<String>,
}

/// Recomputes every stored view from the tables as this transaction sees them. A view that fails keeps
/// its old result, which is outdated, and is reported; `mobility views` then reports file and line.
///
/// # Errors
/// All other errors of the server.
pub fn recompute(
    transaction: &mut Transaction,
    schema: &SchemaName,
    load_no: i64,
) -> Result<Recomputed> {
    let known = transaction
        .query(
            &schema
                .fill("SELECT view, sql, mark, by_date FROM {schema}.mobility_view ORDER BY place"),
            &[],
        )
        .map_err(failed)?;
    let mut all = Recomputed::default();
    for row in known {
        let (view, sql): (String, String) = (row.get(0), row.get(1));
        let (fingerprint, by_date): (String, bool) = (row.get(2), row.get(3));
        let started = Instant::now();
        let mut attempt = transaction.savepoint("view").map_err(failed)?;
        let fingerprint = by_date.then_some(&*fingerprint);
        let recomputed = recompute_one(&mut attempt, schema, (&view, &sql), fingerprint)
            .and_then(|rows| set_rows(&mut attempt, schema, &view, load_no, rows));
        match recomputed {
            Ok(()) => {
                attempt.commit().map_err(failed)?;
                all.elapsed.push((view, started.elapsed()));
            }
            Err(error) => {
                attempt.rollback().map_err(failed)?;
                all.warnings.push(format!(
                    "view {view} could not be recomputed and still shows the old rows: {error:#}"
                ));
            }
        }
    }
    Ok(all)
}

/// Recomputes every stored view as [`recompute`] does, and removes the rows of those that fail, which must
/// not be kept. Returns one message for each of these.
///
/// # Errors
/// All other errors of the server.
pub fn recompute_or_empty(
    transaction: &mut Transaction,
    schema: &SchemaName,
    load_no: i64,
) -> Result<Vec<String>> {
    let recomputed = recompute(transaction, schema, load_no)?;
    let outdated = schema.fill("SELECT view FROM {schema}.mobility_view WHERE load_no <> $1");
    for row in transaction.query(&outdated, &[&load_no]).map_err(failed)? {
        let view: String = row.get(0);
        empty(transaction, schema, &view)?;
        daily_results::forget(transaction, schema, &view)?;
    }
    let emptied = |warning: String| warning.replace("still shows the old rows", "is empty now");
    Ok(recomputed.warnings.into_iter().map(emptied).collect())
}

/// Recomputes a stored view, date by date if a fingerprint of its SQL is given. Returns the number of rows.
fn recompute_one(
    transaction: &mut Transaction,
    schema: &SchemaName,
    (view, sql): (&str, &str),
    fingerprint: Option<&str>,
) -> Result<i64> {
    let changed = || anyhow!("its columns have changed; run `mobility views`");
    let by_date = fingerprint.is_some();
    prepare(transaction, schema, sql)?;
    match by_date {
        true => compute_columns(transaction, schema, sql)?,
        false => compute(transaction, schema, sql, None)?,
    }
    let computed = column_types(transaction, None, COMPUTED)?;
    let table = result_table_name(view);
    if column_types(transaction, Some(schema), &table)? != stored_columns(&computed, by_date) {
        return Err(changed());
    }
    let order = order_of_index(transaction, schema, view)?;
    let Some(fingerprint) = fingerprint else {
        return replace_rows(transaction, schema, view, &order);
    };
    // a view that it reads may be computed as a whole since
    let Some(sources) = daily_results::sources(transaction, schema, view, sql)? else {
        return Err(anyhow!("a view that it reads has changed; run `mobility views`"));
    };
    let table = schema.relation(&table);
    let result = DailyResult { view, sql, fingerprint, table: &table, order: &order };
    daily_results::update(transaction, schema, &result, &sources)
}

/// The order of a stored result, which is that of its index.
fn order_of_index(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &str,
) -> Result<Vec<OrderBy>> {
    let rows = transaction
        .query(
            "SELECT a.attname::text, i.indoption[k.n - 1] & 1 = 1 \
             FROM pg_index i \
             CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(attnum, n) \
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
             JOIN pg_class c ON c.oid = i.indrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relname = $2 AND a.attname <> $3 \
             ORDER BY i.indexrelid, k.n",
            &[&schema.name(), &result_table_name(view), &DATE_COLUMN],
        )
        .map_err(failed)?;
    Ok(rows.iter().map(|r| OrderBy { column: r.get(0), descending: r.get(1) }).collect())
}

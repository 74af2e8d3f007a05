//! Stored results of views, which every PostgreSQL client can read under the name of the view.
//!
//! `agg_events_per_hour` is a view over the table `stored_agg_events_per_hour`. A result is replaced by
//! deleting and inserting rows in one transaction: a reader sees the old rows or the new ones and
//! never waits. A load recomputes all results in the transaction that activates its partitions, so
//! that tables and views always belong to the same load; of results that are stored by date, it
//! recomputes the dates that changed.

use std::time::Instant;

use anyhow::{Result, bail};
use postgres::{Client, Transaction};

use super::accumulated_results;
use super::compute_view::{COMPUTED, Computation, check, compute_columns, drop_table};
use super::inputs::Inputs;
use super::merge_sums::Sums;
use super::names::SchemaName;
use super::period_results::{self, PeriodResult};
use super::query::order_list;
use super::relations::{ColumnTypes, column_types, describe};
use super::result_tables::{self, ResultTable};
use super::search_path;
use super::server_errors::failed;
use super::split_results;
use super::stored_views::{Storage, StoredView, record, set_computed};
use crate::views::{OrderBy, Registry, Split, View, without_semicolon};

/// What the server has stored about the result of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResult {
    pub fingerprint: String,
    pub load_no: i64,
}

/// The stored result of a view; `None` if there is none.
///
/// # Errors
/// A role that may not read `mobility_view`.
pub fn stored(
    client: &mut Client,
    schema: &SchemaName,
    view: &str,
) -> Result<Option<StoredResult>> {
    let sql =
        schema.fill("SELECT mark, load_no::bigint FROM {schema}.mobility_view WHERE view = $1");
    let row = client.query_opt(&sql, &[&view]).map_err(failed)?;
    Ok(row.map(|r| StoredResult { fingerprint: r.get(0), load_no: r.get(1) }))
}

/// A view to be computed and stored.
pub struct Deployment<'a> {
    pub view: &'a View,
    /// The place of the view in the order in which views are computed.
    pub position: usize,
    pub fingerprint: &'a str,
    pub load_no: i64,
    /// Compute all periods again, also those whose rows are current.
    pub refresh: bool,
    pub storage: Storage,
}

/// How the result of a view is to be stored: by period if the header says how it grows, and if it only reads
/// relations for which that is possible.
pub fn storage(inputs: &Inputs, view: &View) -> Storage {
    if let Some(split) = &view.split {
        return Storage::Split(split.clone());
    }
    let Some(growth) = view.growth else { return Storage::Whole };
    match inputs.reads(&view.view, &view.sql) {
        Some(reads) if inputs.have_periods(&reads) => match &view.accumulate {
            Some(column) => Storage::Sums { column: column.clone() },
            None => Storage::Periods {
                growth,
                column: view.period.clone(),
                windows: view.windows.clone(),
            },
        },
        _ => Storage::Whole,
    }
}

/// Computes a view and stores the result; creates the view if it does not exist yet.
///
/// # Errors
/// SQL that the server rejects, with the position in it; a foreign relation with the name of the view.
pub fn deploy(
    transaction: &mut Transaction,
    schema: &SchemaName,
    inputs: &mut Inputs,
    deployment: &Deployment,
) -> Result<u64> {
    let Deployment { view, fingerprint, load_no, storage, .. } = deployment;
    let known = inputs.view(&view.view).cloned();
    if known.is_none()
        && let Some(found) = describe(transaction, schema, &view.view)?
    {
        bail!(
            "the schema already contains {found}, which mobility did not make; rename it or the \
             view, or set warehouse.schema to a schema of its own"
        );
    }
    if known.as_ref().is_none_or(|known| known.fingerprint != *fingerprint) {
        check(transaction, schema, &view.sql)?;
    }
    compute_columns(transaction, schema, &view.sql)?;
    let computed = column_types(transaction, None, COMPUTED)?;
    check_header(view, storage, &computed)?;
    let table = ResultTable {
        view,
        columns: &computed,
        storage,
        on_numbers: inputs.on_numbers(without_semicolon(&view.sql)),
    };
    let previous = known.as_ref().map(|known| &known.storage);
    let is_kept = result_tables::prepare(transaction, schema, &table, previous)?;
    if is_kept {
        result_tables::create_indexes(transaction, schema, &table)?;
    } else {
        period_results::forget(transaction, schema, &view.view)?;
        inputs.periods(&view.view).clear();
        empty(transaction, schema, &view.view)?;
    }
    drop_table(transaction, COMPUTED)?;
    let stored = StoredView {
        view: view.view.clone(),
        sql: view.sql.clone(),
        fingerprint: (*fingerprint).to_owned(),
        load_no: *load_no,
        rows: known.filter(|_| is_kept).map_or(0, |known| known.rows),
        storage: storage.clone(),
        order: order_list(&view.order),
        inputs: None,
        seconds: 0.0,
    };
    record(transaction, schema, &stored, deployment.position)?;
    inputs.set_view(stored.clone());
    inputs.set_columns(&view.view, computed.clone());
    let started = Instant::now();
    let is_whole = stored.storage.is_whole();
    let inputs_of_whole = is_whole.then(|| inputs.of_whole(&stored)).flatten();
    let rows = compute(transaction, schema, inputs, (&stored, deployment.refresh))?;
    if !is_kept {
        result_tables::create_indexes(transaction, schema, &table)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let computed = StoredView { rows, inputs: inputs_of_whole, seconds, ..stored };
    set_computed(transaction, schema, &computed)?;
    inputs.set_view(computed);
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// Checks that the columns that the header names exist.
fn check_header(view: &View, storage: &Storage, computed: &ColumnTypes) -> Result<()> {
    let is_missing = |column: &str| computed.iter().all(|c| c.0 != column);
    let columns = || computed.iter().map(|c| c.0.as_str()).collect::<Vec<_>>().join(", ");
    let missing = view.order.iter().find(|order| is_missing(&order.column));
    if let Some(OrderBy { column, .. }) = missing {
        bail!("the header orders by {column:?}, but the columns are {}", columns());
    }
    let (key, column) = match storage {
        Storage::Periods { column: Some(column), .. } | Storage::Split(Split { column, .. }) => {
            ("period", column)
        }
        Storage::Sums { column } => ("accumulate", column),
        _ => return Ok(()),
    };
    if is_missing(column) {
        bail!("the key {key} needs the column {column:?}, but the columns are {}", columns());
    }
    Ok(())
}

/// Computes what has changed of a view, whose table exists, or with `refresh` everything, and stores it. Returns the
/// number of rows.
///
/// # Errors
/// SQL that the server rejects, with the position in it; columns that have changed.
pub fn compute(
    transaction: &mut Transaction,
    schema: &SchemaName,
    inputs: &mut Inputs,
    (view, refresh): (&StoredView, bool),
) -> Result<i64> {
    let shown = inputs.columns(&view.view).clone();
    let columns: Vec<String> = shown.iter().map(|(name, _)| name.clone()).collect();
    let reads = inputs.reads(&view.view, &view.sql);
    let by_period = reads.filter(|reads| inputs.have_periods(reads));
    match (&view.storage, by_period) {
        (Storage::Periods { growth, column, .. }, Some(reads)) => {
            let (growth, column, reads) = (*growth, column.as_deref(), &reads);
            let columns = &columns;
            let result = PeriodResult { view, growth, column, reads, columns, refresh };
            period_results::update(transaction, schema, inputs, &result)
        }
        (Storage::Sums { column }, Some(reads)) => {
            let sums = Sums { view, column, reads: &reads, columns: &columns, refresh };
            accumulated_results::update(transaction, schema, inputs, &sums)
        }
        // a view that it reads may be computed as a whole since
        (Storage::Periods { .. } | Storage::Sums { .. }, None) => {
            bail!("a view that it reads has changed; run `mobility views`")
        }
        (Storage::Whole | Storage::Split(_), _) => {
            let computation = Computation {
                schema,
                inputs,
                sql: &view.sql,
                columns: &columns,
                keep_numbers: false,
                negated: None,
            };
            computation.enter(transaction)?;
            let filled = match inputs.rows_of_spark(&view.view)? {
                Some(rows) => computation.fill(transaction, COMPUTED, (None, rows))?,
                None => None,
            };
            if filled.is_none() {
                computation.run(transaction, COMPUTED, None)?;
            }
            search_path::reset(transaction)?;
            if column_types(transaction, None, COMPUTED)? != shown {
                bail!("its columns have changed; run `mobility views`");
            }
            let rows = replace_rows(transaction, schema, view)?;
            if let Storage::Split(split) = &view.storage {
                split_results::remember(transaction, schema, inputs, (&view.view, split))?;
            }
            Ok(rows)
        }
    }
}

/// Replaces the stored rows by the computed ones; returns their number.
fn replace_rows(
    transaction: &mut Transaction,
    schema: &SchemaName,
    view: &StoredView,
) -> Result<i64> {
    let table = schema.result_table(&view.view);
    let order = match view.order.is_empty() {
        true => String::new(),
        false => format!(" ORDER BY {}", view.order),
    };
    empty(transaction, schema, &view.view)?;
    let insert = format!("INSERT INTO {table} SELECT * FROM pg_temp.mobility_computed{order}");
    let rows = transaction.execute(&insert, &[]).map_err(failed)?;
    drop_table(transaction, COMPUTED)?;
    transaction.batch_execute(&format!("ANALYZE {table}")).map_err(failed)?;
    Ok(i64::try_from(rows).unwrap_or(i64::MAX))
}

/// Removes all stored rows.
///
/// # Errors
/// Errors of the server.
pub fn empty(transaction: &mut Transaction, schema: &SchemaName, view: &str) -> Result<()> {
    let delete = format!("DELETE FROM {}", schema.result_table(view));
    transaction.batch_execute(&delete).map_err(failed)
}

/// Drops the views whose file no longer exists, unless another relation depends on them. Returns one
/// message for each.
///
/// # Errors
/// All other errors of the server.
pub fn drop_removed(
    transaction: &mut Transaction,
    schema: &SchemaName,
    registry: &Registry,
) -> Result<Vec<String>> {
    let known = transaction
        .query(&schema.fill("SELECT view FROM {schema}.mobility_view ORDER BY place DESC"), &[])
        .map_err(failed)?;
    let mut warnings = Vec::new();
    for row in known {
        let view: String = row.get(0);
        if registry.by_sql_name(&view).is_some() {
            continue;
        }
        let mut attempt = transaction.savepoint("view").map_err(failed)?;
        let dropped = attempt.batch_execute(&format!(
            "DROP VIEW IF EXISTS {}; DROP TABLE IF EXISTS {}",
            schema.relation(&view),
            schema.result_table(&view)
        ));
        match dropped {
            Ok(()) => {
                attempt
                    .execute(
                        &schema.fill("DELETE FROM {schema}.mobility_view WHERE view = $1"),
                        &[&view],
                    )
                    .map_err(failed)?;
                attempt.commit().map_err(failed)?;
                warnings
                    .push(format!("view {view} was dropped, because its file no longer exists"));
            }
            Err(error) => {
                attempt.rollback().map_err(failed)?;
                warnings.push(format!(
                    "view {view} has no file any more, but could not be dropped: {:#}",
                    failed(error)
                ));
            }
        }
    }
    Ok(warnings)
}

//! Recomputes the stored results of views in the transaction of a load, from the SQL that was stored with
//! them: a load does not read view files.

use std::time::{Duration, Instant};

use anyhow::Result;
use postgres::Transaction;

use super::inputs::Inputs;
use super::local_files::LocalFiles;
use super::names::SchemaName;
use super::outdated::outdated;
use super::period_results;
use super::server_errors::failed;
use super::spark_views::SparkViews;
use super::stored_views::{StoredView, set_computed, set_empty};
use super::view_results::{compute, empty};
use crate::progress::StageBar;
use crate::views::View;

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

/// What computes views besides the server.
pub struct Computing<'a> {
    /// The files that rows were loaded from.
    pub files: LocalFiles,
    pub spark: Option<SparkViews<'a>>,
}

/// Recomputes every stored view from the tables as this transaction sees them, as far as what it reads has
/// changed. A view that fails keeps its old result, which is outdated, and is reported; `mobility views`
/// then reports file and line.
///
/// # Errors
/// All other errors of the server; errors of Spark.
pub fn recompute(
    transaction: &mut Transaction,
    schema: &SchemaName,
    load_no: i64,
    computing: Option<(Computing, &StageBar)>,
) -> Result<Recomputed> {
    let mut inputs = Inputs::read(transaction, schema)?;
    if let Some((Computing { files, spark }, bar)) = computing {
        inputs.files = Some(files);
        if let Some(spark) = spark {
            let outdated = outdated(&mut inputs);
            let is_same = |view: &View| {
                let stored = inputs.view(&view.view);
                let fingerprint = spark.views.fingerprint(view)?;
                Ok(stored.is_some_and(|stored| stored.fingerprint == fingerprint))
            };
            let rows = spark.rows(&inputs, &outdated, &is_same, bar)?;
            inputs.spark = rows;
        }
    }
    let mut all = Recomputed::default();
    for view in inputs.views.clone() {
        let started = Instant::now();
        let mut attempt = transaction.savepoint("view").map_err(failed)?;
        match recompute_one(&mut attempt, schema, &mut inputs, (&view, load_no)) {
            Ok(()) => {
                attempt.commit().map_err(failed)?;
                all.elapsed.push((view.view, started.elapsed()));
            }
            Err(error) => {
                attempt.rollback().map_err(failed)?;
                all.warnings.push(format!(
                    "view {} could not be recomputed and still shows the old rows: {error:#}",
                    view.view
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
    let recomputed = recompute(transaction, schema, load_no, None)?;
    let outdated = schema.fill("SELECT view FROM {schema}.mobility_view WHERE load_no <> $1");
    for row in transaction.query(&outdated, &[&load_no]).map_err(failed)? {
        let view: String = row.get(0);
        empty(transaction, schema, &view)?;
        period_results::forget(transaction, schema, &view)?;
        set_empty(transaction, schema, &view)?;
    }
    let emptied = |warning: String| warning.replace("still shows the old rows", "is empty now");
    Ok(recomputed.warnings.into_iter().map(emptied).collect())
}

/// Recomputes a stored view, unless nothing that it reads has changed.
fn recompute_one(
    transaction: &mut Transaction,
    schema: &SchemaName,
    inputs: &mut Inputs,
    (view, load_no): (&StoredView, i64),
) -> Result<()> {
    let started = Instant::now();
    let is_whole = view.storage.is_whole();
    let read = is_whole.then(|| inputs.of_whole(view)).flatten();
    let mut computed = StoredView { load_no, ..view.clone() };
    if read.is_none() || read != view.inputs {
        computed.rows = compute(transaction, schema, inputs, (view, false))?;
        computed.inputs = read;
        computed.seconds = started.elapsed().as_secs_f64();
    }
    set_computed(transaction, schema, &computed)?;
    inputs.set_view(computed);
    Ok(())
}

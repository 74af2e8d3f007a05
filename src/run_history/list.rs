//! An overview of the last runs in a few columns.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use serde::Serialize;

use super::Run;
use super::find::distinguishing_length;
use crate::formats::rows::to_batch;

/// At most `limit` of the runs, the newest first.
pub fn newest_first(runs: &[Run], limit: usize) -> Vec<Run> {
    runs.iter().rev().take(limit).cloned().collect()
}

#[derive(Serialize)]
struct Row<'a> {
    run: &'a str,
    started_utc: String,
    command: &'a str,
    status: &'a str,
    seconds: f64,
    rows_in: Option<u64>,
    rows_per_s: Option<u64>,
    memory_mib: Option<u64>,
    warnings: Option<u64>,
    error: Option<&'a str>,
}

/// One row per run, in the given order; ids are shortened to what distinguishes `all` runs.
///
/// # Errors
/// A value that does not fit its column, which does not happen.
pub fn overview(runs: &[Run], all: &[Run]) -> Result<RecordBatch> {
    let length = distinguishing_length(all);
    let row = |run: &'_ Run| {
        let warnings = run.warnings().count() as u64;
        let row = Row {
            run: run.run_id.get(..length).unwrap_or(&run.run_id),
            started_utc: run.started_at.format("%Y-%m-%dT%H:%M:%S").to_string(),
            command: &run.command,
            status: run.status.name(),
            seconds: (run.seconds * 100.0).round() / 100.0,
            rows_in: run.rows_in(),
            rows_per_s: run.rate(),
            memory_mib: run.peak_memory_bytes.map(|b| b >> 20),
            warnings: (warnings > 0).then_some(warnings),
            error: run.error.as_deref().and_then(|e| e.lines().next()),
        };
        Ok(serde_json::to_value(row)?)
    };
    let rows = runs.iter().map(row).collect::<Result<Vec<_>>>()?;
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let count = |name: &str| Field::new(name, DataType::Int64, true);
    let schema = Schema::new(vec![
        text("run"),
        Field::new("started_utc", DataType::Timestamp(TimeUnit::Second, None), true),
        text("command"),
        text("status"),
        Field::new("seconds", DataType::Float64, true),
        count("rows_in"),
        count("rows_per_s"),
        count("memory_mib"),
        count("warnings"),
        text("error"),
    ]);
    to_batch(&rows, &Arc::new(schema))
}

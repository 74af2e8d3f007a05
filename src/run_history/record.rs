//! The record of one run, and the same as a row of the table `runs`.

use anyhow::Result;
use arrow::array::RecordBatch;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::tables::Table;
use crate::formats::rows::to_batch;
use crate::progress::StageRun;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Done,
    Failed,
    /// By Ctrl-C or another terminating signal.
    Interrupted,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Status::Done => "done",
            Status::Failed => "failed",
            Status::Interrupted => "interrupted",
        }
    }
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Time-ordered: later runs have greater ids.
    pub run_id: String,
    pub command: String,
    pub status: Status,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub seconds: f64,
    /// Version of the program.
    pub version: String,
    pub host: String,
    pub config_file: Option<String>,
    /// `None` if they could not be listed.
    pub inputs: Option<Inputs>,
    pub stages: Vec<StageRun>,
    /// Known for runs that complete `compress`.
    pub rows_rejected: Option<u64>,
    pub peak_memory_bytes: Option<u64>,
    pub error: Option<String>,
    /// The effective configuration without secrets.
    pub config: Value,
}

/// Input files at the start of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    pub files: u64,
    pub bytes: u64,
    /// A hash that changes if one of the files does.
    pub fingerprint: String,
}

impl Run {
    /// Stages that ended regularly.
    fn completed(&self) -> impl DoubleEndedIterator<Item = &StageRun> {
        self.stages.iter().filter(|s| !s.broken_off)
    }

    /// Rows read by the first stage.
    pub fn rows_in(&self) -> Option<u64> {
        Some(self.completed().next()?.rows_in)
    }

    /// Rows written by the last stage.
    pub fn rows_out(&self) -> Option<u64> {
        Some(self.completed().next_back()?.rows_out)
    }

    /// Rows per second that the first stage read; `None` if it did no work.
    pub fn rate(&self) -> Option<u64> {
        self.completed().next()?.rate()
    }

    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.stages.iter().flat_map(|s| &s.warnings).map(String::as_str)
    }
}

/// A row of the table `runs`.
#[derive(Serialize)]
struct Row<'a> {
    run_id: &'a str,
    command: &'a str,
    status: Status,
    started_at: String,
    ended_at: String,
    seconds: f64,
    rows_in: Option<u64>,
    rows_out: Option<u64>,
    rows_rejected: Option<u64>,
    input_files: Option<u64>,
    input_bytes: Option<u64>,
    input_fingerprint: Option<&'a str>,
    peak_memory_bytes: Option<u64>,
    warnings: u64,
    error: Option<&'a str>,
    version: &'a str,
    host: &'a str,
    config_file: Option<&'a str>,
    stages: String,
    config: String,
}

/// The runs as rows of the table, in the order given.
///
/// # Errors
/// A value that does not fit its column, which does not happen.
pub fn rows(runs: &[Run]) -> Result<RecordBatch> {
    let row = |run: &'_ Run| -> Result<Value> {
        let inputs = run.inputs.as_ref();
        Ok(serde_json::to_value(Row {
            run_id: &run.run_id,
            command: &run.command,
            status: run.status,
            started_at: without_zone(run.started_at),
            ended_at: without_zone(run.ended_at),
            seconds: run.seconds,
            rows_in: run.rows_in(),
            rows_out: run.rows_out(),
            rows_rejected: run.rows_rejected,
            input_files: inputs.map(|i| i.files),
            input_bytes: inputs.map(|i| i.bytes),
            input_fingerprint: inputs.map(|i| i.fingerprint.as_str()),
            peak_memory_bytes: run.peak_memory_bytes,
            warnings: run.warnings().count() as u64,
            error: run.error.as_deref(),
            version: &run.version,
            host: &run.host,
            config_file: run.config_file.as_deref(),
            stages: serde_json::to_string(&run.stages)?,
            config: serde_json::to_string(&run.config)?,
        })?)
    };
    to_batch(&runs.iter().map(row).collect::<Result<Vec<_>>>()?, &Table::Runs.schema())
}

fn without_zone(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

#[cfg(test)]
pub mod tests {
    use serde_json::json;

    use super::{Run, Status};
    use crate::progress::new_id;

    /// A run that started in the given second.
    pub fn a_run(second: u32) -> Run {
        let at = format!("2026-11-25T10:00:{second:02}Z").parse().unwrap();
        Run {
            run_id: new_id(at),
            command: "load".into(),
            status: Status::Done,
            started_at: at,
            ended_at: at,
            seconds: f64::from(second),
            version: "1".into(),
            host: "h".into(),
            config_file: None,
            inputs: None,
            stages: Vec::new(),
            rows_rejected: None,
            peak_memory_bytes: None,
            error: None,
            config: json!({}),
        }
    }

    #[test]
    fn later_runs_have_greater_ids() {
        let times = ["2026-11-25T10:00:00Z", "2026-11-25T10:00:00.001Z", "2026-11-26T00:00:00Z"];
        let ids: Vec<String> = times.iter().map(|t| new_id(t.parse().unwrap())).collect();
        assert!(ids.is_sorted() && ids[0] != ids[1], "{ids:?}");
        assert_ne!(new_id(times[0].parse().unwrap()), ids[0]);
    }
}

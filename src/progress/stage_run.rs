//! A stage of a run in the form in which it is recorded.

use serde::{Deserialize, Serialize};

use super::StageReport;

/// One stage of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRun {
    pub stage: String,
    /// The outputs already matched the inputs.
    pub skipped: bool,
    /// The run ended during this stage, by an error or an interrupt.
    pub broken_off: bool,
    pub rows_in: u64,
    pub rows_out: u64,
    pub bytes_in: u64,
    pub seconds: f64,
    /// Warnings of the stage.
    pub warnings: Vec<String>,
}

impl From<&StageReport> for StageRun {
    fn from(report: &StageReport) -> Self {
        StageRun {
            stage: report.stage.to_owned(),
            skipped: report.skipped,
            broken_off: false,
            rows_in: report.rows_in,
            rows_out: report.rows_out,
            bytes_in: report.bytes_in,
            seconds: report.elapsed.as_secs_f64(),
            // warnings of an earlier run are not repeated when the stage is skipped
            warnings: report.notes_of_run().cloned().collect(),
        }
    }
}

impl StageRun {
    /// Rows read per second; `None` if the stage did no work.
    pub fn rate(&self) -> Option<u64> {
        let worked = !self.skipped && !self.broken_off && self.seconds >= 0.001;
        worked.then(|| (self.rows_in as f64 / self.seconds) as u64)
    }
}

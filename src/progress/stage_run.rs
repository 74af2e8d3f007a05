//! One stage of a run, as it is recorded.

use serde::{Deserialize, Serialize};

use super::StageReport;

/// One stage of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRun {
    pub stage: String,
    /// The outputs matched the inputs already.
    pub skipped: bool,
    /// The stage at which the run ended before its time.
    pub broken_off: bool,
    pub rows_in: u64,
    pub rows_out: u64,
    pub bytes_in: u64,
    pub seconds: f64,
    /// What was noticed when the work was done.
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
            // what was said when the work was done need not be said again
            warnings: if report.skipped { Vec::new() } else { report.notes.clone() },
        }
    }
}

impl StageRun {
    /// Rows a second that it read; `None` where it did no work.
    pub fn rate(&self) -> Option<u64> {
        let worked = !self.skipped && !self.broken_off && self.seconds >= 0.001;
        worked.then(|| (self.rows_in as f64 / self.seconds) as u64)
    }
}

//! What a stage did, in the figures that the closing table and the tests read.

use std::time::Duration;

use crate::domain::numbers::counted;

/// Outcome of one stage.
#[derive(Debug, Clone, Default)]
pub struct StageReport {
    /// The command's word for the stage: `compress`, `geojoin`, `quality`, `load`, `views`.
    pub stage: &'static str,
    /// Rows read from the stage's inputs.
    pub rows_in: u64,
    /// Rows written.
    pub rows_out: u64,
    /// Bytes of the input files.
    pub bytes_in: u64,
    /// Wall time.
    pub elapsed: Duration,
    /// True when the outputs already matched the inputs and nothing was done.
    pub skipped: bool,
    /// Plain sentences for the reader: rows set aside and why, ties resolved, hours folded.
    pub notes: Vec<String>,
}

impl StageReport {
    /// `load: done; 26 rows in, 26 rows out, 0.10 s`
    pub fn sentence(&self) -> String {
        let what = if self.skipped { "unchanged, skipped" } else { "done" };
        format!(
            "{}: {what}; {} in, {} out, {:.2} s",
            self.stage,
            counted(self.rows_in, "row"),
            counted(self.rows_out, "row"),
            self.elapsed.as_secs_f64()
        )
    }
}

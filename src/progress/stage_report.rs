//! The outcome of a stage in figures, for the closing table and for tests.

use std::time::Duration;

use crate::domain::numbers::counted;

/// Outcome of one stage.
#[derive(Debug, Clone, Default)]
pub struct StageReport {
    /// Name of the stage: `compress`, `geojoin`, `movement`, `quality`, `load`, `views`.
    pub stage: &'static str,
    /// Rows read from the stage's inputs.
    pub rows_in: u64,
    /// Rows written.
    pub rows_out: u64,
    /// Bytes of the input files.
    pub bytes_in: u64,
    /// Wall time.
    pub elapsed: Duration,
    /// True if the outputs already matched the inputs and nothing was done.
    pub skipped: bool,
    /// Warnings and messages for people: rejected rows with the reason, resolved conflicts, repeated hours.
    pub notes: Vec<String>,
    /// Warnings that a skipped stage repeats, because the run should not pass without them.
    pub standing_notes: Vec<String>,
}

impl StageReport {
    /// The notes of this run: a skipped stage repeats only those that stand.
    pub fn notes_of_run(&self) -> impl Iterator<Item = &String> {
        let notes = self.notes.iter().filter(|_| !self.skipped);
        notes.chain(&self.standing_notes)
    }

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

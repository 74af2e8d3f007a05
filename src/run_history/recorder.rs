//! Writes a run down when it ends, however it ends.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Result;

use super::file::append;
use super::{Run, Status};
use crate::config::without_passwords;
use crate::progress::Progress;
use crate::progress::now;
use crate::runtime::interrupt;
use crate::runtime::memory::peak_memory_bytes;

/// A run under way.
pub struct Recorder {
    file: PathBuf,
    open: Arc<Mutex<Open>>,
}

struct Open {
    /// `None` when it is written.
    run: Option<Run>,
    began: Instant,
    progress: Progress,
}

impl Recorder {
    /// Begins; an interrupt that ends the program from now on leaves a line in `file`, and
    /// `progress` knows the stages.
    pub fn begin(file: PathBuf, run: Run, progress: &Progress) -> Self {
        let open = Open { run: Some(run), began: Instant::now(), progress: progress.clone() };
        let open = Arc::new(Mutex::new(open));
        let (interrupted, path) = (Arc::clone(&open), file.clone());
        interrupt::before_end(move || {
            // nobody is left to be told
            let _ = close(&interrupted, &path, Status::Interrupted, None);
        });
        Recorder { file, open }
    }

    /// Writes the run down; without an error it is done.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn end(self, error: Option<&anyhow::Error>, rows_rejected: Option<u64>) -> Result<()> {
        if let Some(run) = &mut locked(&self.open).run {
            run.rows_rejected = rows_rejected;
        }
        let status = if error.is_some() { Status::Failed } else { Status::Done };
        close(&self.open, &self.file, status, error.map(|e| format!("{e:#}")))
    }
}

/// A run that nobody ended broke down.
impl Drop for Recorder {
    fn drop(&mut self) {
        let error = Some("the program broke down; its last lines say where".to_owned());
        // it is too late for another error
        let _ = close(&self.open, &self.file, Status::Failed, error);
    }
}

fn locked(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes the run once; an interrupt in the meantime waits until it is written.
fn close(open: &Mutex<Open>, file: &Path, status: Status, error: Option<String>) -> Result<()> {
    let mut open = locked(open);
    let Some(mut run) = open.run.take() else { return Ok(()) };
    run.stages = open.progress.so_far();
    run.status = status;
    run.ended_at = now();
    run.seconds = open.began.elapsed().as_secs_f64();
    run.peak_memory_bytes = peak_memory_bytes();
    run.error = error.map(|text| without_passwords(&text));
    append(file, &run)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use crate::progress::StageReport;
    use crate::run_history::read;
    use crate::run_history::record::tests::a_run;

    #[test]
    fn a_stage_that_fails_is_broken_off_and_no_password_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runs.jsonl");
        let progress = Progress::silent();
        let recorder = Recorder::begin(file.clone(), a_run(1), &progress);
        progress.begin("compress");
        let report = StageReport { stage: "compress", rows_in: 9, rows_out: 4, ..<_>::default() };
        progress.done(&report, false);
        progress.begin("load");
        let error = anyhow!("no postgres://me:hunter2@host/db");
        recorder.end(Some(&error), Some(2)).unwrap();
        let runs = read(&file, None).unwrap();
        let [run] = &runs[..] else { panic!("{runs:?}") };
        let stages: Vec<_> = run.stages.iter().map(|s| (&s.stage[..], s.broken_off)).collect();
        assert_eq!(stages, [("compress", false), ("load", true)]);
        assert_eq!((run.status, run.rows_in(), run.rows_out()), (Status::Failed, Some(9), Some(4)));
        assert_eq!(run.error.as_deref(), Some("no postgres://me:***@host/db"));
        assert_eq!(run.rows_rejected, Some(2));
    }

    #[test]
    fn a_run_that_breaks_down_has_failed_and_one_that_ends_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runs.jsonl");
        let progress = Progress::silent();
        drop(Recorder::begin(file.clone(), a_run(1), &progress));
        Recorder::begin(file.clone(), a_run(2), &progress).end(None, None).unwrap();
        let statuses: Vec<Status> = read(&file, None).unwrap().iter().map(|r| r.status).collect();
        assert_eq!(statuses, [Status::Failed, Status::Done]);
    }
}

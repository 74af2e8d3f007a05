//! Records a run when it ends, including by an interrupt or a panic.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Result;

use super::file::append;
use super::{Run, Status};
use crate::config::without_secrets;
use crate::errors::without_values;
use crate::progress::Progress;
use crate::progress::now;
use crate::runtime::interrupt;
use crate::runtime::memory::peak_memory_bytes;

/// Records one run in progress.
pub struct Recorder {
    file: PathBuf,
    open: Arc<Mutex<Open>>,
}

struct Open {
    /// `None` once it is recorded.
    run: Option<Run>,
    began: Instant,
    progress: Progress,
}

impl Recorder {
    /// Starts recording: an interrupt that ends the process from now on appends a record to `file`. The
    /// stages are taken from `progress`.
    pub fn begin(file: PathBuf, run: Run, progress: &Progress) -> Self {
        let open = Open { run: Some(run), began: Instant::now(), progress: progress.clone() };
        let open = Arc::new(Mutex::new(open));
        let (interrupted, path) = (Arc::clone(&open), file.clone());
        interrupt::before_exit(move || {
            // the process is about to exit; nobody can handle an error
            let _ = close(&interrupted, &path, Status::Interrupted, None);
        });
        Recorder { file, open }
    }

    /// Appends the record. The run failed if there is an error, of which values of rows are left out.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn end(self, error: Option<&anyhow::Error>, rows_rejected: Option<u64>) -> Result<()> {
        if let Some(run) = &mut locked(&self.open).run {
            run.rows_rejected = rows_rejected;
        }
        let status = if error.is_some() { Status::Failed } else { Status::Done };
        close(&self.open, &self.file, status, error.map(without_values))
    }
}

/// A recorder that is dropped without [`Recorder::end`] belongs to a run that panicked.
impl Drop for Recorder {
    fn drop(&mut self) {
        let error = Some("the process panicked; see the end of the log".to_owned());
        // nobody can handle an error here
        let _ = close(&self.open, &self.file, Status::Failed, error);
    }
}

fn locked(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Appends the record once; an interrupt in the meantime waits for the lock.
fn close(open: &Mutex<Open>, file: &Path, status: Status, error: Option<String>) -> Result<()> {
    let mut open = locked(open);
    let Some(mut run) = open.run.take() else { return Ok(()) };
    run.stages = open.progress.so_far();
    run.status = status;
    run.ended_at = now();
    run.seconds = open.began.elapsed().as_secs_f64();
    run.peak_memory_bytes = peak_memory_bytes();
    run.error = error.map(|text| without_secrets(&text));
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
    fn a_failed_stage_is_marked_and_no_password_is_recorded() {
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
        assert_eq!(run.error.as_deref(), Some("no postgres://host/db"));
        assert_eq!(run.rows_rejected, Some(2));
    }

    #[test]
    fn a_run_that_panics_has_failed_and_one_that_ends_is_recorded_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("runs.jsonl");
        let progress = Progress::silent();
        drop(Recorder::begin(file.clone(), a_run(1), &progress));
        Recorder::begin(file.clone(), a_run(2), &progress).end(None, None).unwrap();
        let statuses: Vec<Status> = read(&file, None).unwrap().iter().map(|r| r.status).collect();
        assert_eq!(statuses, [Status::Failed, Status::Done]);
    }
}

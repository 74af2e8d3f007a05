//! The history on disk: one JSON object per line, each appended with a single write.
//!
//! A power failure can leave an incomplete line. It is skipped when the file is read, and the next record
//! starts on a line of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::Run;
use crate::storage::atomic::{create_folder, sync_folder, write_file};
use crate::storage::lock::{self, FileLock};
use crate::storage::permissions;

/// Number of records that are kept; older ones are dropped.
const MAX_RECORDS: usize = 10_000;
/// Number of records beyond that limit after which the file is rewritten.
const REWRITE_SLACK: usize = 500;

/// Appends a run.
///
/// # Errors
/// A folder that cannot be written.
pub fn append(path: &Path, run: &Run) -> Result<()> {
    append_bounded(path, run, MAX_RECORDS, REWRITE_SLACK)
        .with_context(|| format!("the run could not be recorded in {}", path.display()))
}

fn append_bounded(path: &Path, run: &Run, keep: usize, slack: usize) -> Result<()> {
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    let is_new = !path.exists();
    let (mut file, _lock) = locked(path)?;
    let mut line = serde_json::to_vec(run)?;
    line.push(b'\n');
    if ends_in_incomplete_line(&mut file)? {
        line.insert(0, b'\n');
    }
    file.write_all(&line)?;
    file.sync_data()?;
    if is_new {
        sync_folder(path)?;
    }
    let bytes = fs::read(path)?;
    let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    if lines.len() > keep + slack {
        write_file(path, &lines[lines.len() - keep..].concat())?;
    }
    Ok(())
}

/// The file, locked against other processes until both are dropped.
fn locked(path: &Path) -> Result<(File, FileLock)> {
    loop {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let lock = lock::to_append(&file, path)?;
        // another process may have replaced the file while this one waited for the lock
        let current = fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
        let ours = file.metadata()?;
        if current == Some((ours.dev(), ours.ino())) {
            permissions::tighten(path);
            return Ok((file, lock));
        }
    }
}

fn ends_in_incomplete_line(file: &mut File) -> Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}

/// The runs ordered by id, or only the newest of them. Incomplete lines are skipped.
///
/// # Errors
/// A file that exists but cannot be read.
pub fn read(path: &Path, newest: Option<usize>) -> Result<Vec<Run>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
    };
    let lines = bytes.rsplit(|b| *b == b'\n');
    let complete = lines.filter_map(|line| serde_json::from_slice(line).ok());
    let mut runs: Vec<Run> = complete.take(newest.unwrap_or(usize::MAX)).collect();
    // concurrent runs may end in another order than they started
    runs.sort_by(|a, b| a.run_id.cmp(&b.run_id));
    Ok(runs)
}

/// A text that changes whenever the file does.
pub fn fingerprint(path: &Path) -> String {
    let Ok(metadata) = fs::metadata(path) else { return String::new() };
    format!("{:x}{:x}{:x}", metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_history::record::tests::a_run as run;

    fn seconds(path: &Path) -> Vec<f64> {
        read(path, None).unwrap().iter().map(|r| r.seconds).collect()
    }

    #[test]
    fn a_torn_line_is_passed_over_and_the_next_run_begins_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/runs.jsonl");
        assert_eq!(seconds(&path), [0.0; 0]);
        for second in [1, 2] {
            append(&path, &run(second)).unwrap();
        }
        let whole = fs::read(&path).unwrap();
        for cut in 1..40 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            // without its line feed alone, the line is still whole
            let there: &[f64] = if cut == 1 { &[1.0, 2.0] } else { &[1.0] };
            assert_eq!(seconds(&path), there, "{cut} bytes short");
            append(&path, &run(3)).unwrap();
            assert_eq!(seconds(&path), [there, &[3.0]].concat(), "{cut} bytes short");
        }
    }

    #[test]
    fn the_newest_runs_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.jsonl");
        for second in 0..7 {
            append_bounded(&path, &run(second), 4, 2).unwrap();
        }
        assert_eq!(seconds(&path), [3.0, 4.0, 5.0, 6.0]);
        append_bounded(&path, &run(7), 4, 2).unwrap();
        assert_eq!(seconds(&path), [3.0, 4.0, 5.0, 6.0, 7.0]);
        let newest = read(&path, Some(2)).unwrap();
        assert_eq!(newest.iter().map(|r| r.seconds).collect::<Vec<_>>(), [6.0, 7.0]);
    }

    #[test]
    fn runs_that_end_at_the_same_time_are_all_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.jsonl");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for second in 0..10 {
                        append_bounded(path, &run(thread * 10 + second), 100, 0).unwrap();
                    }
                });
            }
        });
        assert_eq!(seconds(&path).len(), 40);
    }
}

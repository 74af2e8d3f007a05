//! The record on disk: one JSON object a line, appended whole.
//!
//! A power cut can leave a torn line; it is passed over when read, and the next one begins anew.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::Run;
use crate::storage::atomic::write_file;

/// Runs that are kept: the newest.
const KEPT: usize = 10_000;
/// Runs beyond them that gather before the file is written anew.
const SLACK: usize = 500;

/// Appends a run.
///
/// # Errors
/// A folder that cannot be written.
pub fn append(path: &Path, run: &Run) -> Result<()> {
    append_bounded(path, run, KEPT, SLACK)
        .with_context(|| format!("the run could not be recorded in {}", path.display()))
}

fn append_bounded(path: &Path, run: &Run, keep: usize, slack: usize) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = locked(path)?;
    let mut line = serde_json::to_vec(run)?;
    line.push(b'\n');
    if is_torn(&mut file)? {
        line.insert(0, b'\n');
    }
    file.write_all(&line)?;
    file.sync_data()?;
    let bytes = fs::read(path)?;
    let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    if lines.len() > keep + slack {
        write_file(path, &lines[lines.len() - keep..].concat())?;
    }
    Ok(())
}

/// The file, which nobody else appends to or replaces until it is closed.
fn locked(path: &Path) -> Result<File> {
    loop {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        match file.lock() {
            // some network file systems have no locks
            Err(e) if e.kind() == ErrorKind::Unsupported => return Ok(file),
            locked => locked?,
        }
        // while this one waited, the file may have been replaced by a shorter one
        let here = fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
        let ours = file.metadata()?;
        if here == Some((ours.dev(), ours.ino())) {
            return Ok(file);
        }
    }
}

fn is_torn(file: &mut File) -> Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}

/// The runs by their ids, or the newest of them. Lines that are no whole run are passed over.
///
/// # Errors
/// A file that is there and cannot be read.
pub fn read(path: &Path, newest: Option<usize>) -> Result<Vec<Run>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
    };
    let lines = bytes.rsplit(|b| *b == b'\n');
    let whole = lines.filter_map(|line| serde_json::from_slice(line).ok());
    let mut runs: Vec<Run> = whole.take(newest.unwrap_or(usize::MAX)).collect();
    // runs that overlap end in another order than they began
    runs.sort_by(|a, b| a.run_id.cmp(&b.run_id));
    Ok(runs)
}

/// Changes with the record.
pub fn mark(path: &Path) -> String {
    let Ok(there) = fs::metadata(path) else { return String::new() };
    format!("{:x}{:x}{:x}", there.len(), there.mtime(), there.mtime_nsec())
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
    fn runs_that_end_at_once_all_leave_a_line() {
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

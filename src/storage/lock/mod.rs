//! Locks on folders of outputs: one writer, or any number of readers.
//!
//! A lock has two parts. The lock of the operating system is released whenever its process ends, but
//! some file systems have none, and on some it holds on one host only. So each run also writes a lock
//! file, which is visible on every host that sees the folder. Both parts have to be free.

mod lock_file;

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail};

use super::atomic::{create_folder, remove_leftovers};
use lock_file::{Claim, Found, LockFile, create, found_at};

/// What a lock protects: a folder, or some of its files.
struct Place<'a> {
    folder: &'a Path,
    /// What the operating system locks.
    target: PathBuf,
    /// Part of the names of lock files.
    name: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Write,
    Read,
}

/// A lock on a folder. It is released when the value is dropped or the process ends.
#[derive(Debug)]
pub struct FolderLock {
    /// Before the lock of the operating system, so that it is released first.
    file: Option<LockFile>,
    _target: File,
}

impl FolderLock {
    /// Makes sure, before outputs are replaced, that the lock file is still there.
    ///
    /// # Errors
    /// A lock file that somebody removed.
    pub fn ensure_held(&self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), LockFile::ensure_held)
    }
}

/// Locks a folder for a run that changes it, and creates it if necessary.
///
/// # Errors
/// A lock that another run holds; a folder that can be neither opened nor created, nor locked.
pub fn to_write(folder: &Path) -> Result<FolderLock> {
    create_folder(folder)?;
    let place = Place { folder, target: folder.to_owned(), name: "mobility" };
    let lock = acquire(&place, &open(&place.target)?, Mode::Write)?;
    // writing an output removes leftovers beside it, but complete outputs are not written again
    remove_leftovers(folder, ".", true);
    Ok(lock)
}

/// Locks a folder for a run that only reads it. Several runs can hold this lock.
///
/// # Errors
/// A lock of a run that changes the folder; a folder that can be neither opened nor locked.
pub fn to_read(folder: &Path) -> Result<FolderLock> {
    let place = Place { folder, target: folder.to_owned(), name: "mobility" };
    acquire(&place, &open(&place.target)?, Mode::Read)
}

/// Locks the folder of a warehouse for a run that changes it, and creates it if necessary. The lock is
/// independent of those from [`to_write`], so that outputs in the same folder can be read meanwhile.
///
/// # Errors
/// As [`to_write`].
pub fn to_write_warehouse(folder: &Path) -> Result<FolderLock> {
    create_folder(folder)
        .with_context(|| format!("cannot create the warehouse folder {}", folder.display()))?;
    let place = Place { folder, target: folder.join("lock"), name: "warehouse" };
    let target = File::create(&place.target)
        .with_context(|| format!("cannot write {}", place.target.display()))?;
    let lock = acquire(&place, &target, Mode::Write)?;
    remove_leftovers(folder, ".", true);
    Ok(lock)
}

/// How long [`to_append`] waits for other runs.
const PATIENCE: Duration = Duration::from_secs(10);
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// A lock on a file to which several runs append, or the lock of the operating system alone.
#[derive(Debug)]
pub struct FileLock(#[expect(dead_code, reason = "released when dropped")] Option<LockFile>);

/// Locks an open file for a moment, and waits until other runs have finished theirs.
///
/// # Errors
/// A lock that another run holds for long; a file system that can neither lock nor hold a lock file.
pub fn to_append(file: &File, path: &Path) -> Result<FileLock> {
    if file.lock().is_ok() {
        return Ok(FileLock(None));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let place = Place { folder, target: path.to_owned(), name: &name };
    let started = Instant::now();
    loop {
        match claim(&place, Mode::Write, false) {
            Ok(file) => return Ok(FileLock(file)),
            Err(Refused::Held(_)) if started.elapsed() < PATIENCE => {
                std::thread::sleep(RETRY_INTERVAL);
            }
            Err(refused) => return Err(refused.into_error(&place)),
        }
    }
}

fn open(folder: &Path) -> Result<File> {
    File::open(folder).with_context(|| format!("cannot open the folder {}", folder.display()))
}

/// Why a lock was not granted.
enum Refused {
    /// Another run has a lock file there.
    Held(Box<Found>),
    /// Another run has the lock of the operating system.
    Locked,
    Error(Error),
}

impl Refused {
    fn into_error(self, place: &Place) -> Error {
        let folder = place.folder.display();
        match self {
            Refused::Held(found) => anyhow!("{}", found.refusal(&folder)),
            Refused::Locked => match found_at(&place.lock_file()) {
                Ok(Some(found)) => anyhow!("{}", found.refusal(&folder)),
                _ => anyhow!(
                    "another run of mobility is using {folder}; try again when it has finished"
                ),
            },
            Refused::Error(error) => error,
        }
    }
}

impl Place<'_> {
    /// The lock file of the writer.
    fn lock_file(&self) -> PathBuf {
        self.folder.join(format!(".{}.lock", self.name))
    }

    fn reader_prefix(&self) -> String {
        format!(".{}.reader-", self.name)
    }

    /// The lock files of all readers.
    fn readers(&self) -> std::io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&self.reader_prefix()) && name.ends_with(".lock") {
                paths.push(entry.path());
            }
        }
        Ok(paths)
    }
}

fn acquire(place: &Place, target: &File, mode: Mode) -> Result<FolderLock> {
    let folder = place.folder.display();
    let locked = match mode {
        Mode::Write => target.try_lock(),
        Mode::Read => target.try_lock_shared(),
    };
    let locked = match locked {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => return Err(Refused::Locked.into_error(place)),
        // the lock file has to do
        Err(TryLockError::Error(_)) => false,
    };
    let file = claim(place, mode, locked).map_err(|refused| refused.into_error(place))?;
    if file.is_none() && !locked && mode == Mode::Read {
        bail!(
            "cannot lock {folder}: its file system has no locks, and this user may not write a lock file there; make the folder writable, or copy it to a local disk"
        );
    }
    let target = target.try_clone().with_context(|| format!("cannot lock {folder}"))?;
    Ok(FolderLock { file, _target: target })
}

/// Writes a lock file, unless another run has one that excludes it. `locked` tells whether this process
/// has the lock of the operating system. `None` if this user may not write in the folder, and so cannot
/// change it either.
fn claim(place: &Place, mode: Mode, locked: bool) -> Result<Option<LockFile>, Refused> {
    let error = Refused::Error;
    let ours = Claim::new(locked);
    let path = match mode {
        Mode::Write => place.lock_file(),
        Mode::Read => place.folder.join(format!("{}{}.lock", place.reader_prefix(), ours.id())),
    };
    // another run may be the first to replace the lock file of a run that ended
    for _ in 0..3 {
        match create(&path, &ours) {
            Ok(file) => {
                exclude_others(place, mode, locked)?;
                return Ok(Some(file));
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) if is_not_writable(&e) => {
                exclude_others(place, Mode::Read, locked)?;
                return Ok(None);
            }
            Err(e) => {
                let text = format!("cannot write the lock file {}", path.display());
                return Err(error(Error::new(e).context(text)));
            }
        }
        let Some(found) = found_at(&path).map_err(error)? else { continue };
        if !found.is_abandoned(locked) || !found.remove().map_err(error)? {
            return Err(Refused::Held(Box::new(found)));
        }
    }
    Err(Refused::Locked)
}

fn is_not_writable(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// Looks for lock files that exclude this run. It has written its own before: of a reader and a writer
/// that start at the same time, at least one sees the other.
fn exclude_others(place: &Place, mode: Mode, locked: bool) -> Result<(), Refused> {
    let error = Refused::Error;
    let others = match mode {
        Mode::Read => vec![place.lock_file()],
        Mode::Write => place.readers().map_err(|e| {
            let text = format!("cannot list the folder {}", place.folder.display());
            error(Error::new(e).context(text))
        })?,
    };
    for path in others {
        let Some(found) = found_at(&path).map_err(error)? else { continue };
        if !found.is_abandoned(locked) {
            return Err(Refused::Held(Box::new(found)));
        }
        // of a reader that was killed; a writer that was killed leaves its file to the next writer
        if mode == Mode::Write {
            found.remove().map_err(error)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::process::Process;

    fn entries(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn readers_share_a_lock_and_a_writer_excludes_all_others() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        std::fs::create_dir_all(&folder).unwrap();
        let first = to_read(&folder).unwrap();
        let second = to_read(&folder).unwrap();
        let error = to_write(&folder).unwrap_err().to_string();
        assert!(error.contains("another run") && error.contains("a/b"), "{error}");
        drop((first, second));
        let writer = to_write(&folder).unwrap();
        to_read(&folder).unwrap_err();
        drop(writer);
        to_write(&folder).unwrap();
        assert_eq!(entries(&folder), 0);
    }

    /// The same without locks of the operating system.
    #[test]
    fn lock_files_alone_keep_the_same_promise() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path();
        let place = Place { folder, target: folder.to_owned(), name: "mobility" };
        let take = |mode| claim(&place, mode, false).map_err(|refused| refused.into_error(&place));
        let readers = (take(Mode::Read).unwrap(), take(Mode::Read).unwrap());
        let error = take(Mode::Write).unwrap_err().to_string();
        let id = format!("process {}", std::process::id());
        assert!(error.contains("another run") && error.contains(&id), "{error}");
        drop(readers);
        let writer = take(Mode::Write).unwrap();
        take(Mode::Read).unwrap_err();
        take(Mode::Write).unwrap_err();
        drop(writer);
        take(Mode::Write).unwrap();
        assert_eq!(entries(folder), 0);
    }

    #[test]
    fn lock_file_of_an_ended_process_is_replaced_and_of_another_host_is_respected() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path();
        let file = folder.join(".mobility.lock");
        let gone = Process { id: i32::MAX as u32, ..Process::current().clone() };
        let write = |process: &Process, locked| {
            let claim = Claim::of(process.clone(), locked);
            std::fs::write(&file, serde_json::to_vec(&claim).unwrap()).unwrap();
        };
        write(&gone, false);
        drop(to_write(folder).unwrap());
        assert_eq!(entries(folder), 0);
        // the operating system would still hold the lock of a running container
        let container = Process { host: "container".into(), namespace: 1, ..gone.clone() };
        write(&container, true);
        drop(to_write(folder).unwrap());
        let restarted = Process { boot: "earlier".into(), ..gone.clone() };
        let elsewhere = Process { host: "elsewhere".into(), ..restarted.clone() };
        for (process, locked) in [(&container, false), (&restarted, true), (&elsewhere, true)] {
            write(process, locked);
            for error in [to_write(folder).unwrap_err(), to_read(folder).unwrap_err()] {
                let error = error.to_string();
                let words = [&*process.host, "since", "remove", ".mobility.lock"];
                assert!(words.iter().all(|word| error.contains(word)), "{error}");
            }
            assert!(file.exists());
        }
        // a file without content is no reason to go on either
        std::fs::write(&file, "").unwrap();
        let error = to_write(folder).unwrap_err().to_string();
        assert!(error.contains("remove") && error.contains(".mobility.lock"), "{error}");
        let long_ago = std::time::SystemTime::now() - Duration::from_hours(1);
        for (process, expected) in [(&restarted, true), (&elsewhere, false)] {
            write(process, true);
            File::options().append(true).open(&file).unwrap().set_modified(long_ago).unwrap();
            assert_eq!(to_write(folder).is_ok(), expected, "{process:?}");
        }
    }

    #[test]
    fn run_whose_lock_file_was_removed_replaces_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let lock = to_write(parent.path()).unwrap();
        lock.ensure_held().unwrap();
        let file = parent.path().join(".mobility.lock");
        let other = serde_json::to_vec(&Claim::new(true)).unwrap();
        std::fs::write(&file, &other).unwrap();
        let error = lock.ensure_held().unwrap_err().to_string();
        assert!(error.contains("run again"), "{error}");
        drop(lock);
        assert_eq!(std::fs::read(&file).unwrap(), other, "the file of the other run stays");
        std::fs::remove_file(&file).unwrap();
        let lock = to_write(parent.path()).unwrap();
        std::fs::remove_file(&file).unwrap();
        lock.ensure_held().unwrap_err();
    }
}

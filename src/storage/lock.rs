//! Locks on folders of outputs: one writer, or any number of readers.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::atomic::remove_leftovers;

/// A lock on a folder. It is released when the value is dropped or the process ends.
#[derive(Debug)]
pub struct FolderLock {
    _folder: File,
}

/// Locks a folder for a run that changes it, and creates it if necessary. The folder itself is
/// locked, so no lock file remains.
///
/// # Errors
/// A lock that another run holds; a folder that can be neither opened nor created.
pub fn to_write(folder: &Path) -> Result<FolderLock> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let lock = acquire(folder, File::try_lock)?;
    // writing an output removes leftovers beside it, but complete outputs are not written again
    remove_leftovers(folder, ".");
    Ok(lock)
}

/// Locks a folder for a run that only reads it. Several runs can hold this lock.
///
/// # Errors
/// A lock of a run that changes the folder; a folder that cannot be opened.
pub fn to_read(folder: &Path) -> Result<FolderLock> {
    acquire(folder, File::try_lock_shared)
}

fn acquire(folder: &Path, lock: fn(&File) -> Result<(), TryLockError>) -> Result<FolderLock> {
    let file = File::open(folder)
        .with_context(|| format!("cannot open the folder {}", folder.display()))?;
    match lock(&file) {
        Err(TryLockError::WouldBlock) => bail!(
            "another run of mobility is using {}; try again when it has finished",
            folder.display()
        ),
        // some network file systems cannot lock folders, and a single run needs no lock
        Ok(()) | Err(TryLockError::Error(_)) => Ok(FolderLock { _folder: file }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }
}

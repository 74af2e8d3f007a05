//! One run at a time on a folder of outputs.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::atomic::sweep_all;

/// Holds a folder, until it is dropped or the process ends in whatever way.
#[derive(Debug)]
pub struct FolderLock {
    _folder: File,
}

/// Takes the folder for a run that changes it; it is made where there is none. The folder itself is
/// locked, so no file is left behind.
///
/// # Errors
/// Another run that holds it; a folder that can be neither opened nor made.
pub fn to_write(folder: &Path) -> Result<FolderLock> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let lock = hold(folder, File::try_lock)?;
    // an output that is whole already is not written again, which would sweep beside it
    sweep_all(folder, ".");
    Ok(lock)
}

/// Takes the folder for a run that only reads it, which others may do as well.
///
/// # Errors
/// A run that changes it; a folder that cannot be opened.
pub fn to_read(folder: &Path) -> Result<FolderLock> {
    hold(folder, File::try_lock_shared)
}

/// True of another process that runs. In a container every run has the same number, so ours says
/// nothing.
pub fn another_runs(process: u32) -> bool {
    process != std::process::id() && Path::new("/proc").join(process.to_string()).exists()
}

fn hold(folder: &Path, lock: fn(&File) -> Result<(), TryLockError>) -> Result<FolderLock> {
    let file = File::open(folder)
        .with_context(|| format!("cannot open the folder {}", folder.display()))?;
    match lock(&file) {
        Err(TryLockError::WouldBlock) => bail!(
            "another run of mobility works on {}; try again when it is done",
            folder.display()
        ),
        // some network file systems lock no folders, and one run alone needs no lock
        Ok(()) | Err(TryLockError::Error(_)) => Ok(FolderLock { _folder: file }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_and_a_writer_is_alone() {
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

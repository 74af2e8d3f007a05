//! Outputs that appear complete or not at all: they are written under a temporary name, synced and
//! renamed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::process::is_other_process_running;
use crate::runtime::interrupt::{Unfinished, is_unfinished};

/// A temporary name for `path`: a hidden sibling, so that the rename stays within one file system and
/// folder listings skip it. Each call returns another name, so threads that write the same output do
/// not collide.
fn temporary_path(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().with_context(|| format!("{} has no file name", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    if !folder.as_os_str().is_empty() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    }
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (pid, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    Ok(folder.join(format!(".{}.{pid}-{next}.unfinished", name.to_string_lossy())))
}

/// Removes what killed runs left beside `path`.
fn remove_leftovers_of(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    remove_leftovers(folder, &format!(".{}.", name.to_string_lossy()));
}

/// Removes temporary files and folders that killed runs left in `folder` and whose names begin with
/// `prefix`.
pub fn remove_leftovers(folder: &Path, prefix: &str) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(writer) = writer_of(&name).filter(|_| name.starts_with(prefix)) else { continue };
        // a running process may still be writing there
        if !is_unfinished(&entry.path()) && !is_other_process_running(writer) {
            let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
        }
    }
}

/// The process id in a name from [`temporary_path`].
fn writer_of(name: &str) -> Option<u32> {
    let (_, writer) = name.strip_prefix('.')?.strip_suffix(".unfinished")?.rsplit_once('.')?;
    writer.split('-').next()?.parse().ok()
}

/// Syncs the folder of `path`, so that its entries survive a crash.
///
/// # Errors
/// A folder that cannot be opened or synced.
pub fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|f| f.sync_all())
        .with_context(|| format!("cannot sync the folder {}", folder.display()))
}

/// A file that is being written.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    unfinished: Unfinished,
}

impl AtomicFile {
    /// # Errors
    /// A folder that cannot be created.
    pub fn new(target: &Path) -> Result<Self> {
        remove_leftovers_of(target);
        let unfinished = Unfinished::new(temporary_path(target)?);
        Ok(AtomicFile { target: target.to_owned(), unfinished })
    }

    /// Creates the temporary file.
    ///
    /// # Errors
    /// A folder that is not writable.
    pub fn create(&self) -> Result<File> {
        File::create(self.unfinished.path()).with_context(|| {
            format!("cannot write {}: is the folder writable?", self.target.display())
        })
    }

    /// The path of the temporary file.
    pub fn path(&self) -> &Path {
        self.unfinished.path()
    }

    /// Syncs the file and gives it its final name.
    ///
    /// # Errors
    /// A failed sync or rename; a previous file is then unchanged.
    pub fn commit(self) -> Result<()> {
        let path = self.unfinished.path();
        File::open(path)
            .and_then(|f| f.sync_all())
            .and_then(|()| fs::rename(path, &self.target))
            .with_context(|| format!("cannot finish {}", self.target.display()))?;
        sync_folder(&self.target)
    }
}

/// Writes `bytes` as the whole content of `path`.
///
/// # Errors
/// A folder that is not writable; a previous file is then unchanged.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = AtomicFile::new(path)?;
    std::io::Write::write_all(&mut file.create()?, bytes)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.commit()
}

/// A folder that is being written.
#[derive(Debug)]
pub struct AtomicFolder {
    target: PathBuf,
    unfinished: Unfinished,
}

impl AtomicFolder {
    /// Creates the temporary folder.
    ///
    /// # Errors
    /// A parent folder that is not writable.
    pub fn create(target: &Path) -> Result<Self> {
        remove_leftovers_of(target);
        let path = temporary_path(target)?;
        fs::create_dir_all(&path).with_context(|| {
            format!(
                "cannot write into {}: is it writable?",
                path.parent().unwrap_or(Path::new("")).display()
            )
        })?;
        Ok(AtomicFolder { target: target.to_owned(), unfinished: Unfinished::new(path) })
    }

    /// The path of the temporary folder.
    pub fn path(&self) -> &Path {
        self.unfinished.path()
    }

    /// Gives the folder its final name and replaces a previous folder. The caller must have synced
    /// the files inside.
    ///
    /// # Errors
    /// A failed sync or rename; a previous folder is then unchanged.
    pub fn commit(self) -> Result<()> {
        let path = self.unfinished.path();
        sync_folder(&path.join("x"))?;
        let renamed = if self.target.exists() {
            // the exchange is one step, so there is always a folder; the guard removes the old one
            renameat_with(CWD, path, CWD, &self.target, RenameFlags::EXCHANGE)
                .map_err(std::io::Error::from)
        } else {
            fs::rename(path, &self.target)
        };
        renamed.with_context(|| format!("cannot replace {}", self.target.display()))?;
        sync_folder(&self.target)
    }
}

/// Links `source` as `target`, or copies it if the file system cannot link. Outputs are never modified
/// after they got their final name, so a link is as good as a copy.
///
/// # Errors
/// A file that can be neither linked nor copied.
pub fn link_or_copy(source: &Path, target: &Path) -> Result<()> {
    if fs::hard_link(source, target).is_ok() {
        return Ok(());
    }
    fs::copy(source, target)
        .and_then(|_| File::open(target)?.sync_all())
        .with_context(|| format!("cannot copy {} to {}", source.display(), target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_of_a_killed_run_with_the_same_process_id_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("out");
        let stray = format!(".out.{}-999.unfinished", std::process::id());
        fs::create_dir(parent.path().join(&stray)).unwrap();
        fs::write(parent.path().join(&stray).join("half"), "half").unwrap();
        let folder = AtomicFolder::create(&target).unwrap();
        let other = AtomicFolder::create(&target).unwrap();
        assert_ne!(folder.path(), other.path());
        assert!(folder.path().exists() && !parent.path().join(&stray).exists());
        fs::write(folder.path().join("whole"), "whole").unwrap();
        drop(other);
        folder.commit().unwrap();
        let names = |path: &Path| -> Vec<_> {
            fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name()).collect()
        };
        assert_eq!(names(parent.path()), ["out"]);
        assert_eq!(names(&target), ["whole"]);
    }
}

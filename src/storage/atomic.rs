//! Outputs that appear whole or not at all: written beside, synced, renamed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::lock::another_runs;
use crate::runtime::interrupt::{Unfinished, is_unfinished};

/// Where `path` is written until it is complete: a hidden sibling, so that the rename stays in
/// one file system and folder listings pass it over. Each call gives another, so that threads
/// that write the same output do not meet.
fn beside(path: &Path) -> Result<PathBuf> {
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

/// Removes what runs that were killed left beside `path`.
fn sweep(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    sweep_all(folder, &format!(".{}.", name.to_string_lossy()));
}

/// Removes what runs that were killed left in `folder`, of outputs whose hidden name begins with
/// `prefix`.
pub fn sweep_all(folder: &Path, prefix: &str) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(made_by) = writer(&name).filter(|_| name.starts_with(prefix)) else { continue };
        // a process that still runs may still be writing there
        if !is_unfinished(&entry.path()) && !another_runs(made_by) {
            let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
        }
    }
}

/// The number of the process that a name of [`beside`] tells.
fn writer(name: &str) -> Option<u32> {
    let (_, made_by) = name.strip_prefix('.')?.strip_suffix(".unfinished")?.rsplit_once('.')?;
    made_by.split('-').next()?.parse().ok()
}

/// Makes names in the folder of `path` last.
///
/// # Errors
/// A folder that cannot be opened or synced.
pub fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|f| f.sync_all())
        .with_context(|| format!("cannot sync the folder {}", folder.display()))
}

/// A file under construction.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    unfinished: Unfinished,
}

impl AtomicFile {
    /// # Errors
    /// When the folder cannot be created.
    pub fn new(target: &Path) -> Result<Self> {
        sweep(target);
        Ok(AtomicFile { target: target.to_owned(), unfinished: Unfinished::new(beside(target)?) })
    }

    /// Creates the file to write to.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(&self) -> Result<File> {
        File::create(self.unfinished.path()).with_context(|| {
            format!("cannot write {}: is the folder writable?", self.target.display())
        })
    }

    /// Where the file is until then.
    pub fn path(&self) -> &Path {
        self.unfinished.path()
    }

    /// Syncs and gives the file its final name.
    ///
    /// # Errors
    /// When syncing or renaming fails; the earlier file then stands.
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
/// When the folder cannot be written; the earlier file then stands.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = AtomicFile::new(path)?;
    std::io::Write::write_all(&mut file.create()?, bytes)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.commit()
}

/// A folder under construction.
#[derive(Debug)]
pub struct AtomicFolder {
    target: PathBuf,
    unfinished: Unfinished,
}

impl AtomicFolder {
    /// Creates the hidden folder to write into.
    ///
    /// # Errors
    /// When the parent folder cannot be written.
    pub fn create(target: &Path) -> Result<Self> {
        sweep(target);
        let path = beside(target)?;
        fs::create_dir_all(&path).with_context(|| {
            format!(
                "cannot write into {}: is it writable?",
                path.parent().unwrap_or(Path::new("")).display()
            )
        })?;
        Ok(AtomicFolder { target: target.to_owned(), unfinished: Unfinished::new(path) })
    }

    /// The folder to write into.
    pub fn path(&self) -> &Path {
        self.unfinished.path()
    }

    /// Gives the folder its final name, in the place of an earlier one. Files inside must have
    /// been synced by whoever wrote them.
    ///
    /// # Errors
    /// When renaming fails; the earlier folder then stands.
    pub fn commit(self) -> Result<()> {
        let path = self.unfinished.path();
        sync_folder(&path.join("x"))?;
        let renamed = if self.target.exists() {
            // one step: at no moment is there no folder. The old one is swept with the guard.
            renameat_with(CWD, path, CWD, &self.target, RenameFlags::EXCHANGE)
                .map_err(std::io::Error::from)
        } else {
            fs::rename(path, &self.target)
        };
        renamed.with_context(|| format!("cannot put {} in its place", self.target.display()))?;
        sync_folder(&self.target)
    }
}

/// Puts `source` into `target` without copying bytes where the file system can link. Sources are
/// never written to after they got their name, so a link is as good as a copy.
///
/// # Errors
/// When neither linking nor copying works.
pub fn adopt(source: &Path, target: &Path) -> Result<()> {
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
    fn what_a_killed_run_of_the_same_number_left_is_swept_and_not_adopted() {
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

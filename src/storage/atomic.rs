//! Outputs that appear complete or not at all: they are written under a temporary name, synced and
//! renamed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::permissions;
use super::temporary_name::{Writer, prefix, temporary_name, writer_of};
use crate::runtime::interrupt::{Unfinished, is_unfinished};

/// Time after which the leftovers of another host or container are removed. Nothing that is being
/// written stays unchanged for so long.
const ABANDONED: Duration = Duration::from_hours(7 * 24);
/// The same for a container on this host, while this process alone may change the folder.
const ABANDONED_ON_THIS_HOST: Duration = Duration::from_hours(1);

/// A temporary name for `path`: a hidden sibling, so that the rename stays within one file system and
/// folder listings skip it.
fn temporary_path(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().with_context(|| format!("{} has no file name", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    create_folder(folder)?;
    Ok(folder.join(temporary_name(&name.to_string_lossy())))
}

/// Removes what killed runs left beside `path`.
fn remove_leftovers_of(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    remove_leftovers(folder, &prefix(&name.to_string_lossy()), false);
}

/// Removes temporary files and folders that killed runs left in `folder` and whose names begin with
/// `prefix`. `exclusive` tells that the folder is locked and no other run may change it.
pub fn remove_leftovers(folder: &Path, prefix: &str, exclusive: bool) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        let Some(writer) = writer_of(&name).filter(|_| name.starts_with(prefix)) else { continue };
        if is_abandoned(&writer, &path, exclusive) && !is_unfinished(&path) {
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
    }
}

/// True if nobody writes there any more. Of a process of another host or container only the time of its
/// last change tells.
fn is_abandoned(writer: &Writer, path: &Path, exclusive: bool) -> bool {
    let unchanged_for = |time: Duration| {
        last_change(path).and_then(|at| at.elapsed().ok()).is_some_and(|age| age > time)
    };
    match writer {
        Writer::Known(process) => match process.is_running() {
            Some(running) => !running,
            None if exclusive && process.shares_kernel() => unchanged_for(ABANDONED_ON_THIS_HOST),
            None => unchanged_for(ABANDONED),
        },
        Writer::Unknown if exclusive => unchanged_for(ABANDONED_ON_THIS_HOST),
        Writer::Unknown => unchanged_for(ABANDONED),
    }
}

/// The latest modification of a file, or of anything in a folder.
fn last_change(path: &Path) -> Option<SystemTime> {
    let meta = fs::symlink_metadata(path).ok()?;
    let mut last = meta.modified().ok()?;
    if meta.is_dir() {
        for entry in fs::read_dir(path).ok()? {
            last = last.max(last_change(&entry.ok()?.path())?);
        }
    }
    Some(last)
}

/// Syncs the folder of `path`, so that its entries survive a crash.
///
/// # Errors
/// A folder that cannot be opened or synced.
pub fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_entries(folder)
}

pub(super) fn sync_entries(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|f| f.sync_all())
        .with_context(|| format!("cannot sync the folder {}", folder.display()))
}

/// Syncs a folder and all folders below it, the lowest first.
pub(super) fn sync_tree(folder: &Path) -> Result<()> {
    let context = || format!("cannot list the folder {}", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        if entry.file_type().with_context(context)?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    sync_entries(folder)
}

/// Creates a folder and those above it that are missing. Each new one is synced into the folder that
/// contains it, so that what is written there later survives a crash.
///
/// # Errors
/// A folder that cannot be created or synced.
pub fn create_folder(folder: &Path) -> Result<()> {
    let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let new: Vec<&Path> = folder.ancestors().take_while(missing).collect();
    if folder.as_os_str().is_empty() || new.is_empty() && folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    new.into_iter().rev().try_for_each(sync_folder)
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
        AtomicFile::in_swept_folder(target)
    }

    /// One of many files in a folder whose leftovers the caller has removed, so that the folder is not
    /// listed for each of them.
    ///
    /// # Errors
    /// A folder that cannot be created.
    pub fn in_swept_folder(target: &Path) -> Result<Self> {
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

    fn fill(&self, bytes: &[u8]) -> Result<()> {
        std::io::Write::write_all(&mut self.create()?, bytes)
            .with_context(|| format!("cannot write {}", self.target.display()))
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
        let target = self.target.clone();
        self.rename()?;
        sync_folder(&target)
    }

    /// Does the same, but leaves it to the caller to sync the folder, once for several files.
    ///
    /// # Errors
    /// As [`AtomicFile::commit`].
    pub fn rename(self) -> Result<()> {
        let path = self.unfinished.path();
        File::open(path)
            .and_then(|f| f.sync_all())
            .and_then(|()| fs::rename(path, &self.target))
            .with_context(|| format!("cannot finish {}", self.target.display()))
    }
}

/// Writes `bytes` as the whole content of `path`.
///
/// # Errors
/// A folder that is not writable; a previous file is then unchanged.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = AtomicFile::new(path)?;
    file.fill(bytes)?;
    file.commit()
}

/// The same for one of many files in a folder whose leftovers the caller has removed, and which it syncs once for
/// all of them.
///
/// # Errors
/// As [`write_file`].
pub fn write_in_swept_folder(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = AtomicFile::in_swept_folder(path)?;
    file.fill(bytes)?;
    file.rename()
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
        fs::create_dir(&path).with_context(|| {
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

    /// The final path of the folder.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Syncs the folder and those inside it, gives it its final name and replaces a previous folder. The
    /// caller must have synced the files.
    ///
    /// # Errors
    /// A failed sync or rename; a previous folder is then unchanged.
    pub fn commit(self) -> Result<()> {
        let path = self.unfinished.path();
        sync_tree(path)?;
        replace(path, &self.target)?;
        sync_folder(&self.target)
    }
}

/// Gives `from` the name `to`. A folder and what was there are exchanged in one step, so that there is always one;
/// the old one is then at `from`, whose guard removes it.
pub(super) fn replace(from: &Path, to: &Path) -> Result<()> {
    let renamed = if to.exists() && (from.is_dir() || to.is_dir()) {
        renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE).map_err(std::io::Error::from)
    } else {
        fs::rename(from, to)
    };
    renamed.with_context(|| {
        let to = to.display();
        format!(
            "cannot replace {to}, which is unchanged; if its file system cannot exchange two folders, use another one or remove {to} first"
        )
    })
}

/// Links `source` as `target`, or copies it if the file system cannot link. Outputs are never modified
/// after they got their final name, so a link is as good as a copy.
///
/// # Errors
/// A file that can be neither linked nor copied.
pub fn link_or_copy(source: &Path, target: &Path) -> Result<()> {
    if fs::hard_link(source, target).is_ok() {
        permissions::tighten(target);
        return Ok(());
    }
    fs::copy(source, target)
        .and_then(|_| File::open(target)?.sync_all())
        .with_context(|| format!("cannot copy {} to {}", source.display(), target.display()))?;
    // a copy has the mode of its source
    permissions::tighten(target);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::process::Process;

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The temporary name of `out` of another process.
    fn temporary(process: &Process) -> String {
        let Process { host, boot, namespace, id, started } = process;
        let (host, boot) = (host.replace('.', "_"), &boot[..16]);
        format!(".out.{host}-{boot}-{namespace}-{id}-{started}-0.unfinished")
    }

    #[test]
    fn leftovers_of_a_killed_run_with_the_same_process_id_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("out");
        let current = Process::current();
        let stray = temporary(&Process { started: current.started - 1, ..current.clone() });
        fs::create_dir(parent.path().join(&stray)).unwrap();
        fs::write(parent.path().join(&stray).join("half"), "half").unwrap();
        let folder = AtomicFolder::create(&target).unwrap();
        let other = AtomicFolder::create(&target).unwrap();
        assert_ne!(folder.path(), other.path());
        assert!(folder.path().exists() && !parent.path().join(&stray).exists());
        fs::write(folder.path().join("whole"), "whole").unwrap();
        drop(other);
        folder.commit().unwrap();
        assert_eq!(names(parent.path()), ["out"]);
        assert_eq!(names(&target), ["whole"]);
    }

    #[test]
    fn leftovers_of_other_hosts_and_containers_stay_until_they_are_old() {
        let parent = tempfile::tempdir().unwrap();
        // the process id is not in use here
        let gone = Process { id: i32::MAX as u32, ..Process::current().clone() };
        let others = [
            Process { host: "elsewhere".into(), ..gone.clone() },
            Process { boot: "0123456789abcdef".into(), ..gone.clone() },
            Process { namespace: 1, ..gone.clone() },
        ];
        let mut left: Vec<String> = others.iter().map(temporary).collect();
        left.push(".out.7-0.unfinished".to_owned());
        left.sort();
        for name in &left {
            fs::create_dir(parent.path().join(name)).unwrap();
            fs::write(parent.path().join(name).join("half"), "half").unwrap();
        }
        let ours = temporary(&gone);
        fs::write(parent.path().join(&ours), "half").unwrap();
        for exclusive in [false, true] {
            remove_leftovers(parent.path(), ".", exclusive);
            assert_eq!(names(parent.path()), left);
        }
        let long_ago = SystemTime::now() - 2 * ABANDONED_ON_THIS_HOST;
        let age = |path: &Path| File::open(path).unwrap().set_modified(long_ago).unwrap();
        for name in &left {
            age(&parent.path().join(name).join("half"));
            age(&parent.path().join(name));
        }
        remove_leftovers(parent.path(), ".", false);
        assert_eq!(names(parent.path()), left);
        remove_leftovers(parent.path(), ".", true);
        assert_eq!(names(parent.path()), [temporary(&others[1])], "the other boot");
    }
}

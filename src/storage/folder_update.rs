//! Changes to a folder that is there: what is new is written beside it and moved in, so that the cost follows what
//! changes, and not what is there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::atomic::{remove_leftovers_of, sync_entries, sync_folder, sync_tree, temporary_path};
use super::permissions;
use crate::runtime::interrupt::Unfinished;

/// New entries of a folder, each a file or a folder, until they are moved into it.
#[derive(Debug)]
pub struct FolderUpdate {
    target: PathBuf,
    unfinished: Unfinished,
}

impl FolderUpdate {
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
        Ok(FolderUpdate { target: target.to_owned(), unfinished: Unfinished::new(path) })
    }

    /// The temporary folder, for the new entries.
    pub fn path(&self) -> &Path {
        self.unfinished.path()
    }

    /// The folder that changes.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Syncs the new entries, moves them into the folder, where they replace those of the same names, and removes the
    /// entries `gone`. Each entry changes in one step. The caller must have synced the files.
    ///
    /// # Errors
    /// A failed sync or rename; entries that were not moved yet are then unchanged.
    pub fn commit(self, gone: &[String]) -> Result<()> {
        let path = self.unfinished.path();
        sync_tree(path)?;
        let context = || format!("cannot change {}", self.target.display());
        if !self.target.exists() {
            fs::rename(path, &self.target).with_context(context)?;
            return sync_folder(&self.target);
        }
        permissions::tighten_below(&self.target);
        for entry in fs::read_dir(path).with_context(context)? {
            let entry = entry.with_context(context)?;
            replace(&entry.path(), &self.target.join(entry.file_name()))?;
        }
        for name in gone {
            let (from, to) = (self.target.join(name), path.join(name));
            fs::rename(&from, &to).with_context(|| format!("cannot remove {}", from.display()))?;
        }
        sync_entries(&self.target)
    }
}

/// Moves `from` to `to`. A folder that was there takes the place of `from`, which the guard removes.
fn replace(from: &Path, to: &Path) -> Result<()> {
    let renamed = if to.is_dir() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(folder: &Path) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            match path.is_dir() {
                true => found
                    .extend(tree(&path).into_iter().map(|(n, text)| (format!("{name}/{n}"), text))),
                false => found.push((name, fs::read_to_string(&path).unwrap())),
            }
        }
        found.sort();
        found
    }

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn entries_are_added_replaced_and_removed_and_others_stay() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("out");
        let update = FolderUpdate::create(&target).unwrap();
        for (name, text) in [("a/1", "a"), ("a/2", "a"), ("b/1", "b"), ("c", "c"), ("d/1", "d")] {
            write(update.path(), name, text);
        }
        assert!(!target.exists());
        update.commit(&[]).unwrap();
        let update = FolderUpdate::create(&target).unwrap();
        for (name, text) in [("a/1", "new"), ("c", "new"), ("e/1", "new")] {
            write(update.path(), name, text);
        }
        update.commit(&["d".to_owned()]).unwrap();
        let expected = [("a/1", "new"), ("b/1", "b"), ("c", "new"), ("e/1", "new")];
        assert_eq!(tree(&target), expected.map(|(n, t)| (n.to_owned(), t.to_owned())));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn abandoned_update_changes_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("out");
        write(&target, "a", "a");
        let update = FolderUpdate::create(&target).unwrap();
        write(update.path(), "a", "new");
        drop(update);
        assert_eq!(tree(parent.path()), [("out/a".to_owned(), "a".to_owned())]);
    }
}

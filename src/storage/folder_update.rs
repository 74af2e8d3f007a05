//! Changes to a folder that is there: what is new is written beside it and moved in, so that the cost follows what
//! changes, and not what is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::atomic::{AtomicFolder, replace, sync_entries, sync_tree};
use super::permissions;

/// New entries of a folder, each a file or a folder, until they are moved into it.
#[derive(Debug)]
pub struct FolderUpdate(AtomicFolder);

impl FolderUpdate {
    /// Creates the temporary folder.
    ///
    /// # Errors
    /// A parent folder that is not writable.
    pub fn create(target: &Path) -> Result<Self> {
        AtomicFolder::create(target).map(FolderUpdate)
    }

    /// The temporary folder, for the new entries.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The folder that changes.
    pub fn target(&self) -> &Path {
        self.0.target()
    }

    /// Syncs the new entries, moves them into the folder, where they replace those of the same names, and removes the
    /// other entries for which `is_outdated` is true. Each entry changes in one step. The caller must have synced the
    /// files.
    ///
    /// # Errors
    /// A failed sync or rename; entries that were not moved yet are then unchanged.
    pub fn commit(self, is_outdated: impl Fn(&str) -> bool) -> Result<()> {
        let (path, target) = (self.path(), self.target());
        if !target.exists() {
            return self.0.commit();
        }
        sync_tree(path)?;
        permissions::tighten_below(target);
        let new = names(path)?;
        for name in &new {
            replace(&path.join(name), &target.join(name))?;
        }
        for name in names(target)? {
            if is_outdated(&name) && !new.contains(&name) {
                let from = target.join(&name);
                fs::rename(&from, path.join(&name))
                    .with_context(|| format!("cannot remove {}", from.display()))?;
            }
        }
        sync_entries(target)
    }
}

/// The names of the entries of a folder.
fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let context = || format!("cannot list {}", folder.display());
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        names.insert(entry.with_context(context)?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
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
        update.commit(|_| false).unwrap();
        let update = FolderUpdate::create(&target).unwrap();
        for (name, text) in [("a/1", "new"), ("c", "new"), ("e/1", "new")] {
            write(update.path(), name, text);
        }
        update.commit(|name| ["a", "d"].contains(&name)).unwrap();
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

//! The folder of an embedded warehouse: numbered versions of the tables, one of which is current.
//!
//! The file `CURRENT` names the version that readers use. A load builds the next version in a folder of
//! its own and then replaces `CURRENT` in one atomic step, after which every reader sees the new tables.
//! `CURRENT` contains a checksum of itself and of the `load.json` of the version, to detect damage, and
//! `load.json` one of `files.json`, which lists the files of the tables. They are in the folder `tables`, which
//! all versions share: a file gets a name of its own and is never changed, so that a load adds the files that
//! are new and leaves the others alone. Earlier versions of the program kept them in the folder of each version.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::table_lists::{LIST, SHARED, read, resolved};
use crate::datasets::file_list::FileList;
use crate::storage::atomic::{AtomicFolder, sync_folder, write_file};
use crate::storage::lock::{self, FolderLock};
use crate::warehouse::Loaded;

const CURRENT: &str = "CURRENT";
const LOADED: &str = "load.json";
/// Tells that a run which added or removed files has not ended, so that others may be left of it.
const UNFINISHED: &str = "unfinished";
/// The folder of the warehouse.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// One version of the tables.
#[derive(Debug, Clone)]
pub struct Version {
    pub folder: PathBuf,
    pub loaded: Loaded,
    /// Checksum of the list of files; `None` in a version that an earlier version of the program loaded.
    pub list: Option<String>,
}

/// The content of `load.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct LoadRecord {
    #[serde(flatten)]
    loaded: Loaded,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list: Option<String>,
}

impl Version {
    /// The version in a folder, for access to its files only.
    fn without_load(folder: PathBuf) -> Self {
        let loaded =
            Loaded { fingerprint: String::new(), loaded_at: String::new(), rows: BTreeMap::new() };
        // the checksum of the list is that of its content
        let list = fs::read(folder.join(LIST)).ok();
        let list = list.map(|text| format!("{:08x}", crc32fast::hash(&text)));
        Version { folder, loaded, list }
    }
}

impl Store {
    pub fn new(root: PathBuf) -> Self {
        Store { root }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The current version; `None` before the first load.
    ///
    /// # Errors
    /// A folder that cannot be read or is damaged.
    pub fn current(&self) -> Result<Option<Version>> {
        let path = self.root.join(CURRENT);
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
        };
        let Some(name) = version_in(&content).map(version_name) else {
            bail!("{} does not name a version; load again with --force", path.display());
        };
        let folder = self.root.join(&name);
        let damaged =
            || format!("the warehouse {} is damaged; load again with --force", self.root.display());
        let text = fs::read_to_string(folder.join(LOADED)).with_context(damaged)?;
        if content != content_of_current(&name, &text).as_bytes() {
            bail!(damaged());
        }
        let LoadRecord { loaded, list } = serde_json::from_str(&text).with_context(|| {
            format!("{} is damaged; load again with --force", folder.join(LOADED).display())
        })?;
        Ok(Some(Version { folder, loaded, list }))
    }

    /// The folder of the files of all versions.
    pub fn shared(&self) -> PathBuf {
        self.root.join(&SHARED["../".len()..])
    }

    /// The folder of stored results of views.
    pub fn results(&self) -> PathBuf {
        self.root.join("results")
    }

    /// Builds the next version and makes it the current one; `fill` adds its files and returns what it
    /// loaded and the list of them. Files that only versions before the previous one have are removed.
    ///
    /// # Errors
    /// Another run that changes the warehouse; errors of `fill`; a folder that cannot be written.
    pub fn replace(&self, fill: impl FnOnce() -> Result<(Loaded, FileList)>) -> Result<Loaded> {
        let lock = self.lock()?;
        let versions = self.versions()?;
        let unfinished = self.root.join(UNFINISHED);
        let was_interrupted = unfinished.exists();
        fs::write(&unfinished, "")
            .with_context(|| format!("cannot write {}", unfinished.display()))?;
        let next = versions.last().map_or(1, |v| v + 1);
        let name = version_name(next);
        let folder = AtomicFolder::create(&self.root.join(&name))?;
        let (loaded, list) = fill()?;
        let text = serde_json::to_vec(&list)?;
        write_file(&folder.path().join(LIST), &text)?;
        let list = Some(format!("{:08x}", crc32fast::hash(&text)));
        let text = serde_json::to_string_pretty(&LoadRecord { loaded: loaded.clone(), list })?;
        write_file(&folder.path().join(LOADED), text.as_bytes())?;
        lock.ensure_held()?;
        folder.commit()?;
        let previous = fs::read(self.root.join(CURRENT)).ok();
        write_file(&self.root.join(CURRENT), content_of_current(&name, &text).as_bytes())?;
        // readers may still use the previous version; older ones are removed
        let keep = previous.as_deref().and_then(version_in);
        let old: Vec<u64> = versions.into_iter().filter(|v| Some(*v) != keep).collect();
        let kept: Vec<u64> = keep.into_iter().chain([next]).collect();
        self.remove(&old, &kept, was_interrupted);
        let _ = fs::remove_file(&unfinished);
        Ok(loaded)
    }

    /// Removes versions, and the files that no version has that is kept. The next load tries again to remove
    /// what could not be removed. `all` looks for files that belong to no version at all.
    fn remove(&self, versions: &[u64], kept: &[u64], all: bool) {
        let folder = |number: &u64| self.root.join(version_name(*number));
        // as texts, which are compared faster than paths
        let names = |numbers: &[u64]| -> Option<HashSet<OsString>> {
            let mut names = HashSet::new();
            for number in numbers {
                let version = Version::without_load(folder(number));
                let list = read(&version.folder, version.list.as_deref()).ok()?;
                let path = |name| resolved(&version.folder, name).into_os_string();
                names.extend(list.names().map(path));
            }
            Some(names)
        };
        if let Some(kept) = names(kept) {
            let mut found = HashSet::new();
            for number in versions {
                found.extend(names(&[*number]).unwrap_or_default());
            }
            if all {
                found.extend(files_below(&self.shared()).into_iter().map(PathBuf::into_os_string));
            }
            let unneeded = found.difference(&kept).map(Path::new);
            for file in unneeded.filter(|file| file.starts_with(self.shared())) {
                let _ = fs::remove_file(file);
                if let Some(date) = file.parent().filter(|parent| **parent != self.shared()) {
                    // fails while there are other files
                    let _ = fs::remove_dir(date);
                }
            }
        }
        for number in versions {
            let _ = fs::remove_dir_all(folder(number));
        }
    }

    /// Locks the warehouse for a run that changes it, and creates its folder if necessary.
    ///
    /// # Errors
    /// Another run that changes it; a folder that is not writable.
    pub fn lock(&self) -> Result<FolderLock> {
        lock::to_write_warehouse(&self.root)
    }

    /// All versions, without what was loaded; none before the first load.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn all(&self) -> Result<Vec<Version>> {
        if !self.root.exists() {
            return Ok(Vec::new());
        }
        let version = |number| Version::without_load(self.root.join(version_name(number)));
        Ok(self.versions()?.into_iter().map(version).collect())
    }

    /// Removes every version that is not the current one, and all files that are not part of it.
    ///
    /// # Errors
    /// A running load; a folder that cannot be removed.
    pub fn remove_all_but_current(&self) -> Result<()> {
        let _lock = self.lock()?;
        let current = self.current()?.map(|version| version.folder);
        let is_current = |number: &u64| Some(self.root.join(version_name(*number))) == current;
        let (kept, old): (Vec<u64>, Vec<u64>) =
            self.versions()?.iter().partition(|n| is_current(n));
        self.remove(&old, &kept, true);
        if let Some(left) =
            old.iter().map(|n| self.root.join(version_name(*n))).find(|f| f.exists())
        {
            bail!("cannot remove {}", left.display());
        }
        sync_folder(&self.root.join(CURRENT))
    }

    fn versions(&self) -> Result<Vec<u64>> {
        let entries = fs::read_dir(&self.root)
            .with_context(|| format!("cannot list {}", self.root.display()))?;
        let mut versions: Vec<u64> =
            entries.flatten().filter_map(|e| number(&e.file_name().to_string_lossy())).collect();
        versions.sort_unstable();
        Ok(versions)
    }
}

/// All files in a folder and the folders in it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files_below(&path)),
            _ => found.push(path),
        }
    }
    found
}

/// The content of `CURRENT` for a version with this `load.json`.
fn content_of_current(name: &str, loaded: &str) -> String {
    format!("{name} {:08x}\n", crc32fast::hash(format!("{name}\n{loaded}").as_bytes()))
}

/// The number of the version that the content of `CURRENT` names.
fn version_in(content: &[u8]) -> Option<u64> {
    number(std::str::from_utf8(content).ok()?.split_whitespace().next()?)
}

fn version_name(number: u64) -> String {
    format!("v{number:06}")
}

fn number(name: &str) -> Option<u64> {
    name.strip_prefix('v')?.parse().ok()
}

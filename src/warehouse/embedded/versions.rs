//! The folder of an embedded warehouse: numbered versions of the tables, one of which is current.
//!
//! The file `CURRENT` names the version that readers use. A load builds the next version in a folder of
//! its own and then replaces `CURRENT` in one atomic step, after which every reader sees the new tables.
//! `CURRENT` contains a checksum of itself and of the `load.json` of the version, to detect damage, and
//! `load.json` one of `files.json`, which lists the files of the tables.
//! Stored view results are part of their version, so a new version starts without any.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::datasets::file_list::FileList;
use crate::storage::atomic::{AtomicFolder, sync_folder, write_file};
use crate::storage::lock::{self, FolderLock};
use crate::warehouse::Loaded;

const CURRENT: &str = "CURRENT";
const LOADED: &str = "load.json";
/// The list of the files of the tables.
pub const LIST: &str = "files.json";
/// The folder of hourly presence.
pub const EVENTS: &str = "mobile_events_compressed";

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
    pub fn without_load(folder: PathBuf) -> Self {
        let loaded =
            Loaded { fingerprint: String::new(), loaded_at: String::new(), rows: BTreeMap::new() };
        Version { folder, loaded, list: None }
    }

    pub fn events(&self) -> PathBuf {
        self.folder.join(EVENTS)
    }

    /// The file of a table that is a single file.
    pub fn table(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.parquet"))
    }

    /// The folder of stored view results.
    pub fn results(&self) -> PathBuf {
        self.folder.join("results")
    }

    /// The file of the stored result of a view; `fingerprint` is that of everything it depends on.
    pub fn result(&self, view: &str, fingerprint: &str) -> PathBuf {
        self.results().join(format!("{view}.{fingerprint}.parquet"))
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

    /// The version before another, if it still exists.
    pub fn previous(&self, version: &Version) -> Option<Version> {
        let this = number(&version.folder.file_name()?.to_string_lossy())?;
        let previous = self.versions().ok()?.into_iter().rfind(|other| *other < this)?;
        Some(Version {
            folder: self.root.join(version_name(previous)),
            loaded: version.loaded.clone(),
            list: None,
        })
    }

    /// Builds the next version and makes it the current one; `fill` gets its folder, and returns what it
    /// loaded and the files.
    ///
    /// # Errors
    /// Another run that changes the warehouse; errors of `fill`; a folder that cannot be written.
    pub fn replace(
        &self,
        fill: impl FnOnce(&Path) -> Result<(Loaded, FileList)>,
    ) -> Result<Loaded> {
        let lock = self.lock()?;
        let versions = self.versions()?;
        let next = versions.last().map_or(1, |v| v + 1);
        let name = version_name(next);
        let folder = AtomicFolder::create(&self.root.join(&name))?;
        let (loaded, list) = fill(folder.path())?;
        let list = serde_json::to_vec(&list)?;
        write_file(&folder.path().join(LIST), &list)?;
        let list = Some(format!("{:08x}", crc32fast::hash(&list)));
        let text = serde_json::to_string_pretty(&LoadRecord { loaded: loaded.clone(), list })?;
        write_file(&folder.path().join(LOADED), text.as_bytes())?;
        lock.ensure_held()?;
        folder.commit()?;
        let previous = fs::read(self.root.join(CURRENT)).ok();
        write_file(&self.root.join(CURRENT), content_of_current(&name, &text).as_bytes())?;
        // readers may still use the previous version; older ones are removed
        let keep = previous.as_deref().and_then(version_in);
        for old in versions.into_iter().filter(|v| Some(*v) != keep) {
            // the next load tries again to remove what could not be removed
            let _ = fs::remove_dir_all(self.root.join(version_name(old)));
        }
        Ok(loaded)
    }

    /// Locks the warehouse for a run that changes it, and creates its folder if necessary.
    ///
    /// # Errors
    /// Another run that changes it; a folder that is not writable.
    pub fn lock(&self) -> Result<FolderLock> {
        lock::to_write_warehouse(&self.root)
    }

    /// The folders of all versions; none before the first load.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn folders(&self) -> Result<Vec<PathBuf>> {
        if !self.root.exists() {
            return Ok(Vec::new());
        }
        let folder = |number: u64| self.root.join(version_name(number));
        Ok(self.versions()?.into_iter().map(folder).collect())
    }

    /// Removes every version that is not the current one.
    ///
    /// # Errors
    /// A running load; a folder that cannot be removed.
    pub fn remove_all_but_current(&self) -> Result<()> {
        let _lock = self.lock()?;
        let current = self.current()?.map(|version| version.folder);
        for folder in self.folders()?.into_iter().filter(|folder| Some(folder) != current.as_ref())
        {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
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

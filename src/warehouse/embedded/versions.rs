//! The folder of an embedded warehouse: numbered versions, and the one that counts.
//!
//! `CURRENT` names the version that readers use. A load builds the next version beside it and
//! then renames a new `CURRENT` into place: one atomic step, after which every reader sees the new
//! tables. It states a checksum of itself and of the version's `load.json`, so that damage is found.
//! Stored results live inside their version, so a new load starts without any.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;

use crate::datasets::presence;
use crate::storage::atomic::{AtomicFolder, write_file};
use crate::warehouse::Loaded;

const CURRENT: &str = "CURRENT";
const LOADED: &str = "load.json";

/// The folder as a whole.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// One version of the tables.
#[derive(Debug, Clone)]
pub struct Version {
    pub folder: PathBuf,
    pub loaded: Loaded,
}

impl Version {
    pub fn events(&self) -> PathBuf {
        self.folder.join("mobile_events_compressed")
    }

    /// The days with hourly presence, in order.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn dates(&self) -> Result<Vec<NaiveDate>> {
        let mut dates: Vec<_> = presence::files(&self.events())?.iter().map(|f| f.date).collect();
        dates.dedup();
        Ok(dates)
    }

    /// The file of a table that is one file.
    pub fn table(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.parquet"))
    }

    /// Where results of views are kept.
    pub fn results(&self) -> PathBuf {
        self.folder.join("results")
    }

    /// Where the result of a view is kept; `mark` changes with whatever it was computed from.
    pub fn result(&self, view: &str, mark: &str) -> PathBuf {
        self.results().join(format!("{view}.{mark}.parquet"))
    }
}

impl Store {
    pub fn new(root: PathBuf) -> Self {
        Store { root }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The version that counts; `None` before the first load.
    ///
    /// # Errors
    /// A folder that cannot be read or was tampered with.
    pub fn current(&self) -> Result<Option<Version>> {
        let path = self.root.join(CURRENT);
        let stated = match fs::read(&path) {
            Ok(stated) => stated,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
        };
        let Some(name) = named(&stated).map(version_name) else {
            bail!("{} names no version; load again with --force", path.display());
        };
        let folder = self.root.join(&name);
        let damaged =
            || format!("the warehouse {} is damaged; load again with --force", self.root.display());
        let text = fs::read_to_string(folder.join(LOADED)).with_context(damaged)?;
        if stated != current(&name, &text).as_bytes() {
            bail!(damaged());
        }
        let loaded = serde_json::from_str(&text).with_context(|| {
            format!("{} is damaged; load again with --force", folder.join(LOADED).display())
        })?;
        Ok(Some(Version { folder, loaded }))
    }

    /// The version that was loaded before another, if it is still there.
    pub fn before(&self, version: &Version) -> Option<Version> {
        let this = number(&version.folder.file_name()?.to_string_lossy())?;
        let before = self.versions().ok()?.into_iter().rfind(|other| *other < this)?;
        Some(Version {
            folder: self.root.join(version_name(before)),
            loaded: version.loaded.clone(),
        })
    }

    /// Builds the next version with `fill`, which gets its folder, and makes it the current one.
    ///
    /// # Errors
    /// Another load under way; whatever `fill` meets; a folder that cannot be written.
    pub fn replace(&self, fill: impl FnOnce(&Path) -> Result<Loaded>) -> Result<Loaded> {
        fs::create_dir_all(&self.root).with_context(|| {
            format!("cannot create the warehouse folder {}", self.root.display())
        })?;
        let _lock = self.lock()?;
        let versions = self.versions()?;
        let next = versions.last().map_or(1, |v| v + 1);
        let name = version_name(next);
        let folder = AtomicFolder::create(&self.root.join(&name))?;
        let loaded = fill(folder.path())?;
        let text = serde_json::to_string_pretty(&loaded)?;
        write_file(&folder.path().join(LOADED), text.as_bytes())?;
        folder.commit()?;
        let before = fs::read(self.root.join(CURRENT)).ok();
        write_file(&self.root.join(CURRENT), current(&name, &text).as_bytes())?;
        // readers that opened the version before this one may still be at work; older ones go
        let keep = before.as_deref().and_then(named);
        for old in versions.into_iter().filter(|v| Some(*v) != keep) {
            // what cannot be removed now is tried again at the next load
            let _ = fs::remove_dir_all(self.root.join(version_name(old)));
        }
        Ok(loaded)
    }

    fn lock(&self) -> Result<File> {
        let path = self.root.join("lock");
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => bail!(
                "another load into {} is under way; try again when it is done",
                self.root.display()
            ),
            Err(TryLockError::Error(e)) => {
                Err(e).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
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

/// What `CURRENT` says of a version with this `load.json`.
fn current(name: &str, loaded: &str) -> String {
    format!("{name} {:08x}\n", crc32fast::hash(format!("{name}\n{loaded}").as_bytes()))
}

/// The version that `CURRENT` names.
fn named(stated: &[u8]) -> Option<u64> {
    number(std::str::from_utf8(stated).ok()?.split_whitespace().next()?)
}

fn version_name(number: u64) -> String {
    format!("v{number:06}")
}

fn number(name: &str) -> Option<u64> {
    name.strip_prefix('v')?.parse().ok()
}

//! What the store holds, as the store says it and as this machine knew it last.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::storage::atomic::write_file;
use crate::storage::object_store::{Entry, RemoteFolder, Version};

/// Named so that readers of data sets pass them over.
pub const INDEX: &str = "_mobility.json";
pub const LEASE: &str = "_mobility.lock";
/// The record of runs, to which every machine adds.
pub const RUNS: &str = "runs.jsonl";
/// In the cache, hidden.
const STATE: &str = ".store.json";
/// Folders in which nothing is but outputs.
const FOLDERS: [&str; 3] = ["compressed_events", "days", "quarantine"];

/// All files of the outputs, as they belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub files: BTreeMap<String, Entry>,
}

/// A file of the cache that is the same in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Same {
    pub entry: Entry,
    pub modified_ns: i128,
}

/// What this machine knew of the store last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Of the index; `None` where the store had none.
    pub version: Option<Version>,
    pub index: Index,
    pub files: BTreeMap<String, Same>,
}

/// A file as it lies in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local {
    pub bytes: u64,
    pub modified_ns: i128,
}

impl State {
    /// What was noted; nothing where nothing can be read.
    pub fn read(cache: &Path) -> Self {
        let text = fs::read(cache.join(STATE)).ok();
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// # Errors
    /// A folder that cannot be written.
    pub fn write(&self, cache: &Path) -> Result<()> {
        write_file(&cache.join(STATE), &serde_json::to_vec(self)?)
    }

    /// What the store has of a file, if the file did not change since it was put or fetched.
    pub fn entry(&self, name: &str, local: Local) -> Option<&Entry> {
        let same = self.files.get(name)?;
        (same.entry.bytes == local.bytes && same.modified_ns == local.modified_ns)
            .then_some(&same.entry)
    }
}

/// The index, with its version; `None` where nothing was ever put.
///
/// # Errors
/// A store that cannot be reached; an index that is damaged.
pub fn read(remote: &RemoteFolder) -> Result<Option<(Index, Version)>> {
    let Some((text, version)) = remote.read(INDEX)? else { return Ok(None) };
    let index = serde_json::from_slice(&text).with_context(|| {
        format!("{}/{INDEX} is damaged; remove it, and all is made again", remote.url())
    })?;
    Ok(Some((index, version)))
}

/// Files of the cache by name, hidden ones passed over.
///
/// # Errors
/// A folder that cannot be listed.
pub fn local_files(cache: &Path) -> Result<BTreeMap<String, Local>> {
    let mut files = BTreeMap::new();
    walk(cache, "", &mut files).with_context(|| format!("cannot list {}", cache.display()))?;
    Ok(files)
}

fn walk(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Local>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let name = format!("{prefix}{name}");
        let meta = entry.metadata()?;
        if meta.is_dir() {
            walk(&entry.path(), &format!("{name}/"), files)?;
        } else {
            let modified_ns =
                i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
            files.insert(name, Local { bytes: meta.len(), modified_ns });
        }
    }
    Ok(())
}

/// True of a name that nobody but this program gives.
pub fn is_ours(name: &str) -> bool {
    name.split_once('/').is_some_and(|(folder, _)| FOLDERS.contains(&folder))
}

/// The date that a file belongs to: its files count together or not at all.
pub fn date(name: &str) -> Option<&str> {
    let (_, rest) = name.split_once('/').filter(|_| is_ours(name))?;
    let first = rest.split('/').next()?;
    Some(first.strip_prefix("date=").unwrap_or_else(|| first.split('.').next().unwrap_or(first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_date_are_known_by_their_names() {
        assert_eq!(
            date("compressed_events/date=2024-10-01/part-00000.parquet"),
            Some("2024-10-01")
        );
        assert_eq!(date("days/2024-10-01.json"), Some("2024-10-01"));
        assert_eq!(date("days/2024-10-01.users"), Some("2024-10-01"));
        assert_eq!(date("quarantine/date=2024-10-01/rows.parquet"), Some("2024-10-01"));
        assert_eq!(date("compressed_events.json"), None);
        assert_eq!(date("mine/2024-10-01.json"), None);
    }
}

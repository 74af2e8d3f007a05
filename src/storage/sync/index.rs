//! The files of the outputs: in the index of the object store, in the local cache, and as this machine
//! last synchronised them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::storage::atomic::write_file;
use crate::storage::object_store::{ObjectEntry, ObjectVersion, RemoteFolder};

/// Readers of data sets skip names that start with an underscore.
pub const INDEX: &str = "_mobility.json";
pub const LEASE: &str = "_mobility.lock";
/// The history of runs, to which every machine appends.
pub const RUNS: &str = "runs.jsonl";
/// A hidden file of the cache.
const STATE: &str = ".store.json";
/// Folders that contain only outputs.
const FOLDERS: [&str; 6] =
    ["compressed_events", "days", "quarantine", "segments", "trips", "visits"];

/// All files of one state of the outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub files: BTreeMap<String, ObjectEntry>,
}

/// A file of the cache that has the same content in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncedFile {
    pub entry: ObjectEntry,
    pub modified_ns: i128,
}

/// The state of the last synchronisation on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncState {
    /// Version of the index; `None` if the store had none.
    pub version: Option<ObjectVersion>,
    pub index: Index,
    pub files: BTreeMap<String, SyncedFile>,
}

/// A file of the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalFile {
    pub bytes: u64,
    pub modified_ns: i128,
}

impl SyncState {
    /// The recorded state; an empty one if none can be read.
    pub fn read(cache: &Path) -> Self {
        let text = fs::read(cache.join(STATE)).ok();
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// # Errors
    /// A folder that is not writable.
    pub fn write(&self, cache: &Path) -> Result<()> {
        write_file(&cache.join(STATE), &serde_json::to_vec(self)?)
    }

    /// The object of a file that did not change since it was uploaded or downloaded.
    pub fn entry(&self, name: &str, local: LocalFile) -> Option<&ObjectEntry> {
        let synced = self.files.get(name)?;
        (synced.entry.bytes == local.bytes && synced.modified_ns == local.modified_ns)
            .then_some(&synced.entry)
    }
}

/// Reads the index and its version; `None` if nothing was uploaded yet.
///
/// # Errors
/// A store that cannot be reached; a damaged index.
pub fn read(remote: &RemoteFolder) -> Result<Option<(Index, ObjectVersion)>> {
    let Some((text, version)) = remote.read(INDEX)? else { return Ok(None) };
    let index = serde_json::from_slice(&text).with_context(|| {
        format!("{}/{INDEX} is damaged; remove it, and all outputs are created again", remote.url())
    })?;
    Ok(Some((index, version)))
}

/// The files of the cache by name, without hidden ones.
///
/// # Errors
/// A folder that cannot be listed.
pub fn local_files(cache: &Path) -> Result<BTreeMap<String, LocalFile>> {
    let mut files = BTreeMap::new();
    walk(cache, "", &mut files).with_context(|| format!("cannot list {}", cache.display()))?;
    Ok(files)
}

fn walk(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, LocalFile>,
) -> std::io::Result<()> {
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
            files.insert(name, LocalFile { bytes: meta.len(), modified_ns });
        }
    }
    Ok(())
}

/// True for a name in a folder that contains only outputs.
pub fn is_output(name: &str) -> bool {
    name.split_once('/').is_some_and(|(folder, _)| FOLDERS.contains(&folder))
}

/// The date that a file belongs to. The files of a date are valid together or not at all.
pub fn date(name: &str) -> Option<&str> {
    let (_, rest) = name.split_once('/').filter(|_| is_output(name))?;
    let first = rest.split('/').next()?;
    Some(first.strip_prefix("date=").unwrap_or_else(|| first.split('.').next().unwrap_or(first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_a_file_follows_from_its_name() {
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

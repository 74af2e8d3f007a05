//! From the object store to the cache.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::index::{self, Index, LocalFile, RUNS, SyncState, SyncedFile, date, local_files};
use crate::storage::atomic::{create_folder, write_file};
use crate::storage::lock;
use crate::storage::object_store::{ObjectEntry, RemoteFolder};

/// Brings the cache to the state of the store. Outputs of this machine that it could not upload are
/// kept if no other machine uploaded anything since; otherwise they are created again from the inputs.
///
/// # Errors
/// A store that cannot be reached; a folder that is not writable.
pub fn pull(remote: &RemoteFolder, cache: &Path) -> Result<SyncState> {
    let lock = lock::to_write(cache)?;
    let state = SyncState::read(cache);
    let Some((index, version)) = index::read(remote)? else { return Ok(SyncState::default()) };
    if state.version.as_ref() == Some(&version) {
        return Ok(state);
    }
    let valid = valid_files(&index, &remote.list()?);
    let cached = local_files(cache)?;
    let is_cached = |(name, entry): &(&String, &ObjectEntry)| {
        cached.get(*name).is_some_and(|local| state.entry(name, *local) == Some(*entry))
    };
    let missing: Vec<(String, ObjectEntry)> = valid
        .iter()
        .filter(|file| !is_cached(file))
        .map(|(name, entry)| (name.clone(), entry.clone()))
        .collect();
    lock.ensure_held()?;
    let own_runs = fs::read(cache.join(RUNS)).unwrap_or_default();
    for name in cached.keys().filter(|name| !valid.contains_key(*name) && *name != RUNS) {
        fs::remove_file(cache.join(name))
            .with_context(|| format!("cannot remove {}", cache.join(name).display()))?;
    }
    remote.download(cache, missing)?;
    // the folder has to exist even if no date has events
    create_folder(&cache.join("compressed_events"))?;
    let files = synced_files(&valid, cache)?;
    let state = SyncState { version: Some(version), index, files };
    state.write(cache)?;
    add_runs(cache, &own_runs)?;
    Ok(state)
}

/// The files that are in the store as the index describes them. If a file of a date differs, a command
/// was killed while it uploaded the date, and no file of the date is valid.
fn valid_files(
    index: &Index,
    objects: &BTreeMap<String, ObjectEntry>,
) -> BTreeMap<String, ObjectEntry> {
    let is_current = |(name, entry): &(&String, &ObjectEntry)| {
        objects.get(*name).is_some_and(|found| entry.matches(found))
    };
    let incomplete: BTreeSet<&str> = index
        .files
        .iter()
        .filter(|file| !is_current(file))
        .filter_map(|(name, _)| date(name))
        .collect();
    let is_complete = |name: &str| date(name).is_none_or(|date| !incomplete.contains(date));
    let valid = index.files.iter().filter(|file| is_current(file) && is_complete(file.0));
    valid.map(|(name, entry)| (name.clone(), entry.clone())).collect()
}

/// The files of the cache with the objects that they were downloaded from.
fn synced_files(
    objects: &BTreeMap<String, ObjectEntry>,
    cache: &Path,
) -> Result<BTreeMap<String, SyncedFile>> {
    let cached = local_files(cache)?;
    let synced = |(name, entry): (&String, &ObjectEntry)| {
        let LocalFile { modified_ns, .. } = cached.get(name)?;
        Some((name.clone(), SyncedFile { entry: entry.clone(), modified_ns: *modified_ns }))
    };
    Ok(objects.iter().filter_map(synced).collect())
}

/// Appends those lines of `runs` that the history of runs in the cache does not contain.
///
/// # Errors
/// A folder that is not writable.
pub fn add_runs(cache: &Path, runs: &[u8]) -> Result<()> {
    let path = cache.join(RUNS);
    let mut history = fs::read(&path).unwrap_or_default();
    let known: BTreeSet<Vec<u8>> = history.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let missing: Vec<&[u8]> =
        runs.split(|b| *b == b'\n').filter(|line| !known.contains(*line)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for line in missing {
        history.extend_from_slice(line);
        history.push(b'\n');
    }
    write_file(&path, &history)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tag: &str) -> ObjectEntry {
        ObjectEntry { bytes: 1, etag: Some(tag.to_owned()) }
    }

    fn files(all: &[(&str, &str)]) -> BTreeMap<String, ObjectEntry> {
        all.iter().map(|(name, tag)| ((*name).to_owned(), entry(tag))).collect()
    }

    #[test]
    fn a_date_with_a_different_file_is_invalid_and_other_files_are_valid() {
        let index = Index {
            files: files(&[
                ("compressed_events/date=2024-10-01/part-00000.parquet", "a"),
                ("compressed_events/date=2024-10-01/part-00001.parquet", "b"),
                ("compressed_events/date=2024-10-02/part-00000.parquet", "c"),
                ("days/2024-10-01.json", "d"),
                ("lau.parquet", "e"),
                ("gone.parquet", "f"),
            ]),
        };
        let mut objects = index.files.clone();
        objects.insert("compressed_events/date=2024-10-01/part-00001.parquet".into(), entry("new"));
        objects.remove("gone.parquet");
        let valid: Vec<String> = valid_files(&index, &objects).into_keys().collect();
        assert_eq!(valid, ["compressed_events/date=2024-10-02/part-00000.parquet", "lau.parquet"]);
    }

    #[test]
    fn runs_of_two_machines_are_kept_once_each() {
        let cache = tempfile::tempdir().unwrap();
        fs::write(cache.path().join(RUNS), "one\ntwo\n").unwrap();
        add_runs(cache.path(), b"one\nthree\n").unwrap();
        add_runs(cache.path(), b"").unwrap();
        assert_eq!(fs::read_to_string(cache.path().join(RUNS)).unwrap(), "one\ntwo\nthree\n");
    }
}

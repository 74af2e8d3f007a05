//! From the store to the cache.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::index;
use super::index::{Index, Local, RUNS, Same, State, date, local_files};
use crate::storage::atomic::write_file;
use crate::storage::lock;
use crate::storage::object_store::{Entry, RemoteFolder};

/// Brings the cache to the state of the store. What this machine made and could not put stays, if no
/// other machine put anything since; else it is made again from the inputs.
///
/// # Errors
/// A store that cannot be reached; a folder that cannot be written.
pub fn pull(remote: &RemoteFolder, cache: &Path) -> Result<State> {
    let _lock = lock::to_write(cache)?;
    let state = State::read(cache);
    let Some((index, version)) = index::read(remote)? else { return Ok(State::default()) };
    if state.version.as_ref() == Some(&version) {
        return Ok(state);
    }
    let sound = sound(&index, &remote.list()?);
    let here = local_files(cache)?;
    let same = |(name, entry): &(&String, &Entry)| {
        here.get(*name).is_some_and(|local| state.entry(name, *local) == Some(*entry))
    };
    let wanted: Vec<(String, Entry)> = sound
        .iter()
        .filter(|pair| !same(pair))
        .map(|(name, entry)| (name.clone(), entry.clone()))
        .collect();
    let own_runs = fs::read(cache.join(RUNS)).unwrap_or_default();
    for name in here.keys().filter(|name| !sound.contains_key(*name) && *name != RUNS) {
        fs::remove_file(cache.join(name))
            .with_context(|| format!("cannot remove {}", cache.join(name).display()))?;
    }
    remote.get_files(cache, wanted)?;
    // readers of a period without events look for the folder
    fs::create_dir_all(cache.join("compressed_events"))
        .with_context(|| format!("cannot write {}", cache.display()))?;
    let state = State { version: Some(version), files: noted(&sound, cache)?, index };
    state.write(cache)?;
    add_runs(cache, &own_runs)?;
    Ok(state)
}

/// The files that are in the store as the index names them. Where one of a date is not, a command was
/// killed while it put others: none of the date counts.
fn sound(index: &Index, there: &BTreeMap<String, Entry>) -> BTreeMap<String, Entry> {
    let good =
        |(name, entry): &(&String, &Entry)| there.get(*name).is_some_and(|found| entry.is(found));
    let torn: BTreeSet<&str> =
        index.files.iter().filter(|pair| !good(pair)).filter_map(|(name, _)| date(name)).collect();
    let whole = |name: &str| date(name).is_none_or(|date| !torn.contains(date));
    let sound = index.files.iter().filter(|pair| good(pair) && whole(pair.0));
    sound.map(|(name, entry)| (name.clone(), entry.clone())).collect()
}

/// The files of the cache, which are those of the store.
fn noted(sound: &BTreeMap<String, Entry>, cache: &Path) -> Result<BTreeMap<String, Same>> {
    let here = local_files(cache)?;
    let same = |(name, entry): (&String, &Entry)| {
        let Local { modified_ns, .. } = here.get(name)?;
        Some((name.clone(), Same { entry: entry.clone(), modified_ns: *modified_ns }))
    };
    Ok(sound.iter().filter_map(same).collect())
}

/// Adds runs to those in the cache that are not among them.
///
/// # Errors
/// A folder that cannot be written.
pub fn add_runs(cache: &Path, more: &[u8]) -> Result<()> {
    let path = cache.join(RUNS);
    let mut there = fs::read(&path).unwrap_or_default();
    let known: BTreeSet<Vec<u8>> = there.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let missing: Vec<&[u8]> =
        more.split(|b| *b == b'\n').filter(|line| !known.contains(*line)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for line in missing {
        there.extend_from_slice(line);
        there.push(b'\n');
    }
    write_file(&path, &there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tag: &str) -> Entry {
        Entry { bytes: 1, etag: Some(tag.to_owned()) }
    }

    fn files(all: &[(&str, &str)]) -> BTreeMap<String, Entry> {
        all.iter().map(|(name, tag)| ((*name).to_owned(), entry(tag))).collect()
    }

    #[test]
    fn a_date_of_which_one_file_is_another_does_not_count_and_all_else_does() {
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
        let mut there = index.files.clone();
        there.insert("compressed_events/date=2024-10-01/part-00001.parquet".into(), entry("new"));
        there.remove("gone.parquet");
        let sound: Vec<String> = sound(&index, &there).into_keys().collect();
        assert_eq!(sound, ["compressed_events/date=2024-10-02/part-00000.parquet", "lau.parquet"]);
    }

    #[test]
    fn runs_of_both_machines_are_kept_once() {
        let cache = tempfile::tempdir().unwrap();
        fs::write(cache.path().join(RUNS), "one\ntwo\n").unwrap();
        add_runs(cache.path(), b"one\nthree\n").unwrap();
        add_runs(cache.path(), b"").unwrap();
        assert_eq!(fs::read_to_string(cache.path().join(RUNS)).unwrap(), "one\ntwo\nthree\n");
    }
}

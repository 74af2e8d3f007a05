//! From the cache to the object store.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};

use super::index::{
    INDEX, Index, LEASE, LocalFile, RUNS, SyncState, SyncedFile, is_output, local_files,
};
use super::lease::Lease;
use crate::storage::lock;
use crate::storage::object_store::{
    ObjectEntry, ObjectVersion, PutCondition, PutOutcome, RemoteFolder,
};

/// The manifest of the compressed events refers to other files, so it is uploaded after them.
const MANIFEST: &str = "compressed_events.json";

/// Files that are uploaded before the lease is looked at again.
const FILES_PER_CHECK: usize = 16;

/// Uploads files that changed, then the index, and deletes objects that are no longer part of the
/// outputs. `before` is the state after the last synchronisation. The lease is renewed before each write
/// that other machines rely on, so that a command that lost it replaces nothing.
///
/// # Errors
/// Another machine that uploaded outputs since or took over the lease; a store that cannot be reached
/// or written.
pub fn push(
    (remote, lease): (&RemoteFolder, &Lease),
    cache: &Path,
    before: &SyncState,
) -> Result<SyncState> {
    // the stage that wrote has finished, and no other may start
    let _lock = lock::to_read(cache)?;
    let cached = local_files(cache)?;
    let unchanged = |name: &String, local: &LocalFile| {
        let entry = before.entry(name, *local)?;
        (before.index.files.get(name) == Some(entry)).then(|| entry.clone())
    };
    let mut entries: BTreeMap<String, ObjectEntry> = BTreeMap::new();
    let mut changed = Vec::new();
    for (name, local) in &cached {
        match unchanged(name, local) {
            Some(entry) => {
                entries.insert(name.clone(), entry);
            }
            None => changed.push(name.clone()),
        }
    }
    if changed.is_empty() && entries == before.index.files {
        return Ok(before.clone());
    }
    let only_runs = changed.iter().all(|name| name == RUNS) && entries.len() + 1 >= cached.len();
    let objects = if only_runs { None } else { Some(remote.list()?) };
    // files that a killed command of another machine overwrote are uploaded again
    if let Some(objects) = &objects {
        entries.retain(|name, entry| {
            let is_current = objects.get(name).is_some_and(|found| entry.matches(found));
            if !is_current {
                changed.push(name.clone());
            }
            is_current
        });
    }
    changed.sort_by_key(|name| [MANIFEST, RUNS].contains(&name.as_str()));
    lease.ensure_held()?;
    for names in changed.chunks(FILES_PER_CHECK) {
        lease.ensure_not_expired()?;
        let uploaded = remote.upload(cache, names.to_vec())?;
        entries.extend(names.iter().cloned().zip(uploaded));
    }
    lease.ensure_held()?;
    let index = Index { files: entries };
    let version = write_index(remote, &index, before.version.as_ref())?;
    let is_obsolete = |name: &&String| {
        let ours = is_output(name) || before.index.files.contains_key(*name);
        ours && !index.files.contains_key(*name) && ![INDEX, LEASE].contains(&name.as_str())
    };
    let names = objects.as_ref().unwrap_or(&before.index.files).keys();
    let obsolete: Vec<String> = names.filter(is_obsolete).cloned().collect();
    if !obsolete.is_empty() {
        lease.ensure_held()?;
        remote.delete(&obsolete)?;
    }
    let synced = |(name, entry): (&String, &ObjectEntry)| {
        let modified_ns = cached.get(name)?.modified_ns;
        Some((name.clone(), SyncedFile { entry: entry.clone(), modified_ns }))
    };
    let files = index.files.iter().filter_map(synced).collect();
    let state = SyncState { version: Some(version), index, files };
    state.write(cache)?;
    Ok(state)
}

fn write_index(
    remote: &RemoteFolder,
    index: &Index,
    before: Option<&ObjectVersion>,
) -> Result<ObjectVersion> {
    let text = serde_json::to_vec_pretty(index)?;
    let condition = before.cloned().map_or(PutCondition::Absent, PutCondition::Version);
    match remote.put_if(INDEX, text.clone(), condition)? {
        PutOutcome::Done(version) => Ok(version),
        PutOutcome::Unsupported(_) => {
            let current = remote.read(INDEX)?.map(|(_, version)| version);
            match (current, before) {
                (None, None) => remote.put(INDEX, text),
                (Some(current), Some(before)) if current.is(before) => remote.put(INDEX, text),
                _ => bail!("{}", overtaken(remote)),
            }
        }
        PutOutcome::Conflict => bail!("{}", overtaken(remote)),
    }
}

fn overtaken(remote: &RemoteFolder) -> String {
    format!(
        "another run uploaded outputs to {} in the meantime; run again to continue from those",
        remote.url()
    )
}

//! From the cache to the store.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};

use super::index::{INDEX, Index, LEASE, Local, RUNS, Same, State, is_ours, local_files};
use crate::storage::lock;
use crate::storage::object_store::{Entry, On, Put, RemoteFolder, Version};

/// The note on the compressed events names files of others, so it goes after them.
const MANIFEST: &str = "compressed_events.json";

/// Puts files that changed, then the index, and removes what is gone. `before` is what the store held
/// when it was looked at last.
///
/// # Errors
/// Another machine that put something since; a store that cannot be reached or written.
pub fn push(remote: &RemoteFolder, cache: &Path, before: &State) -> Result<State> {
    // the stage that wrote is over, and no other may begin
    let _lock = lock::to_read(cache)?;
    let here = local_files(cache)?;
    let unchanged = |name: &String, local: &Local| {
        let entry = before.entry(name, *local)?;
        (before.index.files.get(name) == Some(entry)).then(|| entry.clone())
    };
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    let mut changed = Vec::new();
    for (name, local) in &here {
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
    let there = if changed.iter().all(|name| name == RUNS) && entries.len() + 1 >= here.len() {
        None
    } else {
        Some(remote.list()?)
    };
    // what a killed command of another machine overwrote is put again
    if let Some(there) = &there {
        entries.retain(|name, entry| {
            let same = there.get(name).is_some_and(|found| entry.is(found));
            if !same {
                changed.push(name.clone());
            }
            same
        });
    }
    changed.sort_by_key(|name| [MANIFEST, RUNS].contains(&name.as_str()));
    let put = remote.put_files(cache, changed.clone())?;
    entries.extend(changed.into_iter().zip(put));
    let index = Index { files: entries };
    let version = write_index(remote, &index, before.version.as_ref())?;
    let gone = |name: &&String| {
        let ours = is_ours(name) || before.index.files.contains_key(*name);
        ours && !index.files.contains_key(*name) && ![INDEX, LEASE].contains(&name.as_str())
    };
    let names = there.as_ref().map_or(&before.index.files, |there| there).keys();
    remote.remove(&names.filter(gone).cloned().collect::<Vec<_>>())?;
    let same = |(name, entry): (&String, &Entry)| {
        let modified_ns = here.get(name)?.modified_ns;
        Some((name.clone(), Same { entry: entry.clone(), modified_ns }))
    };
    let files = index.files.iter().filter_map(same).collect();
    let state = State { version: Some(version), index, files };
    state.write(cache)?;
    Ok(state)
}

fn write_index(remote: &RemoteFolder, index: &Index, before: Option<&Version>) -> Result<Version> {
    let text = serde_json::to_vec_pretty(index)?;
    let on = before.cloned().map_or(On::Nothing, On::Version);
    match remote.write(INDEX, text.clone(), on)? {
        Put::Done(version) => Ok(version),
        Put::Unable => remote.overwrite(INDEX, text),
        Put::Conflict => bail!(
            "another run put outputs into {} meanwhile; run again to go on from those",
            remote.url()
        ),
    }
}

//! Outputs that are kept in an object store.
//!
//! The stages work on a local folder, the cache. At the start of a command the cache is brought to the
//! state of the store, and after each stage the store to that of the cache: first the files, then an
//! index that lists them all with their ETags, then obsolete objects are deleted. Only files that match
//! the index are valid. So a command that is killed leaves a store in which a date may be missing but
//! none is wrong, and the next command creates what is missing.

mod index;
mod lease;
mod pull;
mod push;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use chrono::NaiveDate;

use crate::config::Data;
use crate::progress::Progress;
use crate::storage::object_store::RemoteFolder;
use index::SyncState;
use lease::Lease;

/// The outputs of a command, in a local folder or in an object store.
pub struct Outputs(Option<Mirror>);

/// Outputs in an object store, and the cache that mirrors them.
struct Mirror {
    remote: RemoteFolder,
    cache: PathBuf,
    state: Mutex<SyncState>,
    lease: Lease,
}

impl Outputs {
    /// Acquires the outputs for a command that changes them, and downloads what is missing in the
    /// cache. For a local folder nothing happens, because the stages lock it.
    ///
    /// # Errors
    /// Another command that uses them; a store that cannot be reached or written.
    pub fn acquire(data: &Data, progress: &Progress) -> Result<Self> {
        let Some(remote) = remote(data)? else { return Ok(Outputs(None)) };
        let cache = data.processed.clone();
        let bar = progress.spinner("outputs", &format!("downloading from {}", remote.url()));
        let lease = Lease::acquire(&remote).context("data.processed")?;
        let state = pull::pull(&remote, &cache).context("data.processed")?;
        bar.finish();
        if let Some(warning) = lease.warning() {
            progress.warn(&format!("data.processed: {warning}"));
        }
        Ok(Outputs(Some(Mirror { remote, cache, state: Mutex::new(state), lease })))
    }

    /// Uploads what changed since the last synchronisation.
    ///
    /// # Errors
    /// A store that cannot be reached or written. The outputs are then complete in the cache, and the
    /// next command on this machine uploads them.
    pub fn upload(&self, progress: &Progress) -> Result<()> {
        let Some(mirror) = &self.0 else { return Ok(()) };
        mirror.lease.ensure_not_expired()?;
        let bar = progress.spinner("outputs", &format!("uploading to {}", mirror.remote.url()));
        let mut state = mirror.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = push::push((&mirror.remote, &mirror.lease), &mirror.cache, &state).with_context(
            || {
                format!(
                    "the outputs are complete in {} but not in the store; run again",
                    mirror.cache.display()
                )
            },
        )?;
        bar.finish();
        Ok(())
    }
}

impl Outputs {
    /// Objects of dates before `before` that are left in the store; none for a local folder.
    ///
    /// # Errors
    /// A store that cannot be reached or denies access.
    pub fn dates_before(&self, before: NaiveDate) -> Result<Vec<String>> {
        let Some(mirror) = &self.0 else { return Ok(Vec::new()) };
        let objects = mirror.remote.list().context("data.processed")?;
        let is_old = |name: &String| {
            index::date(name)
                .and_then(|date| date.parse::<NaiveDate>().ok())
                .is_some_and(|d| d < before)
        };
        Ok(objects.into_keys().filter(is_old).collect())
    }
}

/// Downloads records of runs that this machine does not have.
///
/// # Errors
/// A store that cannot be reached.
pub fn download_runs(data: &Data) -> Result<()> {
    let Some(remote) = remote(data)? else { return Ok(()) };
    match remote.read(index::RUNS).context("data.processed")? {
        Some((runs, _)) => pull::add_runs(&data.processed, &runs),
        None => Ok(()),
    }
}

/// Describes the outputs in the store; `None` for a local folder.
///
/// # Errors
/// A store that cannot be reached or denies access.
pub fn check(data: &Data) -> Result<Option<String>> {
    let Some(remote) = remote(data)? else { return Ok(None) };
    let found = remote.list().context("data.processed")?;
    let url = remote.url();
    Ok(Some(match index::read(&remote)? {
        Some((index, _)) => format!("{url} holds {} files", index.files.len()),
        None if found.is_empty() => format!("{url} is empty"),
        None => format!("{url} holds no outputs yet, but {} other objects", found.len()),
    }))
}

fn remote(data: &Data) -> Result<Option<RemoteFolder>> {
    let url = data.store.as_ref();
    url.map(|url| RemoteFolder::new(url)).transpose().context("data.processed")
}

//! Outputs that are kept in an object store.
//!
//! The stages work on a folder of this machine, the cache. At the beginning of a command it is brought
//! to the state of the store, and after each stage the store to that of the cache: files first, then
//! an index that names them all with their ETags, then what is gone is removed. Only what the index
//! names, as it names it, counts. So a command that is killed leaves a store in which a date may be
//! missing but none is wrong, and the next one makes what is missing.

mod index;
mod lease;
mod pull;
mod push;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

use crate::config::Config;
use crate::progress::Progress;
use crate::storage::object_store::RemoteFolder;
use index::State;
use lease::Lease;

/// The outputs of a command, wherever they are kept.
pub struct Processed(Option<Mirror>);

/// Outputs in a store and the cache that stands for them.
struct Mirror {
    remote: RemoteFolder,
    cache: PathBuf,
    state: Mutex<State>,
    lease: Lease,
}

impl Processed {
    /// Takes the outputs for a command that changes them, and fetches what this machine lacks. On
    /// folders of this machine there is nothing to do: the stages lock them.
    ///
    /// # Errors
    /// Another command that has them; a store that cannot be reached or written.
    pub fn begin(config: &Config, progress: &Progress) -> Result<Self> {
        let Some(remote) = remote(config)? else { return Ok(Processed(None)) };
        let cache = config.data.processed.clone();
        let bar = progress.spinner("outputs", &format!("fetching from {}", remote.url()));
        let lease = Lease::take(&remote).context("data.processed")?;
        let state = pull::pull(&remote, &cache).context("data.processed")?;
        bar.finish();
        Ok(Processed(Some(Mirror { remote, cache, state: Mutex::new(state), lease })))
    }

    /// Puts what changed since into the store.
    ///
    /// # Errors
    /// A store that cannot be reached or written. The outputs are then complete in the cache, and
    /// the next command on this machine puts them.
    pub fn put(&self, progress: &Progress) -> Result<()> {
        let Some(mirror) = &self.0 else { return Ok(()) };
        mirror.lease.refuse_lost()?;
        let bar = progress.spinner("outputs", &format!("putting into {}", mirror.remote.url()));
        let mut state = mirror.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = push::push(&mirror.remote, &mirror.cache, &state).with_context(|| {
            format!(
                "the outputs are complete in {} but not in the store; run again",
                mirror.cache.display()
            )
        })?;
        bar.finish();
        Ok(())
    }
}

/// Fetches the runs that this machine does not know of.
///
/// # Errors
/// A store that cannot be reached.
pub fn fetch_runs(config: &Config) -> Result<()> {
    let Some(remote) = remote(config)? else { return Ok(()) };
    match remote.read(index::RUNS).context("data.processed")? {
        Some((runs, _)) => pull::add_runs(&config.data.processed, &runs),
        None => Ok(()),
    }
}

/// What `check` says of the store; `None` of a folder.
///
/// # Errors
/// A store that cannot be reached or gives no access.
pub fn check(config: &Config) -> Result<Option<String>> {
    let Some(remote) = remote(config)? else { return Ok(None) };
    let found = remote.list().context("data.processed")?;
    let url = remote.url();
    Ok(Some(match index::read(&remote)? {
        Some((index, _)) => format!("{url} holds {} files", index.files.len()),
        None if found.is_empty() => format!("{url} is empty"),
        None => format!("{url} holds no outputs yet, but {} other objects", found.len()),
    }))
}

fn remote(config: &Config) -> Result<Option<RemoteFolder>> {
    let url = config.data.store.as_ref();
    url.map(|url| RemoteFolder::new(url)).transpose().context("data.processed")
}

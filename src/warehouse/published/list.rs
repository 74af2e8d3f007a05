//! The list of released tables, which is read again when its file was replaced.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, Utc};

use crate::datasets::published::{Published, Store};

/// Device, inode, size, and modification time in seconds and nanoseconds.
type Identity = [i128; 5];

pub struct CurrentList {
    path: PathBuf,
    known: Mutex<Option<(Identity, Arc<Published>)>>,
}

impl CurrentList {
    pub fn new(path: PathBuf) -> Self {
        CurrentList { path, known: Mutex::default() }
    }

    /// `None` before the first release.
    ///
    /// # Errors
    /// A list that cannot be read.
    pub fn read(&self, store: &Store) -> Result<Option<Arc<Published>>> {
        // looked at first, so that a list that is replaced meanwhile is read again
        let identity = std::fs::metadata(&self.path).ok().map(|file| identity(&file));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(now), Some((then, published))) = (identity, known.as_ref())
            && now == *then
        {
            return Ok(Some(Arc::clone(published)));
        }
        let published = store.read()?.map(Arc::new);
        *known = identity.zip(published.clone());
        Ok(published)
    }

    /// When the list was written: UTC, RFC 3339.
    pub fn written_at(&self) -> String {
        let written = std::fs::metadata(&self.path).and_then(|file| file.modified());
        let written = written.map_or(DateTime::<Utc>::UNIX_EPOCH, DateTime::from);
        written.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

fn identity(file: &Metadata) -> Identity {
    [
        file.dev().into(),
        file.ino().into(),
        file.len().into(),
        file.mtime().into(),
        file.mtime_nsec().into(),
    ]
}

//! A folder in an object store that exists as long as a job needs it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::object_store::{ObjectEntry, ObjectUrl, RemoteFolder};
use super::temporary_name::{Writer, temporary_name, writer_of};

/// The folder of one job below a prefix. It is removed when it is dropped.
#[derive(Debug)]
pub struct StagingFolder {
    folder: RemoteFolder,
}

impl StagingFolder {
    /// Names a folder below `prefix`, and removes those of jobs of this machine that were killed. A store
    /// has no folders, so nothing is created before the first object.
    ///
    /// # Errors
    /// A URL of a store that cannot hold outputs; a store that cannot be reached or denies access.
    pub fn create(prefix: &str, name: &str) -> Result<Self> {
        let prefix = prefix.trim_end_matches('/');
        remove_leftovers(&RemoteFolder::new(prefix)?)?;
        let folder = RemoteFolder::new(&format!("{prefix}/{}", temporary_name(name)))?;
        Ok(StagingFolder { folder })
    }

    pub fn url(&self) -> &ObjectUrl {
        self.folder.url()
    }

    /// Uploads files below `root` under their names.
    ///
    /// # Errors
    /// A file that cannot be read; a store that cannot be reached or denies access.
    pub fn upload(&self, root: &Path, names: Vec<String>) -> Result<()> {
        self.folder.upload(root, names).map(drop)
    }

    /// Downloads the objects whose names are `wanted` into files below `root`, and returns their names.
    ///
    /// # Errors
    /// A folder that is not writable; a store that cannot be reached or denies access.
    pub fn download(&self, root: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let found: Vec<(String, ObjectEntry)> =
            self.folder.list()?.into_iter().filter(|(name, _)| wanted(name)).collect();
        let names = found.iter().map(|(name, _)| name.clone()).collect();
        self.folder.download(root, found)?;
        Ok(names)
    }
}

impl Drop for StagingFolder {
    fn drop(&mut self) {
        // what is left is removed by the next job
        let objects = self.folder.list().unwrap_or_default();
        let _ = self.folder.delete(&objects.into_keys().collect::<Vec<_>>());
    }
}

/// Removes the folders of jobs whose process has ended. Of those of other machines nothing is known.
fn remove_leftovers(prefix: &RemoteFolder) -> Result<()> {
    let objects = prefix.list()?;
    let folder = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
    let folders: BTreeSet<String> = objects.keys().map(|name| folder(name)).collect();
    let has_ended = |name: &String| match writer_of(name) {
        Some(Writer::Known(process)) => process.is_running() == Some(false),
        Some(Writer::Unknown) | None => false,
    };
    let ended: BTreeSet<String> = folders.into_iter().filter(has_ended).collect();
    let names: Vec<String> =
        objects.into_keys().filter(|name| ended.contains(&folder(name))).collect();
    if names.is_empty() { Ok(()) } else { prefix.delete(&names) }
}

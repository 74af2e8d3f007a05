//! View results of a warehouse in a read-only folder, kept in a temporary folder until the process
//! ends.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::versions::Version;
use crate::views::View;

/// A temporary folder, created when first used.
#[derive(Debug, Default)]
pub struct TemporaryResults(Mutex<Option<TempDir>>);

impl TemporaryResults {
    /// The file for the result of a view.
    ///
    /// # Errors
    /// A temporary folder that cannot be created.
    pub fn path(&self, version: &Version, view: &View, fingerprint: &str) -> Result<PathBuf> {
        let mut folder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = match &mut *folder {
            Some(folder) => folder,
            none => none.insert(tempfile::tempdir().context("cannot create a temporary folder")?),
        };
        let name = version.folder.file_name().unwrap_or_default().to_string_lossy();
        Ok(folder.path().join(format!("{name}.{}.{fingerprint}.parquet", view.view)))
    }
}

/// True if the error is a failure to write due to missing permissions or a read-only file system.
pub fn is_read_only(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(|cause| {
        matches!(cause.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
    })
}

//! View results of a warehouse in a read-only folder, kept in a temporary folder until the process
//! ends.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// A temporary folder, created when first used.
#[derive(Debug, Default)]
pub struct TemporaryResults(Mutex<Option<TempDir>>);

impl TemporaryResults {
    /// The folder, if there is one already.
    pub fn folder(&self) -> Option<PathBuf> {
        let folder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        folder.as_ref().map(|folder| folder.path().to_owned())
    }

    /// The folder for the results of all views.
    ///
    /// # Errors
    /// A temporary folder that cannot be created.
    pub fn create(&self) -> Result<PathBuf> {
        let mut folder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = match &mut *folder {
            Some(folder) => folder,
            none => none.insert(tempfile::tempdir().context("cannot create a temporary folder")?),
        };
        Ok(folder.path().to_owned())
    }
}

/// True if the error is a failure to write due to missing permissions or a read-only file system.
pub fn is_read_only(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(|cause| {
        matches!(cause.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
    })
}

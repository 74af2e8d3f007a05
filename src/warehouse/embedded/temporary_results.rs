//! Results of views for a warehouse in a folder that cannot be written: kept elsewhere, for as
//! long as the process runs.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::versions::Version;
use crate::views::View;

/// A temporary folder, made when it is first needed.
#[derive(Debug, Default)]
pub struct TemporaryResults(Mutex<Option<TempDir>>);

impl TemporaryResults {
    /// Where the result of a view goes.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn path(&self, version: &Version, view: &View, mark: &str) -> Result<PathBuf> {
        let mut folder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = match &mut *folder {
            Some(folder) => folder,
            none => none.insert(tempfile::tempdir().context("no temporary folder can be made")?),
        };
        let name = version.folder.file_name().unwrap_or_default().to_string_lossy();
        Ok(folder.path().join(format!("{name}.{}.{mark}.parquet", view.view)))
    }
}

/// True of a failure to write into a folder of someone else's, or of a file system that only reads.
pub fn is_read_only(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(|cause| {
        matches!(cause.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
    })
}

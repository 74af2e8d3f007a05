//! Rows of the two tables as values.

use std::path::Path;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;

pub use crate::formats::rows::batch;
use crate::formats::rows::rows;
use crate::formats::table;
use crate::storage::inputs::InputFile;

/// The rows of a table's file.
///
/// # Errors
/// A file that is not there, damaged, or of another version of the program.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    InputFile::local(path.to_owned())
        .and_then(|file| table::read(&file))
        .and_then(|batch| rows(&batch))
        .with_context(|| format!("{}; `mobility quality` makes it anew", path.display()))
}

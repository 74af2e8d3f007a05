//! The list of completed copies, with the version of each source: a hidden file beside the copies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::sources::PlannedCopy;
use crate::storage::atomic::write_file;

const NAME: &str = ".extract.json";

/// Completed copies by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CompletedCopies(BTreeMap<PathBuf, CopiedSource>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CopiedSource {
    source: String,
    bytes: u64,
    /// ETag or time of modification.
    #[serde(rename = "edition")]
    version: String,
}

impl CopiedSource {
    fn of(copy: &PlannedCopy) -> Self {
        CopiedSource {
            source: copy.input.location.text(),
            bytes: copy.input.bytes,
            version: copy.input.version.to_string(),
        }
    }
}

impl CompletedCopies {
    /// Reads the list; empty if the file is missing or damaged.
    pub fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join(NAME)).ok();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// # Errors
    /// If the folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        write_file(&folder.join(NAME), text.as_bytes()).context("the list of completed copies")
    }

    /// True if the copy has the size of its source, and the source is either not in the list or
    /// unchanged.
    pub fn contains(&self, copy: &PlannedCopy, folder: &Path) -> bool {
        let size = std::fs::metadata(folder.join(&copy.name)).ok().map(|meta| meta.len());
        let unchanged =
            self.0.get(&copy.name).is_none_or(|source| *source == CopiedSource::of(copy));
        size == Some(copy.input.bytes) && unchanged
    }

    pub fn add(&mut self, copy: &PlannedCopy) {
        self.0.insert(copy.name.clone(), CopiedSource::of(copy));
    }

    pub fn add_if_missing(&mut self, copy: &PlannedCopy) {
        self.0.entry(copy.name.clone()).or_insert_with(|| CopiedSource::of(copy));
    }
}

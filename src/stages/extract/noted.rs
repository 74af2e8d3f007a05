//! Which edition of which source each copy is: a small hidden file beside the copies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::plan::Copy;
use crate::storage::atomic::write_file;

const NAME: &str = ".extract.json";

/// Copies by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Notes(BTreeMap<PathBuf, Note>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    source: String,
    bytes: u64,
    /// ETag or time of change.
    edition: String,
}

impl Note {
    fn of(copy: &Copy) -> Self {
        Note {
            source: copy.input.location.text(),
            bytes: copy.input.bytes,
            edition: copy.input.version.to_string(),
        }
    }
}

impl Notes {
    /// What is noted in the folder; nothing where the note is gone or damaged.
    pub fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join(NAME)).ok();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// # Errors
    /// A folder that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        write_file(&folder.join(NAME), text.as_bytes()).context("the note of what was copied")
    }

    /// True of a copy that is there: of the right size, and of this edition or of one that nobody
    /// noted.
    pub fn has(&self, copy: &Copy, folder: &Path) -> bool {
        let size = std::fs::metadata(folder.join(&copy.name)).ok().map(|meta| meta.len());
        let noted = self.0.get(&copy.name).is_none_or(|note| *note == Note::of(copy));
        size == Some(copy.input.bytes) && noted
    }

    pub fn add(&mut self, copy: &Copy) {
        self.0.insert(copy.name.clone(), Note::of(copy));
    }

    /// Notes a copy that was found.
    pub fn keep(&mut self, copy: &Copy) {
        self.0.entry(copy.name.clone()).or_insert_with(|| Note::of(copy));
    }
}

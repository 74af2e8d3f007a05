//! The list of the copies that `extract` completed, with the version of each source: a hidden file beside
//! the copies.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::storage::atomic::write_file;
use crate::storage::inputs::InputFile;

const NAME: &str = ".extract.json";
/// Folder of the copies of event files.
const EVENTS: &str = "events";

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
    /// The copy was removed by `mobility purge` and is not to be made again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    purged: bool,
}

/// True if `mobility extract` copied files to this folder.
pub fn has_copies(folder: &Path) -> bool {
    folder.join(NAME).exists()
}

impl CopiedSource {
    fn of(input: &InputFile) -> Self {
        CopiedSource {
            source: input.location.text(),
            bytes: input.bytes,
            version: input.version.to_string(),
            purged: false,
        }
    }

    /// True if the copy was made from this version of the source.
    fn is_of(&self, input: &InputFile) -> bool {
        CopiedSource { purged: false, ..self.clone() } == CopiedSource::of(input)
    }
}

impl CompletedCopies {
    /// Reads the list; empty if there is no file.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        serde_json::from_slice(&text).with_context(|| {
            format!("{} is damaged; `mobility extract` writes it again", path.display())
        })
    }

    /// # Errors
    /// If the folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        write_file(&folder.join(NAME), text.as_bytes()).context("the list of completed copies")
    }

    /// True if the copy has the size of its source or was purged, and the source is either not in the
    /// list or unchanged.
    pub fn contains(&self, name: &Path, input: &InputFile, folder: &Path) -> bool {
        let listed = self.0.get(name);
        let size = std::fs::metadata(folder.join(name)).ok().map(|meta| meta.len());
        let is_there = size == Some(input.bytes) || listed.is_some_and(|copied| copied.purged);
        is_there && listed.is_none_or(|copied| copied.is_of(input))
    }

    pub fn add(&mut self, name: &Path, input: &InputFile) {
        self.0.insert(name.to_owned(), CopiedSource::of(input));
    }

    pub fn add_if_missing(&mut self, name: &Path, input: &InputFile) {
        self.0.entry(name.to_owned()).or_insert_with(|| CopiedSource::of(input));
    }

    /// Names of the copies of event files.
    pub fn events(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path).filter(|name| name.starts_with(EVENTS))
    }

    /// Records that a copy was removed on purpose.
    pub fn mark_purged(&mut self, name: &Path) {
        if let Some(copied) = self.0.get_mut(name) {
            copied.purged = true;
        }
    }
}

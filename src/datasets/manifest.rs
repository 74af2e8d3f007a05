//! The note beside the compressed events: what they were made from, and the counts.
//!
//! It lies beside the folder and not in it, because some readers refuse a data set with other
//! files among the Parquet. The parts name the mark of their date as well, so a note that does not
//! belong to the folder beside it is found out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};

use super::presence;
use crate::checks::Code;
use crate::formats::parquet::provenance::made_from;
use crate::storage::inputs::{Edition, InputFile};

/// Changes when the manifest does, or the files that it is about.
const VERSION: u32 = 2;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    version: u32,
    /// Of the settings.
    pub settings: String,
    pub rows_in: u64,
    pub rows_rejected: u64,
    pub inputs: Vec<Input>,
    pub dates: BTreeMap<NaiveDate, Made>,
    pub notes: Vec<String>,
}

/// An input as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    pub path: PathBuf,
    pub bytes: u64,
    /// Nanoseconds since 1970; 0 of an object with an ETag.
    pub modified_ns: u128,
    /// Of an object in a store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    pub rows: u64,
    /// First and last usable time stamp, local.
    pub first: Option<NaiveDateTime>,
    pub last: Option<NaiveDateTime>,
    /// Rows by date, the rejected ones included. A date that was left out of a run has none yet.
    pub dates: BTreeMap<NaiveDate, u64>,
    /// Rejected rows that belong to no date.
    pub undated: BTreeMap<Code, u64>,
}

/// A date as it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Of the inputs and settings.
    pub mark: String,
    /// Rows of compressed events.
    pub rows: u64,
    /// Rows of the inputs that were rejected.
    pub rejected: u64,
    /// Rows can still be expected.
    pub provisional: bool,
}

impl Input {
    /// Of a file of which nothing but its listing is known.
    pub fn of(file: &InputFile) -> Self {
        let (modified_ns, etag) = match &file.edition {
            Edition::Modified(ns) => (*ns, None),
            Edition::Tag(tag) => (0, Some(tag.clone())),
        };
        let path = file.location.as_path().to_owned();
        Input { path, bytes: file.bytes, modified_ns, etag, ..Input::default() }
    }

    /// True of a file that did not change since.
    pub fn is(&self, file: &InputFile) -> bool {
        let now = Input::of(file);
        self.path == now.path
            && self.bytes == now.bytes
            && self.modified_ns == now.modified_ns
            && self.etag == now.etag
    }
}

impl Manifest {
    pub fn new(settings: String) -> Self {
        Manifest { version: VERSION, settings, ..Manifest::default() }
    }

    /// Presence rows written.
    pub fn rows_out(&self) -> u64 {
        self.dates.values().map(|made| made.rows).sum()
    }

    /// Dates that have compressed events.
    pub fn dates(&self) -> impl Iterator<Item = NaiveDate> {
        self.dates.iter().filter(|(_, made)| made.rows > 0).map(|(date, _)| *date)
    }

    /// The manifest of the compressed events in `folder`; `None` where there is none, or one that
    /// tells of other files than lie there.
    pub fn read(folder: &Path) -> Option<Self> {
        let before = Manifest::before(folder)?;
        let whole = before.dates.len();
        let sound = before.sound(folder);
        (sound.dates.len() == whole).then_some(sound)
    }

    /// The manifest as it stands, whatever it is about.
    pub fn before(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(beside(folder)).ok()?;
        let manifest: Manifest = serde_json::from_str(&text).ok()?;
        (manifest.version == VERSION).then_some(manifest)
    }

    /// The same with those dates alone whose files lie in `folder`.
    pub fn sound(mut self, folder: &Path) -> Self {
        let files = presence::files(folder).unwrap_or_default();
        let first: BTreeMap<NaiveDate, &Path> =
            files.iter().rev().map(|f| (f.date, f.path.as_path())).collect();
        self.dates.retain(|date, made| match first.get(date) {
            Some(path) => made_from(path).is_some_and(|m| m.inputs == made.mark),
            None => made.rows == 0,
        });
        self
    }

    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        crate::storage::atomic::write_file(&beside(folder), text.as_bytes())
            .context("the manifest of the compressed events")
    }
}

/// `compressed_events.json` for `compressed_events`.
fn beside(folder: &Path) -> PathBuf {
    folder.with_extension("json")
}

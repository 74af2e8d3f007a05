//! The manifest of the compressed events: what they were computed from, and the counts.
//!
//! It is a file beside the folder, not in it, because some readers refuse a data set that holds
//! other files than Parquet. Each Parquet file also carries the fingerprint of its date, so a
//! manifest that does not belong to the folder beside it is detected.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};

use super::presence;
use crate::checks::Code;
use crate::formats::parquet::provenance;
use crate::storage::inputs::{FileVersion, InputFile};

/// Version of the format of the manifest and of the files it describes.
const VERSION: u32 = 2;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    version: u32,
    /// Fingerprint of the settings.
    pub settings: String,
    pub rows_in: u64,
    pub rows_rejected: u64,
    pub inputs: Vec<RecordedInput>,
    pub dates: BTreeMap<NaiveDate, CompletedDate>,
    pub notes: Vec<String>,
}

/// An input file as it was when it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedInput {
    pub path: PathBuf,
    pub bytes: u64,
    /// Time of modification, nanoseconds since 1970; 0 for an object with an ETag.
    pub modified_ns: u128,
    /// ETag of an object in an object store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    pub rows: u64,
    /// First and last valid timestamp, local time.
    pub first: Option<NaiveDateTime>,
    pub last: Option<NaiveDateTime>,
    /// Rows by date, including rejected rows. Dates that the run did not process are absent.
    pub dates: BTreeMap<NaiveDate, u64>,
    /// Rejected rows that belong to no date.
    pub undated: BTreeMap<Code, u64>,
}

/// A date with complete compressed events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletedDate {
    /// Fingerprint of the inputs and settings.
    #[serde(rename = "mark")]
    pub fingerprint: String,
    /// Rows of compressed events.
    pub rows: u64,
    /// Input rows that were rejected.
    pub rejected: u64,
    /// Further rows are still expected.
    pub provisional: bool,
}

impl RecordedInput {
    /// A file that was listed but not read.
    pub fn from_listing(file: &InputFile) -> Self {
        let (modified_ns, etag) = match &file.version {
            FileVersion::Modified(ns) => (*ns, None),
            FileVersion::Tag(tag) => (0, Some(tag.clone())),
        };
        let path = file.location.as_path().to_owned();
        RecordedInput { path, bytes: file.bytes, modified_ns, etag, ..RecordedInput::default() }
    }

    /// True if `file` is unchanged since it was recorded.
    pub fn is_unchanged(&self, file: &InputFile) -> bool {
        let now = RecordedInput::from_listing(file);
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

    /// Hourly presence rows written.
    pub fn rows_out(&self) -> u64 {
        self.dates.values().map(|date| date.rows).sum()
    }

    /// Dates that have compressed events.
    pub fn dates(&self) -> impl Iterator<Item = NaiveDate> {
        self.dates.iter().filter(|(_, completed)| completed.rows > 0).map(|(date, _)| *date)
    }

    /// The manifest of the compressed events in `folder`; `None` if there is none or if the files
    /// of one of its dates are missing or different.
    pub fn read(folder: &Path) -> Option<Self> {
        let unverified = Manifest::read_unverified(folder)?;
        let dates = unverified.dates.len();
        let verified = unverified.retain_verified(folder);
        (verified.dates.len() == dates).then_some(verified)
    }

    /// The manifest, without a comparison with the files in `folder`.
    pub fn read_unverified(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path(folder)).ok()?;
        let manifest: Manifest = serde_json::from_str(&text).ok()?;
        (manifest.version == VERSION).then_some(manifest)
    }

    /// Removes dates if their files in `folder` are missing or different.
    #[must_use]
    pub fn retain_verified(mut self, folder: &Path) -> Self {
        let files = presence::files(folder).unwrap_or_default();
        let first: BTreeMap<NaiveDate, &Path> =
            files.iter().rev().map(|f| (f.date, f.path.as_path())).collect();
        self.dates.retain(|date, completed| match first.get(date) {
            Some(path) => provenance::read(path).is_some_and(|m| m.inputs == completed.fingerprint),
            None => completed.rows == 0,
        });
        self
    }

    /// Writes the manifest beside `folder`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        crate::storage::atomic::write_file(&path(folder), text.as_bytes())
            .context("the manifest of the compressed events")
    }
}

/// `compressed_events.json` for `compressed_events`.
fn path(folder: &Path) -> PathBuf {
    folder.with_extension("json")
}

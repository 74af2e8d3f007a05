//! The manifest of the compressed events: what they were computed from, the counts, and the files.
//!
//! It is a file beside the folder, not in it, because some readers refuse a data set that holds
//! other files than Parquet. It lists the files of each date with their checksums, so a file that is
//! missing, was added or changed is detected, and so is a manifest that does not belong to the folder
//! beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use serde::{Deserialize, Serialize};

use super::day_record::RecordFiles;
use super::file_list::{self, Change, Difference, FileList, ListedFile};
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
    /// Time stamps that are a date without a time of day.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bare_dates: u64,
    /// Rejected rows that belong to no date.
    pub undated: BTreeMap<Code, u64>,
    /// The file also has rows of purged dates, which are not listed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_purged_rows: bool,
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
    /// The files, by their path below the folder of the compressed events. `None` in a manifest of an
    /// earlier version of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<FileList>,
    /// The files of visits, by their path below the folder of visits. `None` in a manifest of an
    /// earlier version of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visits: Option<FileList>,
    /// The record of the date. `None` in a manifest of an earlier version of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordFiles>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
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

    /// Removes the dates before `before`.
    pub fn forget_before(&mut self, before: NaiveDate) {
        let kept = self.dates.split_off(&before);
        self.has_purged_rows |= !self.dates.is_empty();
        self.dates = kept;
        let start = before.and_time(NaiveTime::MIN);
        self.first = self.first.map(|first| first.max(start));
        self.last = self.last.filter(|last| *last >= start);
        if self.last.is_none() {
            self.first = None;
        }
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

    /// The manifest of the compressed events in `folder`, whose files are all as they were written.
    ///
    /// # Errors
    /// No manifest; a file that is missing, was added, or changed.
    pub fn read(folder: &Path) -> Result<Self> {
        let Some(manifest) = Manifest::read_unverified(folder) else {
            bail!("{} is missing or incomplete; run `mobility compress` first", folder.display());
        };
        let differences = manifest.differences(folder)?;
        if let Some(text) = file_list::describe(differences.values().flatten()) {
            bail!(
                "{text}, by the list in {}; `mobility compress` computes such dates again",
                path(folder).display()
            );
        }
        Ok(manifest)
    }

    /// The manifest, without a comparison with the files in `folder`.
    pub fn read_unverified(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path(folder)).ok()?;
        let manifest: Manifest = serde_json::from_str(&text).ok()?;
        (manifest.version == VERSION).then_some(manifest)
    }

    /// Compares the files of each date in `folder` with the list. Returns the dates that differ.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn differences(&self, folder: &Path) -> Result<BTreeMap<NaiveDate, Vec<Difference>>> {
        let found = if folder.is_dir() { presence::files(folder)? } else { Vec::new() };
        let mut by_date: BTreeMap<NaiveDate, Vec<PathBuf>> = BTreeMap::new();
        for file in found {
            by_date.entry(file.date).or_default().push(file.path);
        }
        let dates: BTreeSet<NaiveDate> = self.dates.keys().chain(by_date.keys()).copied().collect();
        let of_date = |date: NaiveDate| {
            let found = by_date.get(&date).map_or(&[][..], Vec::as_slice);
            let differences = match self.dates.get(&date) {
                Some(completed) => completed.differences(date, folder, found),
                None => FileList::default().differences(folder, "", names(folder, found)),
            };
            (date, differences)
        };
        Ok(dates.into_iter().map(of_date).filter(|(_, changes)| !changes.is_empty()).collect())
    }

    /// Lists the files of each date whose files are not listed yet, in the folder `folder_of` the date.
    ///
    /// # Errors
    /// Files that cannot be read, or with another number of rows than the date.
    pub fn list_files<'a>(&mut self, folder_of: impl Fn(&NaiveDate) -> &'a Path) -> Result<()> {
        for (date, completed) in &mut self.dates {
            if completed.files.is_some() {
                continue;
            }
            let folder = folder_of(date);
            let mut files = FileList::default();
            for path in presence::files_of(folder, *date)? {
                let listed = ListedFile::of(&path)?;
                files.insert(presence::name_below(folder, &path), listed);
            }
            if files.rows() != completed.rows {
                bail!(
                    "{date}: {} rows were computed, but {} are in the files",
                    completed.rows,
                    files.rows()
                );
            }
            completed.files = Some(files);
        }
        Ok(())
    }

    /// Lists the files of visits below `folder`, of all dates but those that were `kept`.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn list_visits(&mut self, folder: &Path, kept: &BTreeSet<NaiveDate>) -> Result<()> {
        for (date, completed) in &mut self.dates {
            if kept.contains(date) {
                continue;
            }
            let mut files = FileList::default();
            for path in presence::files_of(folder, *date)? {
                files.insert(presence::name_below(folder, &path), ListedFile::of(&path)?);
            }
            completed.visits = Some(files);
        }
        Ok(())
    }

    /// Compares the files of visits of each date in `folder` with the list. Returns the dates that differ.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn differences_of_visits(
        &self,
        folder: &Path,
    ) -> Result<BTreeMap<NaiveDate, Vec<Difference>>> {
        let mut differ = BTreeMap::new();
        for (date, completed) in &self.dates {
            let Some(files) = &completed.visits else { continue };
            let found = presence::files_of(folder, *date)?;
            let differences = files.differences(folder, "", names(folder, &found));
            if !differences.is_empty() {
                differ.insert(*date, differences);
            }
        }
        Ok(differ)
    }

    /// True if the files of all dates are listed.
    pub fn has_lists(&self) -> bool {
        self.dates.values().all(|completed| completed.files.is_some())
    }

    /// All dates before `before`, of the outputs and of the inputs.
    pub fn dates_before(&self, before: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        let of_inputs = self.inputs.iter().flat_map(|input| input.dates.keys());
        self.dates.keys().chain(of_inputs).copied().filter(move |date| *date < before)
    }

    /// The manifest without the dates before `before`, and without local inputs that no longer exist.
    #[must_use]
    pub fn without_dates_before(mut self, before: NaiveDate) -> Self {
        self.inputs.retain(|input| input.etag.is_some() || input.path.exists());
        for input in &mut self.inputs {
            input.forget_before(before);
        }
        let kept = self.dates.split_off(&before);
        let rejected: u64 = self.dates.values().map(|completed| completed.rejected).sum();
        self.rows_rejected = self.rows_rejected.saturating_sub(rejected);
        self.dates = kept;
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

impl CompletedDate {
    fn differences(&self, date: NaiveDate, folder: &Path, found: &[PathBuf]) -> Vec<Difference> {
        if let Some(files) = &self.files {
            return files.differences(folder, "", names(folder, found));
        }
        // an earlier version of the program recorded the number of rows of the date alone
        let rows = found.iter().map(|path| {
            let made = provenance::read(path)?;
            (made.inputs == self.fingerprint).then_some(made.rows)
        });
        let rows: Option<u64> = rows.sum();
        if rows == Some(self.rows) {
            return Vec::new();
        }
        let change = if found.is_empty() { Change::Missing } else { Change::Changed };
        vec![Difference { path: folder.join(presence::folder_name(date)), change }]
    }
}

fn names(folder: &Path, files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|path| presence::name_below(folder, path)).collect()
}

/// `compressed_events.json` for `compressed_events`.
fn path(folder: &Path) -> PathBuf {
    folder.with_extension("json")
}

//! The folder of hourly presence: `date=2024-10-01/*.parquet`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use crate::domain::ids::hex;
use crate::formats::parquet::checksum;

/// One file of one date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceFile {
    pub date: NaiveDate,
    pub path: PathBuf,
}

/// The files of one date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceDay {
    pub date: NaiveDate,
    pub files: Vec<PathBuf>,
    /// Digest of the checksums stored in the files, so the data need not be read.
    pub fingerprint: String,
}

/// The dates in ascending order. A file without a checksum is rejected later, when it is read.
///
/// # Errors
/// As [`files`].
pub fn days(folder: &Path) -> Result<Vec<PresenceDay>> {
    let files = files(folder)?;
    let day = |of_day: &[PresenceFile]| {
        PresenceDay::of(of_day[0].date, of_day.iter().map(|file| file.path.clone()).collect())
    };
    Ok(files.chunk_by(|a, b| a.date == b.date).map(day).collect())
}

impl PresenceDay {
    /// The files of a date, sorted by name.
    pub fn of(date: NaiveDate, files: Vec<PathBuf>) -> Self {
        let mut hash = Sha256::new();
        for file in &files {
            hash.update(checksum::stored(file).unwrap_or_default());
            hash.update("\n");
        }
        PresenceDay { date, files, fingerprint: hex(&hash.finalize()) }
    }
}

/// The folder of a date.
pub fn folder_name(date: NaiveDate) -> String {
    format!("date={date}")
}

/// The path of a file relative to `folder`.
pub fn name_below(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder).unwrap_or(file).to_string_lossy().into_owned()
}

/// The files of one date, sorted by name; none if it has no folder.
///
/// # Errors
/// A folder that cannot be listed.
pub fn files_of(folder: &Path, date: NaiveDate) -> Result<Vec<PathBuf>> {
    let folder = folder.join(folder_name(date));
    if folder.is_dir() { entries(&folder) } else { Ok(Vec::new()) }
}

/// The files of all dates, sorted by date and name. Hidden files are skipped.
///
/// # Errors
/// A folder that cannot be listed, or one whose name starts with `date=` without a valid date.
pub fn files(folder: &Path) -> Result<Vec<PresenceFile>> {
    let mut files = Vec::new();
    for day in entries(folder)? {
        let name = day.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(date) = name.strip_prefix("date=").filter(|_| day.is_dir()) else { continue };
        let date = date.parse().with_context(|| {
            format!("{}: {date:?} is not a date; remove the folder", day.display())
        })?;
        files.extend(entries(&day)?.into_iter().map(|path| PresenceFile { date, path }));
    }
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| {
        format!("cannot list {}; run `mobility compress` first", folder.display())
    })?;
    let paths = entries.map(|entry| entry.map(|e| e.path())).collect::<std::io::Result<Vec<_>>>();
    let paths = paths.with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = paths
        .into_iter()
        .filter(|p| !p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(['.', '_'])))
        .collect();
    paths.sort();
    Ok(paths)
}

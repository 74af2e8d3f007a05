//! The files of the records: `days/2024-10-01.json`, the users beside it, and `days/undated.json`
//! for rows that belong to no date.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::users::{UserDigest, UserDigests};
use super::{DayRecord, DigestKey, FileRecord};
use crate::domain::ids::hex;

/// Name of the record of undated rows, without its extension.
const UNDATED: &str = "undated";

/// Paths of the record and of the users of a date.
pub fn paths(folder: &Path, date: NaiveDate) -> [PathBuf; 2] {
    [folder.join(format!("{date}.json")), folder.join(format!("{date}.users"))]
}

/// Writes a record and its users into `folder`.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(folder: &Path, record: &DayRecord, mut users: Vec<UserDigest>) -> Result<()> {
    users.sort_unstable();
    let [json, list] = paths(folder, record.date);
    write_synced(&json, &serde_json::to_vec_pretty(record)?)?;
    write_synced(&list, users.as_flattened())
}

/// Writes a record whose users are already there into the folder `to`.
///
/// # Errors
/// If the folder cannot be written.
pub fn write_without_users(to: &Path, record: &DayRecord) -> Result<()> {
    let [path, _] = paths(to, record.date);
    write_synced(&path, &serde_json::to_vec_pretty(record)?)
}

/// Writes the record of the rows that belong to no date.
///
/// # Errors
/// If the folder cannot be written.
pub fn write_undated(folder: &Path, files: &[FileRecord]) -> Result<()> {
    let path = folder.join(UNDATED).with_extension("json");
    write_synced(&path, &serde_json::to_vec_pretty(files)?)
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("cannot write {}; is the disk full?", path.display());
    let mut file = File::create(path).with_context(context)?;
    file.write_all(bytes).with_context(context)?;
    file.sync_all().with_context(context)
}

/// What a record was made from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordHead {
    #[serde(rename = "mark")]
    pub fingerprint: String,
    /// Id of the key of the digests of users.
    pub users_key: Option<String>,
}

/// What the record of a date in `folder` was made from; `None` if the record or its users are missing,
/// or the record is damaged.
pub fn head(folder: &Path, date: NaiveDate) -> Option<RecordHead> {
    let [json, users] = paths(folder, date);
    let head = serde_json::from_slice(&fs::read(json).ok()?).ok()?;
    users.exists().then_some(head)
}

/// The files of a record as they were written, by which they are recognised without being read as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFiles {
    /// Digest of the record. It contains the fingerprint of its inputs, so that this covers the users as well.
    pub digest: String,
    /// Id of the key of the digests of users.
    pub users_key: Option<String>,
    /// Sizes of the record and of the users.
    bytes: [u64; 2],
}

impl RecordFiles {
    /// Describes the files of a date: the record in the first of `folders` that has it, and likewise the users.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn of(folders: [&Path; 2], date: NaiveDate) -> Result<Self> {
        let [new, old] = folders.map(|folder| paths(folder, date));
        let found = |number: usize| match new[number].exists() {
            true => &new[number],
            false => &old[number],
        };
        let size = |path: &PathBuf| {
            let meta =
                fs::metadata(path).with_context(|| format!("cannot read {}", path.display()));
            meta.map(|meta| meta.len())
        };
        let users_key = read::<RecordHead>(found(0))?.users_key;
        let bytes = [size(found(0))?, size(found(1))?];
        Ok(RecordFiles { digest: digest(found(0))?, users_key, bytes })
    }

    /// True if both files in `folder` have these sizes, and the record begins with this fingerprint.
    pub fn are_in(&self, folder: &Path, date: NaiveDate, fingerprint: &str) -> bool {
        let files = paths(folder, date);
        let sizes = [0, 1].map(|file| fs::metadata(&files[file]).map_or(0, |meta| meta.len()));
        let beginning = || {
            let mut text = String::new();
            File::open(&files[0])?.take(BEGINNING).read_to_string(&mut text)?;
            Ok::<_, std::io::Error>(text)
        };
        sizes == self.bytes && beginning().is_ok_and(|text| text.contains(fingerprint))
    }
}

/// Bytes at the start of a record that have its fingerprint.
const BEGINNING: u64 = 256;

/// Writes a record of an earlier version of the program into the folder `to`, with the digests of users
/// under a key.
///
/// # Errors
/// A record that is damaged; a folder that cannot be written.
pub fn copy_with_key(from: &Path, to: &Path, date: NaiveDate, key: &DigestKey) -> Result<()> {
    let [json, users] = paths(from, date);
    let mut record: DayRecord = read(&json)?;
    record.users_key = Some(key.id().to_owned());
    let mut digests = Vec::new();
    let mut unkeyed = UserDigests::open(&users)?;
    while let Some(digest) = unkeyed.next_user()? {
        digests.push(key.add_to(&digest));
    }
    write(to, &record, digests)
}

/// The records in a folder, listed but not parsed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayRecordFolder {
    /// In order of date.
    pub days: Vec<DayFile>,
    /// The record of rows that belong to no date.
    pub undated: Option<PathBuf>,
    /// Digest of that record; empty without one.
    pub undated_fingerprint: String,
}

/// The record of one date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFile {
    pub date: NaiveDate,
    pub path: PathBuf,
    /// Digest of the record. A record contains the fingerprint of its inputs, so this covers the
    /// users as well.
    pub fingerprint: String,
}

/// Lists the records in `folder`; empty if the folder does not exist. Those that are `known` are not read.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn list<'a>(
    folder: &Path,
    known: impl Fn(NaiveDate) -> Option<(&'a RecordFiles, &'a str)>,
) -> Result<DayRecordFolder> {
    let mut records = DayRecordFolder::default();
    let cannot = || format!("cannot list the folder {}", folder.display());
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(records),
        entries => entries.with_context(cannot)?,
    };
    for entry in entries {
        let path = entry.with_context(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".json").filter(|s| !s.starts_with(['.', '_'])) else {
            continue;
        };
        if stem == UNDATED {
            records.undated_fingerprint = digest(&path)?;
            records.undated = Some(path);
        } else if let Ok(date) = stem.parse() {
            let known = known(date).filter(|(files, mark)| files.are_in(folder, date, mark));
            let fingerprint = match known {
                Some((files, _)) => files.digest.clone(),
                None => digest(&path)?,
            };
            records.days.push(DayFile { date, path, fingerprint });
        }
    }
    records.days.sort_by_key(|day| day.date);
    Ok(records)
}

fn digest(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(hex(&Sha256::digest(&bytes)))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| {
        format!("{} is damaged; `mobility compress --force` rewrites it", path.display())
    })
}

/// Counts of the rows that belong to no date, by file.
///
/// # Errors
/// A record that is damaged.
pub fn undated(records: &DayRecordFolder) -> Result<Vec<FileRecord>> {
    records.undated.as_deref().map_or_else(|| Ok(Vec::new()), read)
}

impl DayFile {
    /// Reads the record.
    ///
    /// # Errors
    /// A record that is damaged, or whose date differs from the file name.
    pub fn record(&self) -> Result<DayRecord> {
        let record: DayRecord = read(&self.path)?;
        if record.date != self.date {
            bail!(
                "{} contains the record of {}; `mobility compress --force` rewrites it",
                self.path.display(),
                record.date
            );
        }
        Ok(record)
    }

    /// Id of the key of the digests of users.
    ///
    /// # Errors
    /// A record that is damaged.
    pub fn users_key(&self) -> Result<Option<String>> {
        Ok(read::<RecordHead>(&self.path)?.users_key)
    }

    /// Opens the users of the date.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn users(&self) -> Result<UserDigests> {
        UserDigests::open(&self.path.with_extension("users"))
    }
}

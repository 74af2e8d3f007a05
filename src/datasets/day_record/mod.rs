//! The record of one date: counts that `compress` writes and `quality` reads.

mod files;
mod key;
mod users;

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};

use crate::checks::Code;
pub use files::{
    DayFile, DayRecordFolder, RecordFiles, RecordHead, copy_with_key, head, list, paths, undated,
    write, write_undated, write_without_users,
};
pub use key::DigestKey;
pub use users::{UserDigest, UserDigests};

/// Counts of the rows of one date. A row belongs to the date of its local timestamp or, without a
/// valid timestamp, to the date of its file's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRecord {
    pub date: NaiveDate,
    /// Fingerprint of the inputs and settings.
    #[serde(rename = "mark")]
    pub fingerprint: String,
    /// Id of the key of the digests of users; records of earlier versions have digests without a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users_key: Option<String>,
    /// True while further rows of the date are expected.
    pub provisional: bool,
    pub files: Vec<FileRecord>,
    /// Clock hours of the date: 24, or 23 or 25 when the clocks change.
    pub clock_hours: u32,
    /// Kept events by start of the hour; hours without events are absent.
    pub hours: BTreeMap<NaiveDateTime, u64>,
    /// Number of users by the number of distinct hours in which each was seen.
    pub users_by_hours: BTreeMap<u32, u64>,
    /// Number of users by their number of kept events.
    pub users_by_events: BTreeMap<u64, u64>,
    /// Kept events by cell id.
    pub cells: BTreeMap<String, u64>,
    /// Rows and bytes of the compressed events.
    pub rows_out: u64,
    pub bytes_out: u64,
}

/// Counts of one input file for one date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    pub path: String,
    /// The date in the names of the file's folders, if any.
    pub folder_date: Option<NaiveDate>,
    /// Rows for the date.
    pub rows: u64,
    /// Bytes of the file, in proportion to these rows.
    pub bytes: u64,
    /// Rows by code; valid rows have no code.
    pub codes: BTreeMap<Code, u64>,
}

impl FileRecord {
    /// True for a file in a folder of a date other than `date`.
    pub fn is_late(&self, date: NaiveDate) -> bool {
        self.folder_date.is_some_and(|folder| folder != date)
    }
}

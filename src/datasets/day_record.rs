//! What `compress` noted about one date: kept beside the compressed events, read by the quality
//! report.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};

use crate::checks::Code;

/// One date. All numbers are of rows that belong to it: by their own local time, or, without a
/// usable one, by the folder of their file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRecord {
    pub date: NaiveDate,
    /// Of the inputs and settings that the date was made from.
    pub mark: String,
    /// True while rows of the date can still be expected.
    pub provisional: bool,
    pub files: Vec<FileRecord>,
    /// Clock hours that the date has: 24, or 23 and 25 where the clocks change.
    pub clock_hours: u32,
    /// Events kept by the start of their hour; hours without events are missing.
    pub hours: BTreeMap<NaiveDateTime, u64>,
    /// Users by the number of different hours in which each was seen.
    pub users_by_hours: BTreeMap<u32, u64>,
    /// Users by their number of events kept.
    pub users_by_events: BTreeMap<u64, u64>,
    /// Events kept by cell id.
    pub cells: BTreeMap<String, u64>,
    /// Rows and bytes of the compressed events.
    pub rows_out: u64,
    pub bytes_out: u64,
}

/// What one file had for the date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    pub path: String,
    /// The date that the file's folders name, if they do.
    pub folder_date: Option<NaiveDate>,
    /// Rows for the date.
    pub rows: u64,
    /// The share of the file's bytes that these rows are.
    pub bytes: u64,
    /// Rows by code; those without a code are in order.
    pub codes: BTreeMap<Code, u64>,
}

impl FileRecord {
    /// True for a file in a folder of another date than `date`.
    pub fn is_late(&self, date: NaiveDate) -> bool {
        self.folder_date.is_some_and(|folder| folder != date)
    }
}

//! The tables `quality_daily` and `quality_codes`: their rows, and their files.

use std::path::Path;

use anyhow::{Context, Result};
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Date32Type;
use chrono::NaiveDate;
use parquet::file::metadata::KeyValue;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::tables::Table;
use crate::formats::parquet::provenance;
use crate::formats::rows::{from_batch, to_batch};
use crate::formats::table;
use crate::storage::inputs::InputFile;

/// The value of [`CodeRow::code`] for rows without a code.
pub const OK: &str = "ok";
/// The value of [`CodeRow::disposition`] for these rows.
pub const KEPT: &str = "kept";

/// One row of the table `quality_daily`. Fields have the names and the order of its columns, which
/// docs/quality.md explains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DayFigures {
    pub date: NaiveDate,
    pub provisional: bool,
    pub rows_in: u64,
    pub rows_kept: u64,
    pub rows_rejected: u64,
    pub rows_unplaced: u64,
    pub rows_flagged: u64,
    pub files_expected: Option<u64>,
    pub files_read: u64,
    pub files_late: u64,
    pub users: u64,
    pub new_users: Option<u64>,
    pub users_1_hour: u64,
    pub users_8_hours: u64,
    pub users_20_hours: u64,
    pub events_per_user_p50: Option<u64>,
    pub events_per_user_p95: Option<u64>,
    pub events_per_user_p99: Option<u64>,
    pub events_per_user_max: Option<u64>,
    pub events_per_hour_min: u64,
    pub events_per_hour_mean: f64,
    pub events_per_hour_max: u64,
    pub empty_hours: u64,
    pub cells_planned: u64,
    pub cells_active: u64,
    pub cells_silent: u64,
    pub cells_unplanned: u64,
    pub events_within: u64,
    pub events_boundary: u64,
    pub events_nearest: u64,
    pub events_outside: u64,
    pub events_unmapped: u64,
    pub laus_without_cells: u64,
    pub laus_without_users: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub rows_out: u64,
    pub compression_ratio: Option<f64>,
    pub compression_ratio_rows: Option<f64>,
    pub warnings: u64,
    pub criticals: u64,
    /// Share of the users who are seen again seven days later; `None` where that date is not there.
    pub returning_share: Option<f64>,
    /// Shares of the time of the date's devices; `None` without segments.
    pub stay_share: Option<f64>,
    pub move_share: Option<f64>,
    pub pass_share: Option<f64>,
    pub unknown_share: Option<f64>,
    /// Share of the trips that the way back follows soon; `None` without trips.
    pub returning_trips_share: Option<f64>,
}

impl DayFigures {
    /// Files that are not late: those in a folder of the date, or in a folder without a date.
    pub fn files_own(&self) -> u64 {
        self.files_read.saturating_sub(self.files_late)
    }
}

/// One row of the table `quality_codes`. Fields have the names and the order of its columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CodeRow {
    /// `None` for rows that belong to no date.
    pub date: Option<NaiveDate>,
    pub file: String,
    /// A name of [`crate::checks::Code`], or [`OK`].
    pub code: String,
    #[serde(alias = "fate")]
    pub disposition: String,
    pub rows: u64,
    /// Share of the rows of the file for the date, percent.
    pub percent: f64,
    /// The file is in a folder of another date.
    pub late: bool,
}

/// Rounds to six decimals, so that a number is unchanged after it is written as text and read.
pub fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Reads the rows of a table.
///
/// # Errors
/// A file that is missing, damaged, or of another version of the program.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    InputFile::local(path.to_owned())
        .and_then(|file| table::read(&file))
        .and_then(|batch| from_batch(&batch))
        .with_context(|| format!("{}; `mobility quality` rewrites it", path.display()))
}

/// Number of rows of dates before `before`; 0 if there is no file.
///
/// # Errors
/// A file that cannot be read.
pub fn rows_before(path: &Path, before: NaiveDate) -> Result<u64> {
    let Some((_, kept)) = from_date(path, before)? else { return Ok(0) };
    Ok(kept.false_count() as u64)
}

/// Writes the rows of a table without those of dates before `before` to `target`, which can be the same
/// file. Does nothing if there is no file, or if all rows of the same file are kept.
///
/// # Errors
/// A file that cannot be read or written.
pub fn keep_from(path: &Path, target: &Path, before: NaiveDate) -> Result<()> {
    let Some((rows, kept)) = from_date(path, before)? else { return Ok(()) };
    if path == target && kept.false_count() == 0 {
        return Ok(());
    }
    // other inputs than those of any run, so that the next one computes the table again
    let entries = provenance::entries(&format!("without dates before {before}"), &[])?;
    table::write(target, &filter_record_batch(&rows, &kept)?, entries)
}

/// The rows of a table, and which of them have no date or one that is not before `before`.
fn from_date(path: &Path, before: NaiveDate) -> Result<Option<(RecordBatch, BooleanArray)>> {
    if !path.exists() {
        return Ok(None);
    }
    let rows = InputFile::local(path.to_owned())
        .and_then(|file| table::read(&file))
        .with_context(|| path.display().to_string())?;
    let dates =
        rows.column_by_name("date").and_then(|dates| dates.as_primitive_opt::<Date32Type>());
    let dates = dates.with_context(|| format!("{}: no column of dates", path.display()))?;
    let before = Date32Type::from_naive_date(before);
    let kept = dates.iter().map(|date| Some(date.is_none_or(|date| date >= before))).collect();
    Ok(Some((rows, kept)))
}

/// Writes the rows of a table, with entries for the footer.
///
/// # Errors
/// If the file cannot be written.
pub fn write<T: Serialize>(
    path: &Path,
    table: Table,
    rows: &[T],
    entries: Vec<KeyValue>,
) -> Result<()> {
    table::write(path, &to_batch(rows, &table.schema())?, entries)
}

//! Rows of every file by what was wrong with them.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::figures::rounded;
use crate::datasets::day_record::FileRecord;

/// The word in place of a code for rows that are in order.
pub const OK: &str = "ok";
/// What becomes of them.
pub const KEPT: &str = "kept";

/// One row of `quality_codes`; fields stand in the order of the table's columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CodeRow {
    /// `None` for rows that belong to no date.
    pub date: Option<NaiveDate>,
    pub file: String,
    /// A name of [`crate::checks::Code`], or `ok`.
    pub code: String,
    #[serde(alias = "fate")]
    pub disposition: String,
    pub rows: u64,
    /// Of the rows that the file has for the date.
    pub percent: f64,
    /// The file lies in a folder of another date.
    pub late: bool,
}

/// The rows of `files` for a date, or for none: first those in order, then codes in the order in
/// which they are told.
pub fn code_rows(date: Option<NaiveDate>, files: &[FileRecord]) -> Vec<CodeRow> {
    let mut out = Vec::new();
    for file in files {
        let late = date.is_some_and(|date| file.is_late(date));
        let mut push = |code: &str, disposition: &str, rows: u64| {
            if rows > 0 {
                out.push(CodeRow {
                    date,
                    file: file.path.clone(),
                    code: code.to_owned(),
                    disposition: disposition.to_owned(),
                    rows,
                    percent: rounded(rows as f64 * 100.0 / file.rows as f64),
                    late,
                });
            }
        };
        let coded: u64 = file.codes.values().sum();
        push(OK, KEPT, file.rows.saturating_sub(coded));
        for (code, rows) in &file.codes {
            push(code.name(), code.disposition().name(), *rows);
        }
    }
    out
}

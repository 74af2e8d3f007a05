//! Rows of each file by code.

use chrono::NaiveDate;

use crate::datasets::day_record::FileRecord;
use crate::datasets::quality_tables::{CodeRow, KEPT, OK, rounded};

/// The rows of `quality_codes` for the files of a date, or for rows without a date. For each file,
/// rows without a code come first, then the codes in their own order.
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

//! Checks on events: codes, incremental runs, and days on which the clocks change.

mod clock_changes;
mod incremental;
mod row_codes;

use arrow::array::{ArrayRef, BinaryArray, Float64Array, StringArray, TimestampMicrosecondArray};
use serde_json::Value;

use crate::harness::{Workspace, array, write_parquet};

/// 2024-10-01 00:00:00 in µs.
pub const DAY: i64 = 1_727_740_800_000_000;
pub const SECOND: i64 = 1_000_000;
pub const HOUR: i64 = 3_600 * SECOND;

/// User, cell, time stamp in µs.
pub type Event = (&'static str, &'static str, i64);

/// Columns of an events file; empty ids become null.
pub fn columns(events: &[Event]) -> Vec<(&'static str, ArrayRef)> {
    let some = |text: &'static str| (!text.is_empty()).then_some(text);
    let users = events.iter().map(|e| some(e.0).map(str::as_bytes));
    let cells = events.iter().map(|e| some(e.1));
    let times = events.iter().map(|e| e.2);
    vec![
        ("user_id", array(BinaryArray::from_iter(users))),
        ("cell_id", array(StringArray::from_iter(cells))),
        ("timestamp", array(TimestampMicrosecondArray::from_iter_values(times))),
    ]
}

/// A workspace without events whose cells lie along a meridian: `a` and `a2` at the same place, `b`
/// 2 km, `c` 50 km and `d` 100 km north of it. `bad` has no coordinates, `old` is no longer valid.
pub fn along_a_line() -> Workspace {
    put_cells_along_a_line(Workspace::mini())
}

/// The same for a workspace that exists already.
pub fn put_cells_along_a_line(work: Workspace) -> Workspace {
    work.remove("raw/events");
    work.remove("raw/cells");
    std::fs::create_dir_all(work.path("raw/cells")).unwrap();
    let km = |km: f64| Some(58.5 + km / 111.195);
    let cells = [
        ("a", km(0.0), None),
        ("a2", km(0.0), None),
        ("b", km(2.0), None),
        ("c", km(50.0), None),
        ("d", km(100.0), None),
        ("bad", None, None),
        ("old", km(1.0), Some("2024-09-30")),
    ];
    let lat = Float64Array::from_iter(cells.iter().map(|c| c.1));
    let lon = Float64Array::from_iter_values(cells.iter().map(|_| 25.0));
    write_parquet(
        &work.path("raw/cells/plan.parquet"),
        vec![
            ("cell_id", array(StringArray::from_iter_values(cells.iter().map(|c| c.0)))),
            ("latitude", array(lat)),
            ("longitude", array(lon)),
            ("valid_date_end", array(StringArray::from_iter(cells.iter().map(|c| c.2)))),
        ],
        1 << 20,
    );
    work
}

/// The day record of a date.
pub fn record(work: &Workspace, date: &str) -> Value {
    serde_json::from_str(&work.read(&format!("processed/days/{date}.json"))).unwrap()
}

/// Codes of a date over all files, as `code=rows` sorted by name.
pub fn codes(work: &Workspace, date: &str) -> String {
    let record = record(work, date);
    let mut all: std::collections::BTreeMap<String, u64> = Default::default();
    for file in record["files"].as_array().unwrap() {
        for (code, rows) in file["codes"].as_object().unwrap() {
            *all.entry(code.clone()).or_default() += rows.as_u64().unwrap();
        }
    }
    all.iter().map(|(code, rows)| format!("{code}={rows}")).collect::<Vec<_>>().join(" ")
}

/// Rows of a query as CSV.
pub fn csv(work: &Workspace, sql: &str) -> String {
    work.ok(&["query", "--sql", sql, "--format", "csv"])
}

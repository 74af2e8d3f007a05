//! Integers in Parquet as ids and time stamps.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Decimal128Array, DictionaryArray, Int32Array, Int64Array, StringArray,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::DataType;

use super::{NOON, RAW, cells, presence, times, users, with_csv, with_parquet};
use crate::harness::{Workspace, array};

/// Rows that the CSV form gives, with numbers as they would be written in text.
fn from_csv(rows: &str, columns: &str) -> Vec<String> {
    let work = with_csv(&[("a.csv", &format!("user_id,cell_id,timestamp\n{rows}"))]);
    work.config(columns);
    presence(&work)
}

#[test]
fn integers_in_parquet_are_ids_as_in_csv() {
    let expected = from_csv("7,100,2024-10-01 12:00:00\n70,200,2024-10-01 12:00:00\n", "");
    let user_columns: [ArrayRef; 5] = [
        array(Int64Array::from(vec![7, 70])),
        array(Int32Array::from(vec![7, 70])),
        array(UInt64Array::from(vec![7, 70])),
        array(UInt16Array::from(vec![7, 70])),
        array(DictionaryArray::<arrow::datatypes::Int32Type>::new(
            Int32Array::from(vec![0, 1]),
            Arc::new(Int64Array::from(vec![7, 70])),
        )),
    ];
    let cell_columns: [ArrayRef; 5] = [
        array(Int64Array::from(vec![100, 200])),
        array(Int32Array::from(vec![100, 200])),
        array(UInt64Array::from(vec![100, 200])),
        array(UInt16Array::from(vec![100, 200])),
        array(StringArray::from(vec!["100", "200"])),
    ];
    for (user, cell) in user_columns.into_iter().zip(cell_columns) {
        let columns = vec![("user_id", user), ("cell_id", cell), ("timestamp", times(2))];
        let work = with_parquet(columns);
        assert_eq!(presence(&work), expected);
        work.ok(&["run-all"]);
        let raw = work.ok(&["query", "--sql", RAW, "--format", "csv"]);
        assert_eq!(raw, "user_id,cell_id\n7,100\n70,200\n");
    }
    // one user in two files
    let both = with_parquet(vec![
        ("user_id", array(Int64Array::from(vec![7]))),
        ("cell_id", cells(1)),
        ("timestamp", times(1)),
    ]);
    both.write("raw/events/b.csv", "user_id,cell_id,timestamp\n7,100,2024-10-01 08:00:00\n");
    assert_eq!(users(&both), 1);
}

#[test]
fn largest_integers_are_ids_without_loss() {
    let work = with_parquet(vec![
        ("user_id", array(UInt64Array::from(vec![Some(u64::MAX), None]))),
        ("cell_id", array(UInt64Array::from(vec![u64::MAX; 2]))),
        ("timestamp", times(2)),
    ]);
    work.ok(&["run-all"]);
    let raw = work.ok(&["query", "--sql", RAW, "--format", "csv"]);
    let max = u64::MAX;
    assert_eq!(raw, format!("user_id,cell_id\n{max},{max}\n,{max}\n"));
    assert_eq!(users(&work), 1);
}

fn with_times(column: ArrayRef) -> Workspace {
    let n = column.len();
    let names: Vec<String> = (0..n).map(|number| format!("u{number}")).collect();
    with_parquet(vec![
        ("user_id", array(StringArray::from(names))),
        ("cell_id", cells(n)),
        ("timestamp", column),
    ])
}

#[test]
fn integers_in_parquet_are_times_of_the_configured_unit() {
    let rows = "u0,100,2024-10-01 12:00:00\nu1,100,2024-10-01 12:00:01\n";
    let expected = from_csv(rows, "");
    let seconds = NOON / 1_000_000;
    let decimal = DataType::Decimal128(20, 0);
    let forms: [(&str, ArrayRef); 7] = [
        ("s", array(Int64Array::from(vec![seconds, seconds + 1]))),
        ("s", array(Int32Array::from(vec![seconds as i32, seconds as i32 + 1]))),
        ("s", array(UInt32Array::from(vec![seconds as u32, seconds as u32 + 1]))),
        (
            "ms",
            array(UInt64Array::from(vec![seconds as u64 * 1_000, seconds as u64 * 1_000 + 1_000])),
        ),
        ("us", array(Int64Array::from(vec![NOON, NOON + 1_000_000]))),
        ("ns", array(Int64Array::from(vec![NOON * 1_000, (NOON + 1_000_000) * 1_000]))),
        (
            "ms",
            array(
                Decimal128Array::from(vec![
                    i128::from(NOON) / 1_000,
                    i128::from(NOON) / 1_000 + 1_000,
                ])
                .with_data_type(decimal),
            ),
        ),
    ];
    for (unit, column) in forms {
        let work = with_times(column);
        work.config(&format!("[columns]\ntimestamp_unit = \"{unit}\"\n"));
        assert_eq!(presence(&work), expected, "{unit}");
        work.ok(&["run-all"]);
        let sql = "SELECT \"timestamp\" FROM mobile_events_uncompressed ORDER BY 1";
        let raw = work.ok(&["query", "--sql", sql, "--format", "csv"]);
        assert_eq!(raw, "timestamp\n2024-10-01 12:00:00\n2024-10-01 12:00:01\n", "{unit}");
    }
    // an instant in UTC, which the zone makes local
    let work = with_times(array(Int64Array::from(vec![seconds, seconds + 1])));
    work.config("[columns]\ntimestamp_unit = \"s\"\n[time]\nzone = \"Europe/Tallinn\"\n");
    assert_eq!(presence(&work), from_csv(&rows.replace(" 12:", " 15:"), ""));
    // digits of a date, read in the configured form
    let digits = Int64Array::from(vec![20_241_001_120_000, 20_241_001_120_001]);
    let work = with_times(array(digits));
    work.config("[columns]\ntimestamp_format = \"%Y%m%d%H%M%S\"\n");
    assert_eq!(presence(&work), expected);
}

#[test]
fn integers_without_a_unit_name_the_key_and_the_unit_that_fits() {
    let seconds = NOON / 1_000_000;
    for (value, hint) in [
        (seconds, "columns.timestamp_unit = \"s\""),
        (seconds * 1_000, "columns.timestamp_unit = \"ms\""),
        (NOON * 1_000, "columns.timestamp_unit = \"ns\""),
        (20_241_001_120_000, "columns.timestamp_format = \"%Y%m%d%H%M%S\""),
    ] {
        let work = with_times(array(Int64Array::from(vec![value])));
        let words = ["a.parquet", "\"timestamp\" is Int64", hint];
        work.fails(&["compress"], 1, &words);
        let ran = work.run(&["check"]);
        assert!(ran.status == 1 && ran.stdout.contains(hint), "{}", ran.stdout);
    }
}

#[test]
fn integers_in_a_wrong_unit_and_out_of_range_are_reported() {
    let work = with_times(array(Int64Array::from(vec![NOON / 1_000; 3])));
    work.config("[columns]\ntimestamp_unit = \"us\"\n");
    let ran = work.run(&["compress"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("columns.timestamp_unit = \"ms\""), "{}", ran.stderr);
    // beyond 64 bits with a sign, which must not turn into times before 1970
    let work = with_times(array(UInt64Array::from(vec![u64::MAX, NOON as u64])));
    work.config("[columns]\ntimestamp_unit = \"us\"\n");
    assert_eq!(presence(&work), from_csv("u1,100,2024-10-01 12:00:00\n", ""));
    let ran = work.run(&["compress", "--force"]);
    assert!(ran.stderr.contains("1 row rejected: time stamp outside the years"), "{}", ran.stderr);
}

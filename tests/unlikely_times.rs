//! Time stamps in a wrong unit, values that stand for an unknown time, and text in another form.

use arrow::array::{
    ArrayRef, BinaryArray, Int64Array, TimestampMicrosecondArray, TimestampMillisecondArray,
};

use crate::harness::{Workspace, array};

const HEADER: &str = "user_id,cell_id,timestamp\n";
/// 2024-10-01 08:00:00, seconds.
const EIGHT: i64 = 1_727_769_600;

/// A workspace with these time stamps in CSV, one user each.
fn with_times(times: &[&str]) -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/events");
    let rows = times.iter().enumerate().map(|(n, time)| format!("u{n},100,{time}\n"));
    work.write("raw/events/a.csv", format!("{HEADER}{}", rows.collect::<String>()));
    work
}

/// Expects these words from `check` and from a run of `compress`, with their exit status.
fn assert_said(work: &Workspace, status: i32, words: &[&str]) {
    for command in ["check", "run-all", "compress"] {
        let ran = work.run(&[command]);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.status, status, "{command}: {printed}");
        for word in words {
            assert!(printed.contains(word), "{command}: no {word:?} in {printed}");
        }
    }
}

#[test]
fn numbers_without_a_unit_name_the_key_and_the_unit_that_fits() {
    for (factor, unit) in [(1, "s"), (1_000, "ms"), (1_000_000, "us"), (1_000_000_000, "ns")] {
        let numbers = [EIGHT * factor, (EIGHT + 3_600) * factor].map(|n| n.to_string());
        let work = with_times(&[&numbers[0], &numbers[1]]);
        let key = format!("columns.timestamp_unit = \"{unit}\"");
        assert_said(&work, 1, &["a.csv", "row 1", "number", &key]);
        work.config(&format!("[columns]\ntimestamp_unit = \"{unit}\"\n"));
        work.ok(&["compress"]);
        assert!(work.path("processed/compressed_events/date=2024-10-01").exists());
    }
}

#[test]
fn numbers_in_a_wrong_unit_are_counted_with_a_warning_that_names_the_right_one() {
    let number = EIGHT.to_string();
    let work = with_times(&[&number, &number]);
    work.config("[columns]\ntimestamp_unit = \"ms\"\n");
    let words = ["2 ", "before 1990", "1970-01-20", "columns.timestamp_unit = \"s\""];
    assert_said(&work, 0, &words);
    // a run that has nothing to do says it again
    assert!(work.run(&["compress"]).stderr.contains("before 1990"));
    assert!(work.path("processed/compressed_events/date=1970-01-20").exists());
    // numbers that are too large are rejected, with the same remedy
    let number = (EIGHT * 1_000).to_string();
    let work = with_times(&[&number, &number]);
    work.config("[columns]\ntimestamp_unit = \"s\"\n");
    let ran = work.run(&["compress"]);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("columns.timestamp_unit = \"ms\""), "{}", ran.stderr);
    let checked = work.run(&["check"]);
    assert!(checked.stdout.contains("columns.timestamp_unit = \"ms\""), "{}", checked.stdout);
}

#[test]
fn a_column_of_parquet_with_a_wrong_unit_is_reported() {
    let users = || -> ArrayRef { array(BinaryArray::from_vec(vec![b"a", b"b"])) };
    let cells = || -> ArrayRef { array(Int64Array::from(vec![100, 100])) };
    for (times, words) in [
        (
            array(TimestampMillisecondArray::from(vec![EIGHT; 2])) as ArrayRef,
            ["1970-01-20", "seconds"],
        ),
        (
            array(TimestampMicrosecondArray::from(vec![EIGHT * 1_000; 2])),
            ["1970-01-20", "milliseconds"],
        ),
    ] {
        let work = Workspace::mini();
        work.remove("raw/events");
        let columns = vec![("user_id", users()), ("cell_id", cells()), ("timestamp", times)];
        work.write_events("a.parquet", columns);
        assert_said(&work, 0, &["before 1990", words[0], words[1], "write the file again"]);
    }
}

#[test]
fn values_for_an_unknown_time_are_counted_with_a_warning() {
    for (unit, value, shown) in [
        (Some("s"), "0", "1970-01-01 00:00:00"),
        (Some("s"), "-1", "1969-12-31 23:59:59"),
        (Some("ms"), "0", "1970-01-01 00:00:00"),
        (None, "1970-01-01 00:00:00", "1970-01-01 00:00:00"),
        (None, "1970-01-01", "1970-01-01 00:00:00"),
        (None, "1900-01-01 00:00:00", "1900-01-01 00:00:00"),
    ] {
        let good = if unit == Some("ms") { EIGHT * 1_000 } else { EIGHT }.to_string();
        let work = with_times(&[if unit.is_some() { &good } else { "2024-10-01 08:00:00" }, value]);
        let key = unit.map(|unit| format!("[columns]\ntimestamp_unit = \"{unit}\"\n"));
        work.config(&key.unwrap_or_default());
        assert_said(&work, 0, &["before 1990", shown, "unknown time"]);
    }
    // those in the future are rejected, as before
    for (unit, value, words) in [
        (Some("s"), "9999999999", ["2286-11-20", "unknown time"]),
        (None, "9999-12-31 00:00:00", ["9999-12-31", "in the future"]),
    ] {
        let work =
            with_times(&[if unit.is_some() { "1727769600" } else { "2024-10-01 08:00:00" }, value]);
        let key = unit.map(|unit| format!("[columns]\ntimestamp_unit = \"{unit}\"\n"));
        let key = key.unwrap_or_default();
        work.config(&key);
        assert_said(&work, 0, &words);
        // without that check they are counted
        work.config(&format!("{key}\n[checks]\noff = [\"time_future\"]\n"));
        assert_said(&work, 0, &["in the future", words[0]]);
    }
}

#[test]
fn believable_times_give_no_warning() {
    let work = with_times(&["2024-10-01 08:00:00", "1990-01-01 00:00:00"]);
    for command in ["check", "compress"] {
        let ran = work.run(&[command]);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        assert!(ran.status == 0 && !printed.contains("before 1990"), "{printed}");
    }
}

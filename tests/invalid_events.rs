//! Invalid event files: a clear message, and previous outputs unchanged.

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};

use crate::faults::reference;
use crate::harness::{Workspace, array, mini_events, mini_presence, read_presence};

type Columns = Vec<(&'static str, ArrayRef)>;

fn users(n: usize) -> ArrayRef {
    array(BinaryArray::from_iter_values((0..n).map(|i| [i as u8])))
}

fn cells(n: usize) -> ArrayRef {
    array(Int64Array::from_iter_values((0..n).map(|_| 400)))
}

const NOON: i64 = 1_727_784_000_000_000;

fn times(n: usize) -> ArrayRef {
    array(TimestampMicrosecondArray::from_iter_values((0..n).map(|_| NOON)))
}

/// A successful run, after which the events are replaced by one file with these columns.
fn with_events(columns: Columns) -> Workspace {
    let work = Workspace::loaded();
    work.remove("raw/events");
    work.write_events("bad.parquet", columns);
    work
}

/// Expects `compress` to fail with these words and to leave previous outputs unchanged.
fn assert_rejected(work: &Workspace, words: &[&str]) {
    let before = work.snapshot("processed");
    assert!(!before.is_empty());
    work.fails(&["compress"], 1, words);
    assert_eq!(work.snapshot("processed"), before);
    // `check` finds the error, too
    let checked = work.run(&["check"]);
    assert_eq!(checked.status, 1, "{}", checked.stdout);
}

#[test]
fn missing_and_empty_folders_are_rejected() {
    let work = Workspace::loaded();
    work.remove("raw/events");
    assert_rejected(&work, &["data.events", "raw/events", "does not exist", "mobility synth"]);
    std::fs::create_dir(work.path("raw/events")).unwrap();
    assert_rejected(&work, &["data.events", "no .parquet", "raw/events"]);
}

#[test]
fn truncated_file_is_rejected() {
    let work = Workspace::loaded();
    let name = "raw/events/year=2024/month=10/day=1/part-0.parquet";
    let bytes = std::fs::read(work.path(name)).unwrap();
    work.write(name, &bytes[..bytes.len() / 2]);
    assert_rejected(&work, &["part-0.parquet", "not a complete Parquet file", "copy it again"]);
}

#[test]
fn damaged_file_causes_no_panic_and_keeps_previous_outputs() {
    let work = Workspace::loaded();
    let undamaged = Workspace::copy_of(&work);
    let name = "raw/events/year=2024/month=10/day=1/part-0.parquet";
    let good = std::fs::read(work.path(name)).unwrap();
    let mut refusals = 0;
    // the first column chunk begins after the magic bytes; the footer is at the end
    for at in (4..40).chain(good.len() - 40..good.len()) {
        let before = work.snapshot("processed");
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        work.write(name, &bytes);
        let ran = work.run(&["compress"]);
        assert!(!ran.stderr.contains("panicked"), "byte {at}: {}", ran.stderr);
        if ran.status != 0 {
            refusals += 1;
            assert!(ran.stderr.contains("part-0.parquet"), "byte {at}: {}", ran.stderr);
            assert_eq!(work.snapshot("processed"), before, "byte {at}");
        } else if let Some(expected) = reference::presence(&work, &undamaged) {
            assert_eq!(read_presence(&work.path("processed")), expected, "byte {at}");
        }
    }
    assert!(refusals > 20, "{refusals}");
}

#[test]
fn missing_columns_are_rejected_with_a_suggestion() {
    let work =
        with_events(vec![("user", users(1)), ("cell_id", cells(1)), ("timestamp", times(1))]);
    assert_rejected(&work, &["bad.parquet", "no column \"user_id\"", "columns.user_id"]);
    let work =
        with_events(vec![("user_id", users(1)), ("cell_id", cells(1)), ("timestmp", times(1))]);
    assert_rejected(&work, &["bad.parquet", "columns.timestamp = \"timestmp\""]);
    let work =
        with_events(vec![("user_id", users(1)), ("cell_id", cells(1)), ("timestamp", times(1))]);
    work.config("[columns]\ncell_id = \"zelle\"\nplan_cell_id = \"cell_id\"\n");
    assert_rejected(&work, &["no column \"zelle\"", "columns.cell_id"]);
}

#[test]
fn unsupported_column_types_are_rejected() {
    let floats = array(Float64Array::from(vec![9.6e14]));
    let work =
        with_events(vec![("user_id", users(1)), ("cell_id", floats), ("timestamp", times(1))]);
    assert_rejected(&work, &["bad.parquet", "\"cell_id\" is Float64", "integer"]);
    let numbers = array(Int64Array::from(vec![NOON]));
    let work =
        with_events(vec![("user_id", users(1)), ("cell_id", cells(1)), ("timestamp", numbers)]);
    assert_rejected(
        &work,
        &["bad.parquet", "\"timestamp\" is Int64", "set columns.timestamp_unit"],
    );
    let days = array(Date32Array::from(vec![1]));
    let work = with_events(vec![
        ("user_id", users(1)),
        ("cell_id", cells(1)),
        ("timestamp", array(BooleanArray::from(vec![true]))),
    ]);
    assert_rejected(&work, &["bad.parquet", "\"timestamp\" is Boolean", "expected a timestamp"]);
    let work = with_events(vec![("user_id", days), ("cell_id", cells(1)), ("timestamp", times(1))]);
    assert_rejected(&work, &["bad.parquet", "\"user_id\" is Date32", "binary"]);
}

fn some_bad_rows() -> Columns {
    let user = BinaryArray::from_opt_vec(vec![
        Some(b"a"),
        None,
        Some(b""),
        Some(b"a"),
        Some(b"a"),
        Some(b"b"),
    ]);
    let cell =
        StringArray::from(vec![Some("400"), Some("400"), Some("400"), None, Some(""), Some("400")]);
    let time = TimestampMicrosecondArray::from(vec![
        None,
        Some(NOON),
        Some(NOON),
        Some(NOON),
        Some(NOON),
        Some(NOON),
    ]);
    vec![("user_id", array(user)), ("cell_id", array(cell)), ("timestamp", array(time))]
}

#[test]
fn unusable_rows_are_counted_and_reported() {
    let work = with_events(some_bad_rows());
    let ran = work.run(&["compress"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    for words in [
        "2 rows rejected: user id null or empty; the first is events file",
        "row 2",
        "1 row rejected: time stamp null",
        "2 rows rejected: cell id null or empty",
        "6 rows in, 1 row out",
    ] {
        assert!(ran.stderr.contains(words), "no {words:?} in {}", ran.stderr);
    }
}

#[test]
fn strict_makes_unusable_rows_fatal() {
    let work = with_events(some_bad_rows());
    work.config("strict = true\n");
    let before = work.snapshot("processed");
    work.fails(
        &["compress"],
        1,
        &["2 rows rejected: user id null", "bad.parquet", "strict = true"],
    );
    assert_eq!(work.snapshot("processed"), before);
}

#[test]
fn file_without_usable_rows_is_rejected() {
    let nulls = array(BinaryArray::from_opt_vec(vec![None, None]));
    let work =
        with_events(vec![("user_id", nulls), ("cell_id", cells(2)), ("timestamp", times(2))]);
    let before = work.snapshot("processed");
    work.fails(&["compress"], 1, &["none of 2 rows can be used", "user id null", "bad.parquet"]);
    assert_eq!(work.snapshot("processed"), before);
}

#[test]
fn time_stamps_in_a_wrong_unit_are_rejected() {
    // nanoseconds in a column of microseconds are in the year 56,000
    let wrong = array(TimestampMicrosecondArray::from(vec![NOON * 1_000]));
    let work =
        with_events(vec![("user_id", users(1)), ("cell_id", cells(1)), ("timestamp", wrong)]);
    let before = work.snapshot("processed");
    work.fails(&["compress"], 1, &["outside the years 1900 to 9999"]);
    assert_eq!(work.snapshot("processed"), before);
}

#[test]
fn output_folder_that_is_not_writable_is_reported() {
    let work = Workspace::mini();
    work.write("file", "");
    work.write(
        "pipeline.toml",
        work.read("pipeline.toml").replace("\"processed\"", "\"file/processed\""),
    );
    work.fails(&["compress"], 1, &["file/processed"]);
    work.fails(&["geojoin"], 1, &["file/processed"]);
    let checked = work.run(&["check"]);
    assert_eq!(checked.status, 1);
    assert!(checked.stdout.contains("WRONG  outputs"), "{}", checked.stdout);
}

#[test]
fn full_disk_keeps_previous_outputs() {
    let work = Workspace::loaded();
    work.remove("raw");
    work.ok(&["synth", "--out", "raw", "--events", "200000", "--cells", "300", "--laus", "5"]);
    let before = work.snapshot("processed");
    // writing more than 16 blocks of 512 bytes fails as on a full disk
    let program = env!("CARGO_BIN_EXE_mobility");
    let script = format!("trap '' XFSZ; ulimit -f 16; exec '{program}' compress");
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(work.path(""))
        .output()
        .unwrap();
    let ran = crate::harness::ProgramOutput::of(output);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("part-00000.parquet") && ran.stderr.contains("disk full"),
        "{}",
        ran.stderr
    );
    assert_eq!(work.snapshot("processed"), before);
}

#[test]
fn every_supported_column_type_gives_the_same_answers() {
    use arrow::array::{FixedSizeBinaryArray, TimestampNanosecondArray, TimestampSecondArray};
    let presence = |work: &Workspace| {
        work.ok(&["run-all"]);
        read_presence(&work.path("processed"))
    };
    let expected = mini_presence();
    let events = mini_events();
    let binary = || array(BinaryArray::from_iter_values(events.iter().map(|e| &e.0)));
    let fixed = || array(FixedSizeBinaryArray::try_from_iter(events.iter().map(|e| &e.0)).unwrap());
    let hex = || {
        array(StringArray::from_iter_values(
            events.iter().map(|e| format!("0x{:02X}{:02X}", e.0[0], e.0[1])),
        ))
    };
    let whole = || array(Int64Array::from_iter_values(events.iter().map(|e| e.1)));
    let text = || array(StringArray::from_iter_values(events.iter().map(|e| e.1.to_string())));
    let micros = |shift: i64| {
        array(TimestampMicrosecondArray::from_iter_values(events.iter().map(|e| e.2 + shift)))
    };
    let seconds =
        || array(TimestampSecondArray::from_iter_values(events.iter().map(|e| e.2 / 1_000_000)));
    let nanos =
        || array(TimestampNanosecondArray::from_iter_values(events.iter().map(|e| e.2 * 1_000)));
    let written = || {
        let time = |us: i64| {
            chrono::DateTime::from_timestamp_micros(us).unwrap().format("%Y-%m-%dT%H:%M:%S")
        };
        array(StringArray::from_iter_values(events.iter().map(|e| time(e.2).to_string())))
    };
    // Tallinn is three hours ahead of UTC on these days
    let utc = || {
        let hours = 3 * 3_600_000_000;
        let column =
            TimestampMicrosecondArray::from_iter_values(events.iter().map(|e| e.2 - hours));
        array(column.with_timezone("UTC"))
    };
    let tallinn = "[time]\nzone = \"Europe/Tallinn\"\n";
    let cases: Vec<(&str, &str, ArrayRef, ArrayRef, ArrayRef)> = vec![
        ("fixed ids, seconds", "", fixed(), whole(), seconds()),
        ("hexadecimal ids, nanoseconds", "", hex(), text(), nanos()),
        ("text times", "", binary(), whole(), written()),
        ("UTC", tallinn, binary(), whole(), utc()),
        ("UTC without a zone in the file", tallinn, binary(), whole(), micros(-3 * 3_600_000_000)),
    ];
    for (what, config, user, cell, time) in cases {
        let work = Workspace::mini();
        work.config(config);
        work.remove("raw/events");
        work.write_events(
            "all.parquet",
            vec![("user_id", user), ("cell_id", cell), ("timestamp", time)],
        );
        assert_eq!(presence(&work), expected, "{what}");
        let sql = "SELECT COUNT(*) AS n, COUNT(DISTINCT user_id) AS u, MIN(timestamp) AS t FROM mobile_events_uncompressed";
        assert_eq!(
            work.ok(&["query", "--sql", sql, "--format", "csv"]),
            "n,u,t\n26,6,2024-10-01 03:00:00\n",
            "{what}"
        );
    }
    // two files with different column types
    let work = Workspace::mini();
    work.remove("raw/events");
    let half = |column: ArrayRef, first: bool| {
        if first { column.slice(0, 13) } else { column.slice(13, 13) }
    };
    let file = |user, cell, time, first| {
        vec![
            ("user_id", half(user, first)),
            ("cell_id", half(cell, first)),
            ("timestamp", half(time, first)),
        ]
    };
    work.write_events("a.parquet", file(binary(), whole(), micros(0), true));
    work.write_events("b.parquet", file(hex(), text(), written(), false));
    assert_eq!(presence(&work), expected, "two kinds of files");
    let sql = "SELECT COUNT(DISTINCT user_id) AS u, COUNT(DISTINCT cell_id) AS c FROM mobile_events_uncompressed";
    assert_eq!(work.ok(&["query", "--sql", sql, "--format", "csv"]), "u,c\n6,9\n");
}

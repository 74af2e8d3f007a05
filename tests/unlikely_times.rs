//! Time stamps in a wrong unit, values that stand for an unknown time, and text in other forms.

use arrow::array::{
    ArrayRef, BinaryArray, Int64Array, StringArray, TimestampMicrosecondArray,
    TimestampMillisecondArray,
};

use crate::harness::{Workspace, array, columns_as_csv, read_presence};

const HEADER: &str = "user_id,cell_id,timestamp\n";
/// 2024-10-01 08:00:00, seconds.
const EIGHT: i64 = 1_727_769_600;

/// A workspace with these time stamps in CSV, one user each.
fn with_times(times: &[&str]) -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/events");
    let rows = times.iter().enumerate().map(|(n, time)| format!("u{n},400,{time}\n"));
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
    let cells = || -> ArrayRef { array(Int64Array::from(vec![400, 400])) };
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

/// Rows of the hourly presence, as text.
fn presence(work: &Workspace) -> Vec<String> {
    work.ok(&["compress"]);
    let rows = read_presence(&work.path("processed"));
    rows.iter().map(|row| format!("{row:?}")).collect()
}

const FORMS: [(&str, [&str; 2]); 6] = [
    ("%d-%m-%Y %H:%M:%S", ["07-05-2024 12:42:28", "08-05-2024 00:00:01"]),
    ("%d.%m.%Y %H:%M:%S", ["7.5.2024 12:42:28", "8.5.2024 0:00:01"]),
    ("%m/%d/%y %I:%M:%S %p", ["05/07/24 12:42:28 PM", "05/08/24 12:00:01 am"]),
    ("%d %b %Y %T", ["07 May 2024 12:42:28", "8 may 2024 00:00:01"]),
    ("%Y%m%d%H%M%S", ["20240507124228", "20240508000001"]),
    ("%d.%m.%Y %H:%M:%S,%f %z", ["07.05.2024 12:42:28,0 +0300", "08.05.2024 00:00:01,000 +03"]),
];

#[test]
fn time_stamps_in_a_configured_form_are_read_by_every_reader() {
    let expected = presence(&with_times(&["2024-05-07 12:42:28", "2024-05-08 00:00:01"]));
    assert_eq!(expected.len(), 2);
    for (format, times) in FORMS {
        let config = format!("[columns]\ntimestamp_format = \"{format}\"\n");
        let row = |n: usize, quote: &str| format!("u{n},400,{quote}{}{quote}\n", times[n]);
        let plain = [row(0, ""), row(1, "")].concat();
        let is_quoted = format.contains(',');
        let plain = if is_quoted { [row(0, "\""), row(1, "\"")].concat() } else { plain };
        // a quoted field on two lines needs the general reader
        let general =
            format!("user_id,cell_id,timestamp,note\n{}", plain.replace('\n', ",\"a\nb\"\n"));
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut gz, format!("{HEADER}{plain}").as_bytes()).unwrap();
        for (name, bytes) in [
            ("a.csv", format!("{HEADER}{plain}").into_bytes()),
            ("a.csv", general.into_bytes()),
            ("a.csv.gz", gz.finish().unwrap()),
        ] {
            let work = with_times(&[]);
            work.remove("raw/events");
            work.write(&format!("raw/events/{name}"), bytes);
            work.config(&config);
            assert_eq!(presence(&work), expected, "{format} in {name}");
            if format == FORMS[0].0 {
                work.ok(&["run-all"]);
                let raw = "SELECT timestamp FROM mobile_events_uncompressed ORDER BY 1";
                assert_eq!(
                    work.ok(&["query", "--sql", raw, "--format", "csv"]),
                    "timestamp\n2024-05-07 12:42:28\n2024-05-08 00:00:01\n",
                    "{format} in {name}"
                );
            }
        }
        let work = with_times(&[]);
        work.remove("raw/events");
        let texts: ArrayRef = array(StringArray::from(times.to_vec()));
        work.write_events(
            "a.parquet",
            vec![
                ("user_id", array(StringArray::from(vec!["u0", "u1"])) as ArrayRef),
                ("cell_id", array(Int64Array::from(vec![400, 400]))),
                ("timestamp", texts),
            ],
        );
        work.config(&config);
        assert_eq!(presence(&work), expected, "{format} in Parquet");
    }
    // with a zone, times without an offset are instants in UTC, and an offset counts
    let local = presence(&with_times(&["2024-05-08 00:42:28"]));
    for (format, time) in [
        ("%d-%m-%Y %H:%M:%S", "07-05-2024 21:42:28"),
        ("%d-%m-%Y %H:%M:%S %z", "08-05-2024 00:42:28 +0300"),
        ("%d-%m-%Y %H:%M:%S %z", "07-05-2024 21:42:28 Z"),
    ] {
        let work = with_times(&[time]);
        work.config(&format!(
            "[columns]\ntimestamp_format = \"{format}\"\n[time]\nzone = \"Europe/Tallinn\"\n"
        ));
        assert_eq!(presence(&work), local, "{time}");
    }
}

#[test]
fn another_form_of_time_stamps_is_quoted_with_the_key_that_reads_it() {
    for (time, formats) in [
        ("07-05-2024 12:42:28", vec!["\"%d-%m-%Y %H:%M:%S\"", "\"%m-%d-%Y %H:%M:%S\""]),
        ("17.05.2024 12:42", vec!["\"%d.%m.%Y %H:%M\""]),
        ("20240517124228", vec!["\"%Y%m%d%H%M%S\""]),
    ] {
        let mut words = formats.clone();
        words.extend(["row 1", "columns.timestamp_format", "2024-10-01 08:00:00"]);
        if time.contains(' ') {
            words.push(time);
        }
        assert_said(&with_times(&[time]), 1, &words);
    }
    // what does not fit the configured form is quoted as well, with that form
    let work = with_times(&["07-05-2024 12:42:28", "2024-05-07 12:42:28"]);
    work.config("[columns]\ntimestamp_format = \"%d-%m-%Y %H:%M:%S\"\n");
    assert_said(&work, 0, &["row 2", "2024-05-07 12:42:28", "%d-%m-%Y %H:%M:%S"]);
    for (format, words) in [("dd.MM.yyyy", "%d.%m.%Y"), ("%d.%m.%Y %M", "without the one before")] {
        work.config(&format!("[columns]\ntimestamp_format = \"{format}\"\n"));
        work.fails(&["compress"], 1, &["timestamp_format", words]);
    }
    // ids are not quoted
    let work = with_times(&["2024-05-07 12:42:28"]);
    work.config("[columns]\ntimestamp = \"user_id\"\n");
    let ran = work.fails(&["compress"], 1, &["columns.timestamp right?"]);
    assert!(!ran.stderr.contains("u0"), "{}", ran.stderr);
}

#[test]
fn times_without_seconds_are_read_and_bare_dates_are_counted_with_a_warning() {
    let expected = presence(&with_times(&["2024-05-07 12:42:00"]));
    for time in ["2024-05-07 12:42", "2024-05-07T12:42", "2024-05-07T12:42+03:00"] {
        let work = with_times(&[time]);
        assert_eq!(presence(&work), expected, "{time}");
        assert!(!work.run(&["check"]).stdout.contains("without a time of day"));
    }
    let work = with_times(&["2024-05-07 12:42", "2024-05-07"]);
    assert_said(&work, 0, &["1 ", "without a time of day", "00:00"]);
    let work = with_times(&["07.05.2024"]);
    work.config("[columns]\ntimestamp_format = \"%d.%m.%Y\"\n");
    assert_said(&work, 0, &["without a time of day"]);
}

#[test]
fn days_of_the_cell_plan_may_be_in_the_configured_form() {
    let work = Workspace::mini();
    work.remove("raw/cells");
    work.write(
        "raw/cells/a.csv",
        "cell_id,latitude,longitude,valid_date_start,valid_date_end\n\
         100,59.13,9.9,01.05.2024,31.12.2024 23:59\n",
    );
    let ran = work.run(&["geojoin"]);
    assert!(ran.status == 1 && ran.stderr.contains("\"01.05.2024\""), "{}", ran.stderr);
    assert!(ran.stderr.contains("columns.timestamp_format"), "{}", ran.stderr);
    work.config("[columns]\ntimestamp_format = \"%d.%m.%Y %H:%M\"\n");
    work.ok(&["geojoin"]);
    assert_eq!(
        columns_as_csv(
            &work.path("processed/cells_with_lau.parquet"),
            &["valid_date_start", "valid_date_end"]
        ),
        "valid_date_start,valid_date_end\n2024-05-01,2024-12-31\n"
    );
}

//! `mobility init`: the configuration that it writes for unknown files, and what it leaves to its user.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray};

use crate::harness::{Workspace, copy, root};

const SIZE: [&str; 9] =
    ["synth", "--events", "2000", "--days", "3", "--cells", "80", "--laus", "6"];

/// Inputs in an unusual layout at `in`.
fn inputs(layout: &str) -> Workspace {
    let work = Workspace::empty();
    work.ok(&[&SIZE[..], &["--layout", layout, "--out", "in", "--quiet"]].concat());
    work
}

const PATHS: [&str; 7] =
    ["init", "--events", "in/events", "--cells", "in/cells", "--lau", "in/lau_boundaries"];

/// The number in the only row and column of a query.
fn number(work: &Workspace, sql: &str) -> u64 {
    let csv = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    csv.lines().nth(1).unwrap().parse().unwrap()
}

const EVENTS: &str = "SELECT SUM(event_count) AS n FROM mobile_events_compressed";

/// Distinct rows of the events in CSV: without seconds, some events of a user are the same.
fn distinct_lines(work: &Workspace) -> u64 {
    let pattern = work.path("in/events/**/*.csv");
    let paths = glob::glob(&pattern.to_string_lossy()).unwrap().map(Result::unwrap);
    let texts: Vec<String> = paths.map(|path| fs::read_to_string(path).unwrap()).collect();
    let rows = texts.iter().flat_map(|text| text.lines().skip(1));
    rows.collect::<HashSet<_>>().len() as u64
}

/// A workspace with the mini cell plan and boundaries at `in`, and these events in CSV.
fn with_events(csv: &str) -> Workspace {
    let work = Workspace::empty();
    copy(&root().join("fixtures/mini/cells"), &work.path("in/cells"));
    copy(&root().join("fixtures/mini/lau"), &work.path("in/lau_boundaries"));
    work.write("in/events/day.csv", csv);
    work
}

#[test]
fn usual_files_need_no_other_settings() {
    let work = inputs("gisco");
    let said = work.ok(&PATHS);
    assert!(said.contains("timestamp (time stamp)"), "{said}");
    assert!(said.contains("ok     lau.countries = [\"EE\"]: it has 6 LAUs and"), "{said}");
    assert!(said.contains("LV (3 LAUs"), "{said}");
    assert!(!said.contains("OPEN"), "{said}");
    work.ok(&["check"]);
    work.ok(&["run-all", "--quiet"]);
    assert_eq!(number(&work, EVENTS), 6_000);
    assert_eq!(number(&work, "SELECT COUNT(*) FROM lau"), 6);
}

#[test]
fn columns_of_other_languages_are_found_and_day_and_month_are_left_to_the_user() {
    for (layout, columns, formats) in [
        (
            "german",
            ["user_id = \"Teilnehmer\"", "plan_cell_id = \"Zelle\"", "gisco_id = \"AGS\""],
            ["%d-%m-%Y %H:%M:%S", "%m-%d-%Y %H:%M:%S"],
        ),
        (
            "spanish",
            ["user_id = \"abonado\"", "cell_id = \"celda\"", "cntr_code = \"PAIS\""],
            ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"],
        ),
    ] {
        let work = inputs(layout);
        let said = work.ok(&PATHS);
        assert_eq!(said.matches("OPEN").count(), 1, "{said}");
        assert!(said.contains("OPEN   columns.timestamp_format"), "{said}");
        assert!(said.contains("1 key left to you"), "{said}");
        let written = work.read("pipeline.toml");
        for column in columns {
            assert!(written.lines().any(|line| line == column), "{column}: {written}");
        }
        for format in formats {
            assert!(said.contains(format), "{format}: {said}");
        }
        let open = format!("#timestamp_format = \"{}\"", formats[0]);
        assert!(written.contains(&open), "{written}");
        work.write("pipeline.toml", written.replace(&open, &open[1..]));
        work.ok(&["check"]);
        work.ok(&["run-all", "--quiet"]);
        assert_eq!(number(&work, EVENTS), distinct_lines(&work), "{layout}");
        assert_eq!(number(&work, "SELECT COUNT(*) FROM lau"), 6, "{layout}");
    }
}

#[test]
fn a_day_after_the_twelfth_tells_day_and_month_apart() {
    let work = with_events("user;cell;time\nu1;100;07.05.2024 08:00\nu1;100;31.05.2024 09:00\n");
    let said = work.ok(&PATHS);
    let written = work.read("pipeline.toml");
    assert!(written.contains("\ntimestamp_format = \"%d.%m.%Y %H:%M\"\n"), "{written}");
    assert!(!said.contains("OPEN"), "{said}");
}

#[test]
fn instants_get_the_zone_of_the_country_and_local_times_none() {
    let zone = "\nzone = \"Europe/Tallinn\"\n";
    for (time, is_instant) in
        [("1727769600", true), ("2024-10-01T08:00:00Z", true), ("2024-10-01 08:00:00", false)]
    {
        let work = with_events(&format!("user_id,cell_id,timestamp\nu1,100,{time}\n"));
        work.ok(&PATHS);
        let written = work.read("pipeline.toml");
        assert_eq!(written.contains(zone), is_instant, "{time}: {written}");
        assert_eq!(written.contains("timestamp_unit = \"s\""), !time.contains('-'), "{written}");
        work.ok(&["run-all", "--quiet"]);
        // 08:00 UTC is 11:00 in Tallinn in summer
        let hour = work.ok(&["query", "number-of-events-per-hour", "--format", "csv"]);
        let expected = if is_instant { "2024-10-01 11:00:00,1" } else { "2024-10-01 08:00:00,1" };
        assert_eq!(hour.lines().nth(1), Some(expected), "{time}");
    }
    let work = with_events("");
    work.remove("in/events/day.csv");
    let text = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
    let utc = TimestampMicrosecondArray::from(vec![1_727_769_600_000_000]).with_timezone("UTC");
    let columns = vec![("imsi", text("u1")), ("ecgi", text("100")), ("at", Arc::new(utc) as _)];
    work.write_events("day.parquet", columns);
    let said = work.ok(&[&["init", "--events", "raw/events"], &PATHS[3..]].concat());
    let written = work.read("pipeline.toml");
    assert!(said.contains("at (time stamp in UTC)"), "{said}");
    assert!(written.contains(zone) && written.contains("timestamp = \"at\""), "{written}");
}

#[test]
fn columns_that_look_like_nothing_are_left_to_the_user() {
    let work = with_events("a,b,c\nu1,100,2024-10-01 08:00:00\n");
    let said = work.ok(&PATHS);
    for key in ["user_id", "cell_id", "timestamp"] {
        assert!(said.contains(&format!("OPEN   columns.{key}")), "{said}");
        assert!(work.read("pipeline.toml").contains(&format!("\n#{key} = ")), "{key}");
    }
    assert!(said.contains("none of the columns a, b, c looks like it"), "{said}");
    assert!(said.contains("3 keys left to you"), "{said}");
}

#[test]
fn a_configuration_that_exists_is_replaced_on_request_alone() {
    let work = inputs("gisco");
    work.write("pipeline.toml", "strict = true\n");
    let words = ["pipeline.toml exists already", "--force", "--config"];
    work.fails(&PATHS, 2, &words);
    assert_eq!(work.read("pipeline.toml"), "strict = true\n");
    work.ok(&[&PATHS[..], &["--force"]].concat());
    assert!(!work.read("pipeline.toml").contains("strict"));

    // paths in a file elsewhere still name the same files
    work.ok(&[&PATHS[..], &["--config", "conf/other.toml"]].concat());
    work.ok(&["check", "--config", "conf/other.toml"]);
}

#[test]
fn inputs_that_are_missing_are_named_and_nothing_is_written() {
    let work = Workspace::empty();
    work.fails(&["init"], 1, &["data.events", "data/raw/events"]);
    assert!(!work.path("pipeline.toml").exists());
}

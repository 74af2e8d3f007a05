//! Events in CSV give the results of the same events in Parquet.

use std::fmt::Write;

use super::{gzipped, lines_of, mini_csv, mini_numbers, with, zstandard};
use crate::harness::{Workspace, columns_as_csv, expected, mini_events_by_user, root};
use crate::object_store::s3_server::{Store, outputs, pages, workspace_on_store};

const VIEWS: [(&str, &str); 5] = [
    ("number-of-events-per-hour", "agg_events_per_hour"),
    ("number-of-unique-cells-per-user", "agg_cell_count_per_user_per_day"),
    ("users-per-lau", "agg_users_per_lau_per_day"),
    ("user-location-distribution", "user_location_distribution"),
    ("users-per-lau-day-night", "view_users_per_lau_day_night"),
];

const RAW: &str = "SELECT user_id, cell_id, timestamp FROM mobile_events_uncompressed \
    ORDER BY user_id, timestamp, cell_id";

fn assert_expected_answers(work: &Workspace, what: &str) {
    work.ok(&["run-all"]);
    for (query, file) in VIEWS {
        assert_eq!(
            work.ok(&["query", query, "--format", "csv"]),
            expected(file),
            "{what}: {query}"
        );
    }
    let raw = work.ok(&["query", "--sql", RAW, "--format", "csv"]);
    assert_eq!(raw, mini_events_by_user(), "{what}");
}

#[test]
fn every_compression_and_delimiter_gives_the_same_answers() {
    let text = mini_csv();
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let quoted: String = text
        .lines()
        .map(|line| format!("\"{}\"\n", line.split(',').collect::<Vec<_>>().join("\";\"")))
        .collect();
    let more: String = text
        .lines()
        .enumerate()
        .map(|(i, line)| match line.split(',').collect::<Vec<_>>()[..] {
            [user, cell, time] if i == 0 => format!("network\t{time}\tnote\t{cell}\t{user}\n"),
            [user, cell, time] => format!("x,y\t{time}\t\"two\nlines\"\t{cell}\t{user}\n"),
            _ => panic!("{line}"),
        })
        .collect();
    let half = text.lines().next().map(|header| {
        let (first, second): (Vec<_>, Vec<_>) =
            text.lines().skip(1).enumerate().partition(|(i, _)| i % 2 == 0);
        [first, second].map(|lines| {
            lines.iter().fold(format!("{header}\n"), |all, (_, line)| all + line + "\n")
        })
    });
    let [first, second] = half.unwrap();
    let members = [gzipped(&text[..200]), gzipped(&text[200..])].concat();
    type Files = Vec<(&'static str, Vec<u8>)>;
    let cases: Vec<(&str, Files)> = vec![
        ("plain", vec![("a.csv", text.clone().into_bytes())]),
        ("gzip", vec![("a.csv.gz", gzipped(&text))]),
        ("gzip of two members", vec![("a.csv.gz", members)]),
        ("zstd", vec![("a.csv.zst", zstandard(&text))]),
        ("Windows", vec![("a.CSV", windows.into_bytes())]),
        ("all in quotes", vec![("a.csv", quoted.into_bytes())]),
        ("lines in fields", vec![("a.csv", more.clone().into_bytes())]),
        ("lines in fields, gzip", vec![("a.csv.gz", gzipped(&more))]),
        ("two files", vec![("1/a.csv", first.into_bytes()), ("2/b.csv.zst", zstandard(&second))]),
    ];
    for (what, files) in cases {
        assert_expected_answers(&with(&files), what);
    }
}

#[test]
fn every_time_stamp_format_gives_the_same_answers() {
    let set = |work: &Workspace, unit: &str, zone: &str| {
        let zone = if zone.is_empty() { String::new() } else { format!("[time]\nzone = {zone}\n") };
        let unit = if unit.is_empty() { "" } else { &format!("timestamp_unit = \"{unit}\"\n") };
        work.config(&format!("[columns]\n{unit}{zone}"));
    };
    for (unit, per_second) in [("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)] {
        let work = with(&[("a.csv", mini_numbers(per_second, 0).into_bytes())]);
        set(&work, unit, "");
        assert_expected_answers(&work, unit);
    }
    // with a time zone numbers are instants; Tallinn is three hours ahead of UTC on these days
    let work = with(&[("a.csv", mini_numbers(1, -3 * 3_600).into_bytes())]);
    set(&work, "s", "\"Europe/Tallinn\"");
    assert_expected_answers(&work, "instants");
    let iso: String = mini_csv()
        .lines()
        .enumerate()
        .map(|(i, line)| match line.rsplit_once(' ') {
            Some((date, time)) if i > 0 => format!("{date}T{time}.000+03:00\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let work = with(&[("a.csv", iso.into_bytes())]);
    assert_expected_answers(&work, "with an offset");
    // with a unit configured, dates are unreadable
    let work = with(&[("a.csv", mini_csv().into_bytes())]);
    set(&work, "s", "");
    work.fails(&["compress"], 1, &["none of 26 rows", "time stamp", "a.csv, row 1"]);
}

#[test]
fn columns_can_be_renamed() {
    let text = mini_csv().replace("user_id,cell_id,timestamp", "imsi;site;at").replace(',', ";");
    let work = with(&[("a.csv", text.into_bytes())]);
    work.config("[columns]\nuser_id = \"imsi\"\ncell_id = \"site\"\ntimestamp = \"at\"\nplan_cell_id = \"cell_id\"\n");
    assert_expected_answers(&work, "other names");
}

/// Outputs of all stages that do not depend on file names and sizes.
fn results(work: &Workspace) -> Vec<String> {
    let mut all = Vec::new();
    // footers contain the fingerprint of the inputs
    for (name, bytes) in pages(&outputs(&work.path("processed/compressed_events"))) {
        all.push(format!("{name} {bytes:?}"));
    }
    for date in ["2024-10-01", "2024-10-02"] {
        let users = std::fs::read(work.path(&format!("processed/days/{date}.users"))).unwrap();
        all.push(format!("{users:?}"));
    }
    let sql = "SELECT date, rows_in, rows_rejected, rows_unplaced, rows_flagged, users, \
        events_per_hour_max, cells_active, events_within FROM quality_daily ORDER BY date";
    all.push(work.ok(&["query", "--sql", sql, "--format", "csv"]));
    let sql = "SELECT date, code, disposition, SUM(rows) AS n FROM quality_codes GROUP BY date, code, disposition \
        ORDER BY date, code";
    all.push(work.ok(&["query", "--sql", sql, "--format", "csv"]));
    let sql = "SELECT COUNT(*) AS n, COUNT(DISTINCT user_id) AS u, MIN(timestamp) AS t, \
        SUM(CAST(cell_id AS BIGINT)) AS c FROM mobile_events_uncompressed";
    all.push(work.ok(&["query", "--sql", sql, "--format", "csv"]));
    all
}

#[test]
fn thousands_of_events_give_the_same_rows_from_csv_and_parquet() {
    let parquet = Workspace::empty();
    let synth = ["synth", "--out", "raw", "--users", "300", "--events", "30000", "--cells", "60"];
    parquet.ok(&[&synth[..], &["--laus", "9", "--days", "2", "--seed", "7"]].concat());
    std::fs::rename(parquet.path("raw/lau_boundaries"), parquet.path("raw/lau")).unwrap();
    parquet.config("");
    let files = parquet.path("raw/events/**/*.parquet");
    let files: Vec<_> = glob::glob(&files.to_string_lossy()).unwrap().map(Result::unwrap).collect();
    parquet.fix_users_key();
    let csv = Workspace::copy_of(&parquet);
    csv.remove("raw/events");
    let mut rows = 0;
    for (number, file) in files.iter().enumerate() {
        let mut text = "user_id,cell_id,timestamp\n".to_owned();
        let lines = lines_of(file);
        rows += lines.len();
        lines.iter().for_each(|line| writeln!(text, "{line}").unwrap());
        // the same folders; every second file is compressed
        let name = file.strip_prefix(parquet.path("")).unwrap().with_extension("csv");
        let name = name.to_string_lossy();
        match number % 2 {
            0 => csv.write(&name, text),
            _ => csv.write(&format!("{name}.gz"), gzipped(&text)),
        }
    }
    assert!(rows > 20_000, "{rows}");
    parquet.ok(&["run-all"]);
    csv.ok(&["run-all"]);
    let (one, other) = (results(&parquet), results(&csv));
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(&other) {
        assert!(one == other, "{one}\n{other}");
    }
}

#[test]
fn csv_and_boundaries_are_read_from_an_object_store() {
    let store = Store::empty();
    let fixtures = root().join("fixtures");
    for folder in ["events", "cells", "lau"] {
        std::fs::create_dir(store.path(folder)).unwrap();
    }
    let text = mini_csv();
    let (first, second) = text.split_at(text.len() / 2);
    let (first, rest) = (first.to_owned(), second.split_once('\n').unwrap());
    std::fs::write(store.path("events/a.csv"), first + rest.0 + "\n").unwrap();
    let header = "user_id,cell_id,timestamp\n";
    std::fs::write(store.path("events/b.csv.gz"), gzipped(&(header.to_owned() + rest.1))).unwrap();
    std::fs::copy(fixtures.join("mini/cells/plan.parquet"), store.path("cells/p.parquet")).unwrap();
    for name in ["parts.gpkg", "parts.parquet", "LAU_RG_01M_2021_3035.shp.zip"] {
        let object = store.path("lau").join(name);
        std::fs::copy(fixtures.join("formats").join(name), &object).unwrap();
        let work = workspace_on_store("s3://data/events", "");
        store.ok(&work, &["run-all"]);
        for (query, file) in VIEWS {
            let printed = store.ok(&work, &["query", query, "--format", "csv"]);
            assert_eq!(printed, expected(file), "{name}: {query}");
        }
        let raw = store.ok(&work, &["query", "--sql", RAW, "--format", "csv"]);
        assert_eq!(raw, mini_events_by_user(), "{name}");
        std::fs::remove_file(object).unwrap();
    }
    std::fs::copy(fixtures.join("formats/parts.shp"), store.path("lau/parts.shp")).unwrap();
    store.fails(
        &workspace_on_store("s3://data/events", ""),
        &["geojoin"],
        &["parts.shp", "one .zip file"],
    );
}

#[test]
fn only_the_dates_of_a_new_file_are_computed() {
    let text = mini_csv();
    let of = |day: &str| -> String {
        let lines = text.lines().enumerate().filter(|(i, l)| *i == 0 || l.contains(day));
        lines.map(|(_, line)| format!("{line}\n")).collect()
    };
    let first = "raw/events/date=2024-10-01/a.csv";
    let work = with(&[("date=2024-10-01/a.csv", of("2024-10-01").into_bytes())]);
    work.ok(&["compress"]);
    // an invalid file of the same size and time, so that opening it would fail
    let meta = work.path(first).metadata().unwrap();
    work.write(first, vec![b'x'; meta.len() as usize]);
    let file = std::fs::File::options().write(true).open(work.path(first)).unwrap();
    file.set_modified(meta.modified().unwrap()).unwrap();
    work.write("raw/events/date=2024-10-02/a.csv.gz", gzipped(&of("2024-10-02")));
    // the cell plan of both dates is unchanged
    work.ok(&["compress"]);
    let ran = work.run(&["compress"]);
    assert!(ran.stderr.contains("unchanged, skipped"), "{}", ran.stderr);
    work.write(first, of("2024-10-01"));
    assert_expected_answers(&work, "both days");
}

#[test]
fn cell_plan_can_be_compressed_and_use_another_delimiter() {
    let plan = "cell_id;latitude;longitude\n1;59.13;9.9\n2;59.13;10.1\n";
    let comma = plan.replace(';', ",").into_bytes();
    let files = [
        ("plan.csv", plan.as_bytes().to_vec()),
        ("plan.csv.gz", gzipped(plan)),
        ("plan.csv.zst", zstandard(plan)),
        ("plan.csv", comma),
    ];
    for (name, bytes) in files {
        let work = Workspace::mini();
        work.remove("raw/cells");
        work.write(&format!("raw/cells/{name}"), bytes);
        work.ok(&["geojoin"]);
        let cells =
            columns_as_csv(&work.path("processed/cells_with_lau.parquet"), &["cell_id", "lau_id"]);
        assert_eq!(cells, "cell_id,lau_id\n1,EE_0002\n2,EE_0003\n", "{name}");
    }
}

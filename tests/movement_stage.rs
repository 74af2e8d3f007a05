//! The stage `movement`: which dates are computed again, and what it says about inputs that it cannot use.

use std::fs;

use crate::harness::{Workspace, array, write_parquet};
use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};

/// Adds a file with events of a user; times are hours of October 2024.
fn add_events(work: &Workspace, name: &str, user: &str, events: &[(i64, f64)]) {
    let start_us = 1_727_740_800_000_000;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("user_id", array(StringArray::from_iter_values(events.iter().map(|_| user)))),
        ("cell_id", array(Int64Array::from_iter_values(events.iter().map(|(cell, _)| *cell)))),
        (
            "timestamp",
            array(TimestampMicrosecondArray::from_iter_values(
                events.iter().map(|(_, hours)| start_us + (hours * 3.6e9) as i64),
            )),
        ),
    ];
    write_parquet(&work.path(&format!("raw/events/{name}.parquet")), columns, 1_000);
}

/// The mini data set with a user who is seen on five dates, one of which is missing in the middle.
fn workspace() -> Workspace {
    let work = Workspace::mini();
    let mut events = Vec::new();
    for day in [1.0, 2.0, 3.0, 5.0] {
        let day = day * 24.0;
        events.extend([(100, day + 7.0), (100, day + 8.0), (300, day + 8.5), (300, day + 10.0)]);
        events.push((100, day + 23.75));
    }
    add_events(&work, "many-dates", "de08", &events);
    work.ok(&["run-all"]);
    work
}

/// The dates with files of a table, and when each folder was made.
fn folders(work: &Workspace, table: &str) -> Vec<(String, std::time::SystemTime)> {
    let folder = fs::read_dir(work.path(&format!("processed/{table}"))).unwrap();
    let mut all: Vec<_> = folder
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (
                name.trim_start_matches("date=").to_owned(),
                entry.metadata().unwrap().modified().unwrap(),
            )
        })
        .collect();
    all.sort();
    all
}

/// The dates whose segments were computed again.
fn recomputed(work: &Workspace, change: impl FnOnce()) -> Vec<String> {
    let before = folders(work, "segments");
    change();
    let after = folders(work, "segments");
    after.into_iter().filter(|date| !before.contains(date)).map(|(date, _)| date).collect()
}

fn rows(work: &Workspace, sql: &str) -> Vec<String> {
    let csv = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    csv.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn late_file_reopens_its_date_and_the_dates_beside_it() {
    let work = workspace();
    let dates: Vec<String> = folders(&work, "segments").into_iter().map(|(date, _)| date).collect();
    assert_eq!(dates, ["2024-10-01", "2024-10-02", "2024-10-03", "2024-10-04", "2024-10-06"]);
    let again = recomputed(&work, || {
        add_events(&work, "late", "ee05", &[(100, 49.0)]);
        work.ok(&["run-all"]);
    });
    assert_eq!(again, ["2024-10-02", "2024-10-03", "2024-10-04"]);
    let again = recomputed(&work, || {
        work.remove("raw/events/late.parquet");
        work.ok(&["run-all"]);
    });
    assert_eq!(again, ["2024-10-02", "2024-10-03", "2024-10-04"]);
    // a second run does nothing, a changed threshold computes every date
    let again = recomputed(&work, || drop(work.ok(&["movement"])));
    assert!(again.is_empty(), "{again:?}");
    let again = recomputed(&work, || {
        work.config("[stays]\nmin_stay_s = 1200\n");
        let ran = work.ok(&["run-all"]);
        let compress = ran.lines().find(|line| line.contains("│ compress")).unwrap();
        assert!(compress.contains("unchanged, skipped"), "{ran}");
    });
    assert_eq!(again.len(), 5);
}

#[test]
fn segments_cover_each_date_with_events_and_trips_are_loaded() {
    let work = workspace();
    let sql = "SELECT user_id, date, SUM(seconds) AS seconds FROM segments GROUP BY user_id, date \
               HAVING SUM(seconds) <> 86400";
    assert_eq!(rows(&work, sql), Vec::<String>::new());
    let sql = "SELECT COUNT(DISTINCT date) FROM segments WHERE user_id = 'de08'";
    assert_eq!(rows(&work, sql), ["4"]);
    let sql = "SELECT date, departed, arrived, seconds, distance_m > 1000 FROM trips \
               WHERE user_id = 'de08' ORDER BY date";
    let day = |day: &str| format!("{day},{day} 08:00:00,{day} 08:30:00,1800,true");
    let days = ["2024-10-02", "2024-10-03", "2024-10-04", "2024-10-06"];
    assert_eq!(rows(&work, sql), days.map(day));
    // the visit from 23:45 to 07:00 is one by night, and a date without events is never bridged
    let sql = "SELECT date, state, continues FROM segments WHERE user_id = 'de08' \
               AND CAST(started AS TIME) = TIME '00:00:00' ORDER BY date";
    assert_eq!(
        rows(&work, sql),
        [
            "2024-10-02,unknown,false",
            "2024-10-03,stay,true",
            "2024-10-04,stay,true",
            "2024-10-06,unknown,false"
        ]
    );
}

#[test]
fn damaged_files_are_made_again_and_refused_by_the_load() {
    let work = workspace();
    let file = fs::read_dir(work.path("processed/segments/date=2024-10-03")).unwrap().next();
    let file = file.unwrap().unwrap().path();
    fs::remove_file(&file).unwrap();
    let words = ["part-00000.parquet is missing", "mobility movement"];
    work.fails(&["load"], 1, &words);
    let ran = work.run(&["movement"]);
    assert!(
        ran.stderr.contains("1 date computed again because of damaged outputs"),
        "{}",
        ran.stderr
    );
    assert!(file.exists());
    work.ok(&["load"]);
    // what is purged is gone from all outputs, and the rest can be loaded
    work.ok(&["purge", "--before", "2024-10-02", "--yes"]);
    for folder in ["visits", "segments", "trips"] {
        assert!(!work.path(&format!("processed/{folder}/date=2024-10-01")).exists(), "{folder}");
    }
    work.ok(&["load"]);
    assert_eq!(rows(&work, "SELECT MIN(date) FROM segments"), ["2024-10-02"]);
    // visits are made again by compress
    fs::remove_dir_all(work.path("processed/visits/date=2024-10-03")).unwrap();
    work.fails(&["movement"], 1, &["is missing", "mobility compress"]);
    work.ok(&["run-all"]);
}

#[test]
fn device_with_very_many_events_has_one_visit_at_each_site_in_turn() {
    let work = Workspace::mini();
    work.config("[checks]\nmost_events_a_day = 1000000\n");
    // to and fro between two near cells, and events that come in two files
    let events = |offset: usize| -> Vec<(i64, f64)> {
        (offset..100_000)
            .step_by(2)
            .map(|n| (if n % 3 == 0 { 100 } else { 200 }, 24.0 + n as f64 / 4_500.0))
            .collect()
    };
    add_events(&work, "even", "fa07", &events(0));
    add_events(&work, "odd", "fa07", &events(1));
    work.ok(&["run-all"]);
    let sql = "SELECT SUM(events), SUM(seconds) FROM segments WHERE user_id = 'fa07'";
    assert_eq!(rows(&work, sql), ["100000,86400"]);
}

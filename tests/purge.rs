//! `mobility purge`: dates are removed everywhere, stay away, and a run that is killed is completed.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Warehouse, Workspace, names_a_user, read_table, test_on_each_warehouse};

const BEFORE: &str = "2024-10-02";
const PURGE: [&str; 4] = ["purge", "--before", BEFORE, "--yes"];

/// Paths below the folder whose name contains the purged date.
fn named_by_date(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().contains("2024-10-01") {
            found.push(path.clone());
        }
        found.extend(named_by_date(&path));
    }
    found
}

/// The dates of all tables and results that have any.
fn dates(work: &Workspace) -> String {
    let query = |sql: &str| work.ok(&["query", "--sql", sql, "--format", "csv"]);
    let mut all = String::new();
    for (table, column) in [
        ("mobile_events_compressed", "date"),
        ("mobile_events_placed", "date"),
        ("quality_daily", "date"),
        ("quality_codes", "date"),
        ("agg_users_per_lau_per_day", "date"),
        ("agg_events_per_hour", "CAST(hour AS DATE)"),
        ("mobile_events_uncompressed", "CAST(timestamp AS DATE)"),
    ] {
        all.push_str(&query(&format!("SELECT DISTINCT {column} AS d FROM {table} ORDER BY d")));
    }
    all
}

/// A workspace whose raw events are copies that `extract` made.
fn extracted(warehouse: Warehouse) -> Workspace {
    let work = warehouse.mini();
    std::fs::rename(work.path("raw/events"), work.path("source")).unwrap();
    let config = work.read("pipeline.toml");
    let settings = "[extract]\nevents = \"source\"\nto = \"raw\"\n[load]\nuncompressed = true\n[checks]\nquarantine = true\n";
    work.write("pipeline.toml", format!("{settings}{config}"));
    work.ok(&["extract"]);
    work.ok(&["run-all"]);
    work
}

fn copies(work: &Workspace) -> Vec<PathBuf> {
    let pattern = work.path("raw/events/**/*.parquet").to_string_lossy().into_owned();
    glob::glob(&pattern).unwrap().map(Result::unwrap).collect()
}

fn dates_are_removed_everywhere_and_do_not_return(warehouse: Warehouse) {
    let work = extracted(warehouse);
    assert!(dates(&work).contains("2024-10-01"), "{}", dates(&work));
    let listed = work.ok(&["purge", "--before", BEFORE, "--dry-run"]);
    for words in ["1 date (2024-10-01)", "1 copy", "day=1", "the warehouse"] {
        assert!(listed.contains(words), "no {words:?} in {listed}");
    }
    assert_eq!(copies(&work).len(), 2);
    work.fails(&["purge", "--before", BEFORE], 2, &["nothing was removed", "--yes"]);
    let before = work.snapshot("processed");
    assert_eq!(work.snapshot("processed"), before);

    let ran = work.run(&PURGE);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("a search found none left"), "{}", ran.stderr);
    assert_eq!(copies(&work).len(), 1, "{:?}", copies(&work));
    for folder in ["processed", "warehouse", "raw"] {
        assert_eq!(named_by_date(&work.path(folder)), Vec::<PathBuf>::new());
    }
    let manifest = work.read("processed/compressed_events.json");
    assert!(!manifest.contains("2024-10-01"), "{manifest}");
    for table in ["quality_daily", "quality_codes"] {
        let rows = read_table(&work.path(&format!("processed/{table}.parquet")));
        assert!(rows.num_rows() > 0 && !format!("{rows:?}").contains("2024-10-01"), "{rows:?}");
    }
    assert!(!dates(&work).contains("2024-10-01"), "{}", dates(&work));

    // neither a run nor another copy brings them back
    work.ok(&["extract"]);
    assert_eq!(copies(&work).len(), 1);
    work.ok(&["run-all"]);
    work.ok(&["run-all", "--force"]);
    assert!(!dates(&work).contains("2024-10-01"), "{}", dates(&work));
    assert!(dates(&work).contains("2024-10-02"));
    let again = work.ok(&["purge", "--before", BEFORE, "--dry-run"]);
    assert!(again.contains("0 dates, 0 files") && again.contains("0 rows"), "{again}");
}

test_on_each_warehouse!(dates_are_removed_everywhere_and_do_not_return);

fn rows_of_others_stay_but_are_not_computed_again(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let ran = work.run(&PURGE);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    for words in ["1 input file", "not made by mobility extract", "day=1"] {
        assert!(ran.stderr.contains(words), "no {words:?} in {}", ran.stderr);
    }
    assert!(work.path("raw/events/year=2024/month=10/day=1").exists());
    for args in [&["run-all"][..], &["run-all", "--force"], &["compress", "--force"]] {
        let ran = work.run(args);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(!work.path("processed/compressed_events/date=2024-10-01").exists());
    }
    let ran = work.run(&["compress", "--force"]);
    let note = "the inputs still have rows of 1 date before 2024-10-02, which were purged";
    assert!(ran.stderr.contains(note), "{}", ran.stderr);
    let answer = work.ok(&["query", "users-per-lau", "--format", "csv"]);
    assert!(answer.contains("2024-10-02") && !answer.contains("2024-10-01"), "{answer}");
}

test_on_each_warehouse!(rows_of_others_stay_but_are_not_computed_again);

#[test]
fn record_of_a_purge_says_what_was_removed_and_names_nobody() {
    let work = extracted(Warehouse::Embedded);
    work.ok(&PURGE);
    let last = work.read("processed/runs.jsonl");
    let record: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!((&record["command"], &record["status"]), (&"purge".into(), &"done".into()));
    let text = record["stages"][0]["warnings"][0].as_str().unwrap();
    for words in ["before 2024-10-02", "1 date (2024-10-01)", "1 copy of raw files"] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    assert!(!names_a_user(&last), "{last}");
}

/// A purge that was killed after any of its steps leaves some of these states.
#[test]
fn purge_that_was_killed_is_completed_by_the_next_one() {
    let purged = extracted(Warehouse::Embedded);
    let undisturbed = Workspace::copy_of(&purged);
    undisturbed.ok(&PURGE);
    undisturbed.ok(&["run-all"]);
    let expected = undisturbed.ok(&["query", "users-per-lau", "--format", "csv"]);
    let retention = "{\"from\": \"2024-10-02\"}";
    type Damage = fn(&Workspace);
    let states: [Damage; 5] = [
        |_| {},
        |work| work.remove("raw/events/year=2024/month=10/day=1/part-0.parquet"),
        |work| work.remove("processed/compressed_events/date=2024-10-01"),
        |work| work.remove("processed/days/2024-10-01.users"),
        |work| {
            work.remove("processed/compressed_events/date=2024-10-01");
            work.remove("processed/days/2024-10-01.users");
            work.remove("processed/days/2024-10-01.json");
            work.remove("processed/quarantine/date=2024-10-01");
        },
    ];
    for (number, damage) in states.into_iter().enumerate() {
        let work = Workspace::copy_of(&purged);
        work.write("processed/retention.json", retention);
        damage(&work);
        work.ok(&PURGE);
        work.ok(&["run-all"]);
        assert_eq!(work.ok(&["query", "users-per-lau", "--format", "csv"]), expected, "{number}");
        for folder in ["processed", "warehouse", "raw"] {
            assert_eq!(named_by_date(&work.path(folder)), Vec::<PathBuf>::new(), "{number}");
        }
    }
}

#[test]
fn copy_with_rows_of_later_dates_is_named_and_stays() {
    let work = Workspace::mini();
    work.remove("raw/events");
    work.write("source/both.csv", crate::harness::mini_csv_events());
    let config = work.read("pipeline.toml");
    work.write("pipeline.toml", format!("[extract]\nevents = \"source\"\nto = \"raw\"\n{config}"));
    work.ok(&["extract"]);
    work.ok(&["run-all"]);
    for _ in 0..2 {
        work.fails(&PURGE, 1, &["both.csv", "rows of later dates", "remove or split it"]);
        assert!(work.path("raw/events/both.csv").exists());
        let answer = work.ok(&["query", "users-per-lau", "--format", "csv"]);
        assert!(answer.contains("2024-10-02") && !answer.contains("2024-10-01"), "{answer}");
        work.ok(&["run-all"]);
    }
}

#[test]
fn damaged_boundary_of_retention_ends_a_run() {
    let work = Workspace::mini();
    work.write("processed/retention.json", "{");
    work.fails(&["compress"], 1, &["retention.json is damaged", "first date that is kept"]);
}

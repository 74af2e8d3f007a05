//! Synthetic data: the pipeline finds the totals that the generator states.

use crate::harness::{Workspace, root};

fn synthesised(seed: &str) -> Workspace {
    let work = Workspace::empty();
    work.ok(&[
        "synth", "--out", "raw", "--events", "20000", "--users", "150", "--cells", "300", "--laus",
        "12", "--days", "2", "--seed", seed,
    ]);
    work.write("pipeline.toml", config());
    work
}

fn config() -> String {
    format!(
        "[data]\nevents = \"raw/events\"\ncells = \"raw/cells\"\nlau = \"raw/lau_boundaries\"\nprocessed = \"processed\"\n\
         [warehouse]\nurl = \"embedded:warehouse\"\n[views]\ndir = \"{}\"\n",
        root().join("sql/views").display()
    )
}

/// The arguments for a small data set, and further ones.
fn synth<'a>(further: &[&'a str]) -> Vec<&'a str> {
    [&["synth", "--out", "raw", "--cells", "300", "--laus", "12"], further].concat()
}

#[test]
fn same_seed_gives_the_same_bytes() {
    let names = |work: &Workspace| -> Vec<(String, u64)> {
        let root = work.path("raw");
        let files = work.snapshot("raw").into_iter();
        files.map(|(p, b)| (p.strip_prefix(&root).unwrap().display().to_string(), b)).collect()
    };
    let (one, same, other) =
        (names(&synthesised("7")), names(&synthesised("7")), names(&synthesised("8")));
    assert_eq!(one, same);
    assert_ne!(one, other);
}

#[test]
fn pipeline_counts_the_totals_that_synth_states() {
    let work = synthesised("7");
    let truth: serde_json::Value = serde_json::from_str(&work.read("raw/truth.json")).unwrap();
    work.ok(&["run-all"]);
    let sql = "SELECT CAST(SUM(event_count) AS BIGINT) AS events, COUNT(DISTINCT user_id) AS users, \
               (SELECT COUNT(*) FROM lau) AS laus, (SELECT COUNT(*) FROM cell_plan) AS cells, \
               (SELECT COUNT(*) FROM cell_plan WHERE lau_id IS NULL) AS outside FROM mobile_events_compressed";
    let line = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    let counted: Vec<&str> = line.lines().nth(1).unwrap().split(',').collect();
    let planted = [
        &truth["events"],
        &truth["distinct_users_seen"],
        &truth["laus"]["EE"],
        &truth["cells"],
        &truth["cells_outside_ee"],
    ];
    assert_eq!(counted, planted.map(ToString::to_string));
    assert_eq!(truth["events"], 40_000);
    for day in truth["days"].as_array().unwrap() {
        let date = day["date"].as_str().unwrap();
        let hours =
            work.ok(&["query", "number-of-events-per-hour", "--date", date, "--format", "csv"]);
        let counts: Vec<u64> =
            hours.lines().skip(1).map(|l| l.split(',').nth(1).unwrap().parse().unwrap()).collect();
        assert_eq!(serde_json::json!(counts), day["events_per_hour"], "{date}");
    }
}

#[test]
fn pipeline_counts_the_devices_with_lives_that_synth_states() {
    let work = Workspace::empty();
    work.ok(&synth(&["--people", "150", "--days", "3", "--rotate", "2024-10-03"]));
    work.write("pipeline.toml", config());
    let truth: serde_json::Value = serde_json::from_str(&work.read("raw/truth.json")).unwrap();
    assert_eq!((&truth["devices"], &truth["users"]), (&150.into(), &300.into()));
    work.ok(&["run-all"]);
    let sql = "SELECT date, CAST(SUM(event_count) AS BIGINT) AS events, COUNT(DISTINCT user_id) AS users \
               FROM mobile_events_compressed GROUP BY date ORDER BY date";
    let counted = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    let planted = truth["days"].as_array().unwrap().iter().map(|day| {
        format!(
            "{},{},{}",
            day["date"].as_str().unwrap(),
            day["events"],
            day["distinct_users_seen"]
        )
    });
    assert_eq!(counted.lines().skip(1).collect::<Vec<_>>(), planted.collect::<Vec<_>>());
    let sql = "SELECT COUNT(DISTINCT user_id) FROM mobile_events_compressed";
    let users = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    assert_eq!(users.lines().nth(1).unwrap(), truth["distinct_users_seen"].to_string());

    work.fails(&synth(&["--rotate", "2024-10-03"]), 2, &["--people"]);
    work.fails(&synth(&["--people", "9", "--events", "9"]), 2, &["--events"]);
    let first_day = ["--people", "9", "--days", "3", "--rotate", "2024-10-01"];
    work.fails(&synth(&first_day), 1, &["--rotate 2024-10-01", "after 2024-10-01"]);
    // another data set in its place leaves no tables of this one
    assert!(work.path("raw/truth_trips.parquet").exists());
    work.ok(&synth(&["--events", "500"]));
    assert!(!work.path("raw/truth_trips.parquet").exists());
}

#[test]
fn synth_does_not_overwrite_other_data() {
    let work = Workspace::mini();
    work.fails(&["synth", "--out", "raw"], 1, &["raw/events"]);
    let rerun = synthesised("7");
    rerun.ok(&[
        "synth", "--out", "raw", "--events", "1000", "--users", "10", "--cells", "20", "--laus",
        "2",
    ]);
}

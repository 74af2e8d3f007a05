//! Synthetic data: the pipeline finds the totals that the generator states.

use crate::harness::{Workspace, root};

fn synthesised(seed: &str) -> Workspace {
    let work = Workspace::empty();
    work.ok(&[
        "synth", "--out", "raw", "--events", "20000", "--users", "150", "--cells", "300", "--laus",
        "12", "--days", "2", "--seed", seed,
    ]);
    let config = format!(
        "[data]\nevents = \"raw/events\"\ncells = \"raw/cells\"\nlau = \"raw/lau_boundaries\"\nprocessed = \"processed\"\n\
         [warehouse]\nurl = \"embedded:warehouse\"\n[views]\ndir = \"{}\"\n",
        root().join("sql/views").display()
    );
    work.write("pipeline.toml", config);
    work
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
fn synth_does_not_overwrite_other_data() {
    let work = Workspace::mini();
    work.fails(&["synth", "--out", "raw"], 1, &["raw/events"]);
    let rerun = synthesised("7");
    rerun.ok(&[
        "synth", "--out", "raw", "--events", "1000", "--users", "10", "--cells", "20", "--laus",
        "2",
    ]);
}

//! The table `runs`: every run adds a row, whether it succeeds or fails.

use super::{Cluster, client, lines, mini};

#[test]
#[ignore = "needs PostGIS: run make test"]
fn finished_and_failed_runs_are_in_the_table_of_both_warehouses() {
    let (work, schema) = mini();
    work.ok(&["compress", "--quiet"]);
    work.ok(&["run-all", "--quiet"]);
    work.fails(&["run-all", "--force", "--config", "nowhere.toml"], 1, &["nowhere.toml"]);
    std::fs::rename(work.path("raw/events"), work.path("raw/away")).unwrap();
    work.fails(&["compress"], 1, &["data.events"]);
    let mut client = client(&schema);
    let reported = lines(
        &mut client,
        "SELECT concat_ws(' ', command, status, rows_in) FROM runs ORDER BY run_id",
    );
    // the first run ended before the table existed and was added by the next
    assert_eq!(reported, ["compress done 26", "run-all done 26", "compress failed"]);
    let error = lines(&mut client, "SELECT error FROM runs WHERE status = 'failed'");
    assert!(error[0].contains("data.events"), "{error:?}");
    let answer = |more: &[&str]| work.ok(&[&["query", "runs", "--format", "csv"], more].concat());
    let here = answer(&[]);
    assert_eq!(here.lines().count(), 4, "{here}");
    assert_eq!(answer(&["--warehouse", "embedded:other"]), here);
    // settings are JSON without the password
    let password = Cluster::shared().password();
    let urls =
        lines(&mut client, "SELECT DISTINCT config::json -> 'warehouse' ->> 'url' FROM runs");
    assert!(urls.len() == 1 && urls[0].starts_with("postgres://"), "{urls:?}");
    assert!(!urls[0].contains('@'), "{urls:?}");
    assert!(!work.read("processed/runs.jsonl").contains(password));
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn run_record_is_delivered_later_if_the_server_is_unreachable() {
    let (work, schema) = mini();
    work.ok(&["run-all", "--quiet"]);
    let away = "postgres://me@127.0.0.1:1/db";
    let ran = work.run(&["compress", "--force", "--warehouse", away]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("the run is not in the table runs yet"), "{}", ran.stderr);
    let sql = "SELECT command FROM runs ORDER BY run_id";
    assert_eq!(lines(&mut client(&schema), sql), ["run-all"]);
    work.ok(&["views", "--quiet"]);
    assert_eq!(lines(&mut client(&schema), sql), ["run-all", "compress", "views"]);
}

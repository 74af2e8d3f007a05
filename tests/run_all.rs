//! `run-all`: skipped stages, stale results, custom views, killed and interrupted runs.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::harness::{
    ProgramOutput, Workspace, expected, mini_events_by_user, send_signal, wait_until,
};

const VIEW: &str = "view_users_per_lau_day_night";

fn answer(work: &Workspace) -> String {
    work.ok(&["query", VIEW, "--format", "csv"])
}

#[test]
fn second_run_skips_all_stages_and_reports_it() {
    let work = Workspace::mini();
    let first = work.ok(&["run-all"]);
    assert!(
        first.contains("compress") && first.contains("peak memory") && !first.contains("skipped"),
        "{first}"
    );
    let before = [work.snapshot("processed"), work.snapshot("warehouse")];
    let second = work.ok(&["run-all"]);
    assert_eq!(second.matches("unchanged, skipped").count(), 6, "{second}");
    assert_eq!([work.snapshot("processed"), work.snapshot("warehouse")], before);
}

#[test]
fn repeated_forced_run_gives_the_same_outputs() {
    let work = Workspace::loaded();
    let processed = work.snapshot("processed");
    work.ok(&["run-all", "--force"]);
    assert_eq!(work.snapshot("processed"), processed);
    assert_eq!(answer(&work), expected(VIEW));
}

#[test]
fn new_event_is_counted_and_stale_results_are_not_served() {
    let work = Workspace::loaded();
    work.add_late_event(0x99);
    let ran = work.ok(&["run-all"]);
    let skipped = |stage: &str| {
        let line = ran.lines().find(|l| l.contains(&format!("│ {stage}"))).unwrap();
        line.contains("unchanged, skipped")
    };
    let stages = ["compress", "geojoin", "movement", "quality", "load", "views"].map(skipped);
    assert_eq!(
        stages,
        [false, true, false, false, false, false],
        "geojoin alone is unchanged: {ran}"
    );
    let line = "2024-10-02,EE_0003,Saare vald,3,1";
    assert_eq!(answer(&work), expected(VIEW).replace(line, "2024-10-02,EE_0003,Saare vald,4,1"));
}

#[test]
fn loaded_day_is_not_read_again() {
    let work = Workspace::loaded();
    work.add_late_event(0x99);
    work.ok(&["compress"]);
    work.corrupt_pages("2024-10-01");
    work.ok(&["load"]);
    let line = "2024-10-02,EE_0003,Saare vald,3,1";
    assert_eq!(answer(&work), expected(VIEW).replace(line, "2024-10-02,EE_0003,Saare vald,4,1"));
    // only views that are computed again have to read the corrupted day
    let words = ["2024-10-01", "does not match its checksum", "--force"];
    work.fails(&["views", "--refresh"], 1, &words);
    work.ok(&["run-all", "--force"]);
    assert!(answer(&work).contains("2024-10-02,EE_0003,Saare vald,4,1"));
}

#[test]
fn load_without_views_invalidates_stored_results() {
    let work = Workspace::loaded();
    work.add_late_event(0x99);
    work.ok(&["compress"]);
    assert_eq!(answer(&work), expected(VIEW), "nothing is loaded yet");
    work.ok(&["load"]);
    assert!(answer(&work).contains("2024-10-02,EE_0003,Saare vald,4,1"));
}

#[test]
fn stages_can_run_alone_or_from_a_given_stage() {
    let work = Workspace::mini();
    work.fails(&["run-all", "--from", "load"], 1, &["mobility compress"]);
    let only = work.ok(&["run-all", "--only", "compress"]);
    assert!(only.contains("compress") && !only.contains("geojoin"), "{only}");
    work.fails(&["load"], 1, &["mobility geojoin"]);
    work.ok(&["geojoin"]);
    let rest = work.ok(&["run-all", "--from", "load"]);
    assert!(
        rest.contains("load") && rest.contains("views") && !rest.contains("compress"),
        "{rest}"
    );
    assert_eq!(answer(&work), expected(VIEW));
    work.fails(&["run-all", "--only", "nothing"], 2, &["possible values"]);
}

#[test]
fn day_and_night_follow_the_config() {
    let work = Workspace::loaded();
    work.config("[time]\nday_start = 0\nday_end = 24\n");
    let night = work.ok(&[
        "query",
        VIEW,
        "--format",
        "csv",
        "--order-by",
        "night_users:desc",
        "--limit",
        "1",
    ]);
    assert!(night.lines().nth(1).unwrap().ends_with(",0"), "{night}");
}

#[test]
fn custom_view_file_works_like_a_shipped_one() {
    let work = Workspace::mini();
    work.copy_shipped_views();
    let sql = "-- title: Busiest cells\n-- order: n desc, cell_id\n\
               SELECT cell_id, CAST(SUM(event_count) AS BIGINT) AS n FROM mobile_events_compressed GROUP BY cell_id\n";
    work.write("views/busy_cells.sql", sql);
    // a view that selects from another view
    work.write("views/busiest.sql", "SELECT MAX(n) AS most FROM busy_cells\n");
    work.ok(&["run-all"]);
    assert!(work.ok(&["views", "--list"]).contains("Busiest cells"));
    let rows = work.ok(&["query", "busy-cells", "--format", "csv", "--limit", "2"]);
    assert_eq!(rows, "cell_id,n\n100,5\n200,3\n");
    assert_eq!(work.ok(&["query", "busiest", "--format", "csv"]), "most\n5\n");
    assert_eq!(
        work.ok(&["query", "--sql", "SELECT most FROM busiest", "--format", "csv"]),
        "most\n5\n"
    );
}

#[test]
fn error_in_a_view_names_file_line_and_reason_and_other_views_still_work() {
    let work = Workspace::mini();
    work.copy_shipped_views();
    work.ok(&["run-all"]);
    for (sql, words) in [
        ("-- title: x\nSELECT hour,\n  nope\nFROM mobile_events_compressed\n", ["line 3", "nope"]),
        ("-- title: x\nSELEC 1\n", ["line 2", "SELEC"]),
        ("-- oder: x\nSELECT 1 AS x\n", ["line 1", "\"order\""]),
        (
            "SELECT 1 AS x FROM mobile_events_compresed\n",
            ["mobile_events_compresed", "mobile_events_compressed"],
        ),
        ("-- order: y\nSELECT 1 AS x\n", ["\"y\"", "x"]),
        ("DROP TABLE lau\n", ["DDL", "only reads"]),
        ("SELECT * FROM broken\n", ["broken", "itself"]),
    ] {
        work.write("views/broken.sql", sql);
        work.fails(&["views"], 1, &[&["broken.sql"], &words[..]].concat());
        // an invalid header stops all queries, because the name of the view is unknown
        if !sql.starts_with("-- oder") {
            assert_eq!(answer(&work), expected(VIEW));
        }
    }
}

#[test]
fn two_view_files_with_the_same_name_are_rejected() {
    let work = Workspace::mini();
    work.copy_shipped_views();
    work.write("views/again.sql", "-- view: agg_events_per_hour\nSELECT 1 AS x\n");
    work.fails(&["views", "--list"], 1, &["agg_events_per_hour", "again.sql", "rename"]);
    work.write("views/again.sql", "-- view: lau\nSELECT 1 AS x\n");
    work.fails(&["views", "--list"], 1, &["lau", "name of a table"]);
}

/// Runs everything and kills the process when it logs that a stage started.
fn kill_at_the_beginning_of(work: &Workspace, stage: &str) {
    let args = ["run-all", "--force", "--verbose", "--log-format", "json"];
    let mut command = work.command(&args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut logged = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
    let found = logged.any(|line| line["stage"] == stage && line["message"] == "started");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(found, "{stage} never began");
}

#[test]
fn run_killed_in_any_stage_is_completed_by_the_next_run() {
    let work = Workspace::loaded();
    let expected_files = work.snapshot("processed");
    // the digests of users depend on the key
    let key = work.read("processed/users.key");
    for stage in ["compress", "geojoin", "movement", "quality", "load", "views"] {
        for from_nothing in [false, true] {
            if from_nothing {
                work.remove("warehouse");
                work.remove("processed");
                work.write("processed/users.key", &key);
            }
            kill_at_the_beginning_of(&work, stage);
            work.ok(&["run-all"]);
            assert_eq!(answer(&work), expected(VIEW), "{stage}, from nothing: {from_nothing}");
        }
    }
    assert_eq!(work.snapshot("processed"), expected_files, "unfinished files are left");
}

#[test]
fn interrupt_keeps_previous_outputs_and_leaves_no_unfinished_files() {
    let work = Workspace::loaded();
    work.remove("raw");
    work.ok(&[
        "synth", "--out", "raw", "--events", "2000000", "--days", "2", "--cells", "500", "--laus",
        "5",
    ]);
    let before = work.snapshot("processed");
    let child =
        work.command(&["compress"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("compress begins to write", || has_unfinished(&work));
    send_signal(child.id(), "INT");
    let ran = ProgramOutput::of(child.wait_with_output().unwrap());
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("interrupted") && ran.stderr.contains("earlier outputs stand"),
        "{}",
        ran.stderr
    );
    assert_eq!(work.snapshot("processed"), before);
    assert!(!has_unfinished(&work));
    let runs = work.read("processed/runs.jsonl");
    let last: serde_json::Value = serde_json::from_str(runs.lines().last().unwrap()).unwrap();
    assert_eq!((&last["command"], &last["status"]), (&"compress".into(), &"interrupted".into()));
    let stage = &last["stages"][0];
    assert_eq!((&stage["stage"], &stage["broken_off"]), (&"compress".into(), &true.into()));
}

fn has_unfinished(work: &Workspace) -> bool {
    let Ok(entries) = std::fs::read_dir(work.path("processed")) else { return false };
    entries.flatten().any(|e| e.file_name().to_string_lossy().ends_with(".unfinished"))
}

#[test]
fn raw_events_table_equals_the_events_of_the_fixture() {
    let work = Workspace::loaded();
    let sql = "SELECT user_id, cell_id, timestamp FROM mobile_events_uncompressed ORDER BY 1, 3, 2";
    assert_eq!(work.ok(&["query", "--sql", sql, "--format", "csv"]), mini_events_by_user());
}

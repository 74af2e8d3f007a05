//! The history of runs, `mobility runs`, and JSON logs.

use std::fs;
use std::io::Write;

use serde_json::Value;

use crate::harness::{ProgramOutput, Workspace};

fn records(work: &Workspace) -> Vec<Value> {
    let text = work.read("processed/runs.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn stages(run: &Value) -> Vec<(&str, bool)> {
    let stages = run["stages"].as_array().unwrap().iter();
    stages.map(|s| (s["stage"].as_str().unwrap(), s["skipped"].as_bool().unwrap())).collect()
}

/// Lines of standard error as JSON objects, which have to belong to the same run.
fn logged(ran: &ProgramOutput) -> Vec<Value> {
    let parsed = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let lines: Vec<Value> = ran.stderr.lines().map(parsed).collect();
    for line in &lines {
        for key in ["ts", "level", "run_id", "message"] {
            assert!(line[key].is_string(), "no {key} in {line}");
        }
        chrono::DateTime::parse_from_rfc3339(line["ts"].as_str().unwrap()).unwrap();
        assert_eq!(line["run_id"], lines[0]["run_id"]);
    }
    lines
}

#[test]
fn finished_skipped_and_failed_runs_are_recorded() {
    let work = Workspace::mini();
    work.ok(&["run-all", "--quiet"]);
    work.ok(&["run-all", "--quiet"]);
    work.fails(
        &["load", "--warehouse", "embedded:pipeline.toml"],
        1,
        &["cannot create the warehouse folder", "pipeline.toml"],
    );
    // commands that only read leave no record
    work.ok(&["query", "--list"]);
    work.ok(&["views", "--list"]);
    let runs = records(&work);
    let [first, second, third] = &runs[..] else { panic!("{runs:?}") };
    let names = ["compress", "geojoin", "movement", "quality", "load", "views"];
    assert_eq!(stages(first), names.map(|n| (n, false)));
    assert!(stages(second).iter().filter(|(name, _)| *name != "quality").all(|(_, s)| *s));
    assert_eq!((&first["status"], &second["status"]), (&"done".into(), &"done".into()));
    // fixtures/mini/events.csv has 26 events
    assert_eq!(first["stages"][0]["rows_in"], 26);
    let files = |folder: &str| work.snapshot(folder).into_iter().map(|(path, _)| path);
    let files: Vec<_> =
        files("raw/events").chain(files("raw/cells")).chain(files("raw/lau")).collect();
    let bytes: u64 = files.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(first["inputs"]["files"], files.len());
    assert_eq!(first["inputs"]["bytes"], bytes);
    assert_eq!(first["inputs"], second["inputs"]);
    assert_eq!(first["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(first["config_file"], "pipeline.toml");
    assert_eq!(first["config"]["data"]["processed"], "processed");
    assert_eq!((&third["command"], &third["status"]), (&"load".into(), &"failed".into()));
    assert!(third["error"].as_str().unwrap().contains("pipeline.toml"), "{third}");
    // the table is up to date although nothing was loaded since the failed run
    let sql = "SELECT command, status, rows_in, warnings FROM runs ORDER BY run_id";
    let rows = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    let rows: Vec<&str> = rows.lines().collect();
    assert_eq!((rows.len(), rows[0]), (4, "command,status,rows_in,warnings"));
    assert!(rows[1].starts_with("run-all,done,26,"), "{rows:?}");
    assert!(rows[3].starts_with("load,failed,,0"), "{rows:?}");
}

#[test]
fn runs_are_listed_newest_first_and_shown_in_detail() {
    let work = Workspace::mini();
    assert_eq!(work.ok(&["runs", "--format", "json"]).trim(), "[]");
    for command in ["compress", "geojoin", "load"] {
        work.ok(&[command, "--quiet"]);
    }
    // as after a power failure in the middle of a line
    let path = work.path("processed/runs.jsonl");
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(b"{\"run_id\":\"ffff").unwrap();
    let listed = |limit: &str| {
        let lines = work.ok(&["runs", "--format", "ndjson", "--limit", limit]);
        let parsed = lines.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
        parsed.collect::<Vec<Value>>()
    };
    let commands = |runs: &[Value]| runs.iter().map(|r| r["command"].clone()).collect::<Vec<_>>();
    assert_eq!(commands(&listed("9")), ["load", "geojoin", "compress"]);
    assert_eq!(commands(&listed("2")), ["load", "geojoin"]);
    let table = work.ok(&["runs"]);
    for word in ["started_utc", "compress", "geojoin", "load", "done"] {
        assert!(table.contains(word), "no {word} in {table}");
    }
    assert!(work.ok(&["runs", "--format", "markdown"]).starts_with("| run"));
    assert!(work.ok(&["runs", "--format", "csv"]).starts_with("run_id,command,status,"));
    let id = listed("1")[0]["run_id"].as_str().unwrap().to_owned();
    let full = work.ok(&["runs", &id[..id.len() - 6]]);
    for part in [id.as_str(), "command      load", "rows in", "processed = \"processed\""] {
        assert!(full.contains(part), "no {part} in {full}");
    }
    let whole: Value = serde_json::from_str(&work.ok(&["runs", &id, "--format", "json"])).unwrap();
    assert_eq!(whole["stages"][0]["stage"], "load");
    let end = if id.ends_with('0') { '1' } else { '0' };
    let slip = format!("{}{end}", &id[..id.len() - 1]);
    work.fails(&["runs", &slip], 2, &["no run has an id", "did you mean", &id]);
    work.fails(
        &["runs", "zzz"],
        2,
        &["no run has an id that begins with \"zzz\"", "`mobility runs` lists them"],
    );
    // the next run begins a new line
    work.ok(&["views", "--quiet"]);
    assert_eq!(commands(&listed("1")), ["views"]);
}

#[test]
fn secrets_are_in_no_record_and_no_log() {
    let work = Workspace::mini();
    let url = "postgres://me:hunter2secret@127.0.0.1:1/db?connect_timeout=1&sslpassword=x9secret";
    work.postgis(url, "public", "");
    for args in [["load", "--log-format", "json"], ["run-all", "--log-format", "text"]] {
        let mut command = work.command(&args);
        command
            .env("PGPASSWORD", "swordfish")
            .env("MOBILITY_SERVE_TOKEN", "open-sesame-open-sesame");
        let ran = ProgramOutput::of(command.output().unwrap());
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        let kept = work.read("processed/runs.jsonl");
        assert!(kept.contains("\"postgres://127.0.0.1:1/db\""), "{kept}");
        for secret in ["hunter2secret", "x9secret", "swordfish", "sesame"] {
            assert!(!kept.contains(secret) && !ran.stderr.contains(secret), "{kept}{}", ran.stderr);
        }
    }
    assert_eq!(records(&work).len(), 2);
}

#[test]
fn json_log_is_one_object_per_line() {
    let work = Workspace::mini();
    let json = ["--log-format", "json", "--progress", "always", "--verbose"];
    let ran = work.run(&[&["run-all"], &json[..]].concat());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("seconds in total"), "results are as ever: {}", ran.stdout);
    let lines = logged(&ran);
    let done = lines.iter().find(|l| l["stage"] == "compress" && l["message"] == "done").unwrap();
    assert_eq!((&done["rows_in"], &done["command"]), (&26.into(), &"run-all".into()));
    assert!(done["seconds"].is_f64());
    assert_eq!(records(&work)[0]["run_id"], done["run_id"]);
    let ran = work.run(&["query", "no-such-view", "--log-format", "json"]);
    let lines = logged(&ran);
    assert_eq!((ran.status, &lines[lines.len() - 1]["level"]), (2, &"error".into()));
    // usage errors are JSON, too
    let ran = work.run(&["qery", "--log-format", "json"]);
    assert_eq!((ran.status, logged(&ran).len()), (2, 1));
    let plain = work.ok(&["query", "user-location-distribution", "--format", "csv"]);
    let same = ["query", "user-location-distribution", "--format", "csv", "--log-format", "json"];
    assert_eq!(work.ok(&same), plain);
}

#[test]
fn run_succeeds_if_its_record_cannot_be_written() {
    let work = Workspace::mini();
    fs::create_dir_all(work.path("processed/runs.jsonl")).unwrap();
    let ran = work.run(&["compress"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("the run could not be recorded in processed/runs.jsonl"),
        "{}",
        ran.stderr
    );
}

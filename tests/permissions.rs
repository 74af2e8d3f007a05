//! Who may read what the program writes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{ProgramOutput, Workspace, mini_csv_events};

/// Runs the program with a umask that would give everything to everybody.
fn run_openly(work: &Workspace, args: &[&str]) -> ProgramOutput {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_mobility")]);
    command.args(args).current_dir(work.path("")).env_clear();
    ProgramOutput::of(command.output().unwrap())
}

fn ok_openly(work: &Workspace, args: &[&str]) {
    let ran = run_openly(work, args);
    assert_eq!(ran.status, 0, "{args:?}: {}", ran.stderr);
}

/// Files and folders below a path, itself included.
fn below(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            found.extend(below(&entry.unwrap().path()));
        }
    }
    found
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Asserts that nothing below the paths has any of these bits; returns the number of files and folders.
fn assert_without(work: &Workspace, names: &[&str], bits: u32) -> usize {
    let paths: Vec<PathBuf> = names.iter().flat_map(|name| below(&work.path(name))).collect();
    for path in &paths {
        assert_eq!(mode(path) & bits, 0, "{} has the mode {:o}", path.display(), mode(path));
    }
    paths.len()
}

/// Everything that the program writes.
const WRITTEN: [&str; 7] =
    ["processed", "warehouse", "copies", "made", "users.csv", "report.html", "quality.html"];

fn write_everything(work: &Workspace, settings: &str) {
    work.config(&format!("{settings}[checks]\nquarantine = true\n[extract]\nto = \"copies\"\n"));
    ok_openly(work, &["synth", "--out", "made", "--events", "500", "--cells", "20", "--laus", "4"]);
    ok_openly(work, &["extract", "--events", "raw/events"]);
    ok_openly(work, &["run-all"]);
    ok_openly(work, &["run-all", "--force"]);
    ok_openly(work, &["query", "users-per-lau", "--output", "users.csv"]);
    ok_openly(work, &["report", "--output", "report.html"]);
    ok_openly(work, &["quality", "--output", "quality.html", "--format", "html"]);
}

#[test]
fn everything_written_is_for_its_owner_alone() {
    let work = Workspace::mini();
    // a row that is rejected
    work.write("raw/events/late.csv", format!("{}aa01,100,soon\n", mini_csv_events()));
    write_everything(&work, "");
    assert!(work.path("processed/quarantine").exists());
    assert!(assert_without(&work, &WRITTEN, 0o077) > 40);
    assert!(!work.ok(&["check"]).contains("other users"));
}

#[test]
fn group_mode_lets_the_group_read() {
    let work = Workspace::mini();
    write_everything(&work, "[output]\nmode = \"group\"\n");
    let written = ["processed", "warehouse", "copies", "users.csv", "report.html"];
    assert_without(&work, &written, 0o027);
    assert_eq!(mode(&work.path("users.csv")), 0o640);
    assert_eq!(mode(&work.path("processed/compressed_events")), 0o750);
    assert_eq!(
        mode(&work.path("processed/users.key")),
        0o600,
        "not even the group may read the key"
    );
    work.write("pipeline.toml", "[output]\nmode = \"all\"\n");
    work.fails(&["check"], 1, &["1 problem found"]);
}

#[test]
fn new_files_in_open_folders_are_closed_and_check_warns() {
    let work = Workspace::mini();
    work.ok(&["run-all"]);
    for path in ["processed", "warehouse"].iter().flat_map(|name| below(&work.path(name))) {
        let open = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
    }
    let printed = work.ok(&["check"]);
    let line = printed.lines().find(|line| line.starts_with("warn   outputs")).unwrap();
    for words in ["other users", "the first is processed", "chmod -R go= processed", "warehouse"] {
        assert!(line.contains(words), "no {words:?} in {line}");
    }
    work.add_late_event(9);
    ok_openly(&work, &["run-all"]);
    let days =
        ["2024-10-01", "2024-10-02"].map(|date| format!("processed/compressed_events/date={date}"));
    for name in days.iter().map(String::as_str).chain(["processed/days", "processed/runs.jsonl"]) {
        assert_without(&work, &[name], 0o077);
    }
}

//! The first hour of a new user: the script with its foreign data, and the page that tells it.

use std::process::Command;

use crate::harness::{ProgramOutput, Workspace, root};

/// Lines of `docs/first-hour.md` in blocks of text, except those that were shortened or that show durations.
fn shown_lines() -> Vec<String> {
    let page = std::fs::read_to_string(root().join("docs/first-hour.md")).unwrap();
    let mut shown = Vec::new();
    let mut in_text = false;
    for line in page.lines() {
        match line {
            "```text" => in_text = true,
            line if line.starts_with("```") => in_text = false,
            line if in_text => shown.push(line.to_owned()),
            _ => {}
        }
    }
    let differs =
        |line: &str| line == "..." || line.starts_with("│ compress") || line.starts_with("$ ");
    shown.retain(|line| !differs(line));
    shown
}

#[test]
fn first_hour_runs_and_shows_what_its_page_says() {
    let work = Workspace::empty();
    let mut script = Command::new("sh");
    script.arg(root().join("examples/first-hour.sh")).arg(work.path("hour"));
    script.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let ran = script.env("MOBILITY", env!("CARGO_BIN_EXE_mobility")).output().unwrap();
    let ran = ProgramOutput::of(ran);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("== Done"), "{}", ran.stdout);
    let shown = shown_lines();
    assert!(shown.len() > 30, "{shown:?}");
    for line in shown {
        assert!(ran.stdout.contains(&line), "the script does not print {line:?}:\n{}", ran.stdout);
    }
    for file in ["german/users.geojson", "german/users.gpkg", "german/report.html"] {
        assert!(work.path("hour").join(file).metadata().unwrap().len() > 1_000, "{file}");
    }
}

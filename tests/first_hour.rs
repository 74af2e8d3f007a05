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

/// The text with runs of spaces and of border characters shortened to one: how wide a column of a table is, and
/// with it the border, depends on the durations in it.
fn without_widths(text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    characters.dedup_by(|next, before| next == before && matches!(next, ' ' | '─' | '═'));
    characters.into_iter().collect()
}

#[test]
fn widths_of_columns_make_no_difference_to_shown_lines() {
    let (slow, fast) =
        ("│ stage   rows/s │\n╞═══════════╡", "│ stage      rows/s │\n╞══════════════╡");
    assert_eq!(without_widths(slow), without_widths(fast));
    assert_ne!(without_widths(slow), without_widths(&fast.replace("rows", "events")));
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
    let printed = without_widths(&ran.stdout);
    for line in shown {
        let found = printed.contains(&without_widths(&line));
        assert!(found, "the script does not print {line:?}:\n{}", ran.stdout);
    }
    for file in ["german/users.geojson", "german/users.gpkg", "german/report.html"] {
        assert!(work.path("hour").join(file).metadata().unwrap().len() > 1_000, "{file}");
    }
}

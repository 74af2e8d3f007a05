//! The expected tables, derived once more from the raw events by an engine of its own: DuckDB runs
//! `fixtures/expected/derive.sql`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::harness::{EXAMPLE_VIEWS, ProgramOutput, Workspace, copy, root};

/// Tables that `derive.sql` reads: they are written by hand.
const INPUTS: [&str; 2] = ["cell_lau.csv", "lau.csv"];

/// Names and bytes of the CSV files of a folder.
fn tables(folder: &Path) -> BTreeMap<String, String> {
    let pattern = folder.join("*.csv");
    let paths = glob::glob(&pattern.to_string_lossy()).unwrap().map(Result::unwrap);
    let table = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    paths.map(table).collect()
}

#[test]
#[ignore = "needs DuckDB: run make test"]
fn duckdb_derives_the_expected_tables_from_the_raw_events() {
    let python = root().join("target/duckdb/bin/python");
    assert!(python.exists(), "no {}; `make test` installs it", python.display());
    let work = Workspace::empty();
    copy(&root().join("fixtures/expected"), &work.path("expected"));
    work.write("mini/events.csv", std::fs::read(root().join("fixtures/mini/events.csv")).unwrap());
    let derived = work.path("expected");
    for name in tables(&derived).keys().filter(|name| !INPUTS.contains(&name.as_str())) {
        work.remove(&format!("expected/{name}"));
    }
    let program = "import duckdb; duckdb.execute(open('derive.sql').read())";
    let command = Command::new(python).args(["-c", program]).current_dir(&derived).output();
    let ran = ProgramOutput::of(command.unwrap());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let (derived, expected) = (tables(&derived), tables(&root().join("fixtures/expected")));
    assert_eq!(derived.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, rows) in &expected {
        assert_eq!(&derived[name], rows, "{name}");
    }
}

#[test]
fn every_shipped_view_has_an_expected_table() {
    let script = std::fs::read_to_string(root().join("fixtures/expected/derive.sql")).unwrap();
    for (_, view) in EXAMPLE_VIEWS {
        assert!(root().join(format!("fixtures/expected/{view}.csv")).exists(), "{view}");
        assert!(script.contains(&format!("TO '{view}.csv'")), "{view}");
    }
}

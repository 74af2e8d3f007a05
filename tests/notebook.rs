//! The notebook of `examples`, executed against the program and its server.

use std::process::Command;

use serde_json::Value;

use crate::harness::{ProgramOutput, Workspace, expected, root};
use crate::serve::Server;

const PICTURES: usize = 6;
const PNG: &str = "iVBORw0KGgo";

/// A column of an expected table as numbers, of the rows that `keep` selects.
fn numbers(view: &str, column: &str, keep: impl Fn(&csv::StringRecord) -> bool) -> Vec<u64> {
    let text = expected(view);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let index = reader.headers().unwrap().iter().position(|name| name == column).unwrap();
    let rows = reader.records().map(Result::unwrap).filter(keep);
    rows.map(|row| row[index].parse().unwrap()).collect()
}

/// Printed lines and pictures (Base64) of a notebook.
fn outputs(notebook: &Value) -> (Vec<String>, Vec<String>) {
    let text = |value: &Value| match value {
        Value::Array(lines) => lines.iter().map(|l| l.as_str().unwrap()).collect::<String>(),
        one => one.as_str().unwrap().to_owned(),
    };
    let cells = notebook["cells"].as_array().unwrap().iter();
    let outputs = cells.filter_map(|cell| cell["outputs"].as_array()).flatten();
    let (mut lines, mut pictures) = (Vec::new(), Vec::new());
    for output in outputs {
        assert_ne!(output["name"], "stderr", "the notebook warns: {output}");
        match output["output_type"].as_str().unwrap() {
            "stream" => lines.extend(text(&output["text"]).lines().map(str::to_owned)),
            _ => pictures.extend(output["data"].get("image/png").map(text)),
        }
    }
    (lines, pictures)
}

#[test]
#[ignore = "needs the Python environment of the notebook: run make test"]
fn notebook_draws_its_charts_and_prints_the_expected_numbers() {
    let jupyter = root().join("target/notebook/bin/jupyter");
    assert!(jupyter.exists(), "no {}; `make test` installs it", jupyter.display());
    let work = Workspace::mini();
    work.add_views_about_people();
    work.ok(&["run-all"]);
    let server = Server::start(&work);
    let ran = Command::new(jupyter)
        .args(["nbconvert", "--to", "notebook", "--execute", "--log-level=WARN"])
        .arg(root().join("examples/analysis.ipynb"))
        .args(["--output", "executed", "--output-dir"])
        .arg(work.path(""))
        .env("ANALYSIS_FOLDER", work.path(""))
        .env("ANALYSIS_PROGRAM", env!("CARGO_BIN_EXE_mobility"))
        .env("ANALYSIS_SERVER", &server.url)
        // the module, which a wheel would install
        .env("PYTHONPATH", root().join("deploy/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // not the settings of the user who runs the tests
        .env("HOME", work.path("home"))
        .env_remove("MOBILITY_SERVE_TOKEN")
        .output()
        .unwrap();
    let ran = ProgramOutput::of(ran);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    let executed = serde_json::from_str(&work.read("executed.ipynb")).unwrap();
    let (lines, pictures) = outputs(&executed);

    let events = numbers("agg_events_per_hour", "event_count", |_| true);
    let hourly = numbers("agg_unique_users_per_hour", "unique_user_count", |_| true);
    let users = numbers("user_location_distribution", "user_count", |_| true);
    let newest = |column: usize| move |row: &csv::StringRecord| &row[column] == "2024-10-02";
    let seen = numbers("agg_users_per_lau_per_day", "user_count", newest(2));
    let by_day = numbers("view_users_per_lau_day_night", "day_users", newest(0));
    let by_night = numbers("view_users_per_lau_day_night", "night_users", newest(0));
    let sum = |values: &[u64]| values.iter().sum::<u64>();
    let most = |values: &[u64]| *values.iter().max().unwrap();
    for line in [
        format!("events: {}", sum(&events)),
        // the first of the busiest hours in expected/agg_events_per_hour.csv
        format!("busiest hour: 2024-10-01 09:00:00, {} events", most(&events)),
        format!("most users in an hour: {}", most(&hourly)),
        format!("users: {}", sum(&users)),
        format!("LAUs: {}, with users on 2024-10-02: {}", by_day.len(), seen.len()),
        format!("users summed over LAUs on 2024-10-02: {}", sum(&seen)),
        format!("by day: {}, by night: {}", sum(&by_day), sum(&by_night)),
        // aa01 and bb02; four devices were seen at known cells (see events.csv)
        "most devices located on 2024-10-02: 2 of 4 at 10:00".to_owned(),
        "window from 2024-10-01, not complete: 0 homes, 0 work places".to_owned(),
    ] {
        assert!(lines.contains(&line), "no {line:?} in {lines:#?}");
    }
    assert_eq!(pictures.len(), PICTURES);
    for picture in pictures {
        assert!(picture.starts_with(PNG) && picture.len() > 10_000, "{}", picture.len());
    }
}

#[test]
fn notebook_is_stored_without_outputs() {
    let text = std::fs::read_to_string(root().join("examples/analysis.ipynb")).unwrap();
    let notebook: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(outputs(&notebook), (Vec::new(), Vec::new()));
    for cell in notebook["cells"].as_array().unwrap() {
        assert!(cell["execution_count"].is_null(), "{cell}");
    }
}

//! Views of the program are computed from the processed files, where they are those that were loaded, and
//! else by the server, with the same rows.

use super::{client, mini};
use crate::harness::{EXAMPLE_VIEWS, Workspace};

/// The rows of all views of the program.
fn rows(work: &Workspace) -> Vec<String> {
    let rows = |(name, _): &(&str, &str)| work.ok(&["query", name, "--format", "csv"]);
    EXAMPLE_VIEWS.iter().map(rows).collect()
}

const EVENTS_PER_HOUR: usize = 0;

#[test]
#[ignore = "needs PostGIS: run make test"]
fn files_and_server_give_the_same_rows() {
    assert_eq!(EXAMPLE_VIEWS[EVENTS_PER_HOUR].0, "number-of-events-per-hour");
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let of_load = rows(&work);
    // rows of the server that nobody but this test changes show who computes
    let mut client = client(&schema);
    client.batch_execute("UPDATE mobility_presence SET event_count = event_count + 1").unwrap();
    work.ok(&["views", "--refresh"]);
    assert_eq!(rows(&work), of_load, "computed from the files");
    // the same without the files, as on another machine
    std::fs::rename(work.path("processed"), work.path("elsewhere")).unwrap();
    work.ok(&["views", "--refresh"]);
    let of_server = rows(&work);
    assert_ne!(of_server[EVENTS_PER_HOUR], of_load[EVENTS_PER_HOUR], "computed by the server");
    client.batch_execute("UPDATE mobility_presence SET event_count = event_count - 1").unwrap();
    work.ok(&["views", "--refresh"]);
    assert_eq!(rows(&work), of_load, "computed by the server");
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn files_that_were_not_loaded_are_not_used() {
    let (work, _) = mini();
    work.ok(&["run-all"]);
    let of_load = rows(&work);
    work.add_late_event(1);
    work.ok(&["compress"]);
    work.ok(&["views", "--refresh"]);
    assert_eq!(rows(&work), of_load);
}

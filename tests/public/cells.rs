//! The cell plan, which is released with `publish.cells = true` alone.

use super::store;
use crate::harness::Workspace;
use crate::serve::Server;

/// The cells that are served, or the status that is returned instead.
fn served(work: &Workspace) -> Result<Vec<String>, i32> {
    let server = Server::start_with(work, &["--audience", "public"]);
    let got = server.get("/tables/cell_plan?format=csv");
    match got.status {
        200 => Ok(got.text().lines().map(|line| line.trim_end().to_owned()).collect()),
        status => Err(status.into()),
    }
}

#[test]
fn cell_plan_is_released_and_served_only_where_it_is_allowed() {
    let work = Workspace::loaded();
    store::with_views(&work, "");
    let query = ["query", "cell_plan", "--audience", "public", "--format", "csv"];
    let publish = ["--view", "complete", "--view", "by-day"];
    let exact = work.ok(&["query", "cell_plan", "--format", "csv"]);
    let exact: Vec<&str> = exact.lines().map(str::trim_end).collect();
    assert!(exact.len() > 4, "{exact:?}");

    work.ok(&[&["publish", "without"][..], &publish].concat());
    assert!(glob::glob(&work.path("without/cell_plan*").to_string_lossy()).unwrap().count() == 0);
    work.fails(&query, 2, &["was not released", "publish.cells = true"]);
    assert_eq!(served(&work), Err(403));

    // allowed, but not released yet
    store::with_views(&work, "cells = true\n");
    work.fails(&query, 2, &["was not released"]);
    work.ok(&[&["publish", "with"][..], &publish].concat());
    for name in ["cell_plan.csv", "cell_plan.parquet", "cell_plan.geojson"] {
        assert!(work.path("with").join(name).exists(), "{name}");
    }
    let mut released: Vec<String> =
        work.read("with/cell_plan.csv").lines().map(|line| line.trim_end().to_owned()).collect();
    let mut shown: Vec<String> =
        work.ok(&query).lines().map(|line| line.trim_end().to_owned()).collect();
    let mut served_rows = served(&work).unwrap();
    let mut expected = exact.clone();
    expected.sort_unstable();
    for rows in [&mut released, &mut shown, &mut served_rows] {
        rows.sort_unstable();
        assert_eq!(*rows, expected);
    }

    // it was released, but may not be shown any more
    store::with_views(&work, "");
    work.fails(&query, 2, &["publish.cells = true"]);
    assert_eq!(served(&work), Err(403));
}

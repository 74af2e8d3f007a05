//! Connections that break and objects that change during a run.

use std::io::Write;
use std::process::Stdio;

use super::proxy::Proxy;
use super::s3_server::{Store, workspace_on_store};
use crate::harness::{ProgramOutput, Workspace};

/// A store with two days of events in several row groups.
pub fn store_of_two_days() -> Store {
    let store = Store::empty();
    let made = Workspace::empty();
    made.ok(&[
        "synth", "--out", "raw", "--events", "400000", "--days", "2", "--cells", "80", "--laus",
        "4",
    ]);
    for (from, to) in
        [("raw/events", "events"), ("raw/cells", "cells"), ("raw/lau_boundaries", "lau")]
    {
        crate::harness::copy(&made.path(from), &store.path(to));
    }
    store
}

#[test]
fn broken_connections_change_no_byte() {
    let store = store_of_two_days();
    let undisturbed = workspace_on_store("s3://data/events", "");
    undisturbed.fix_users_key();
    store.ok(&undisturbed, &["run-all"]);
    let expected = undisturbed.snapshot("processed");
    let names = |files: &[(std::path::PathBuf, u64)], work: &Workspace| -> Vec<_> {
        let name = |(path, hash): &(std::path::PathBuf, u64)| {
            (path.strip_prefix(work.path("")).unwrap().to_owned(), *hash)
        };
        files.iter().map(name).collect()
    };
    let expected = names(&expected, &undisturbed);
    assert!(expected.len() > 5);
    // in the headers, early and late in a body
    for (times, after) in [(6, 40), (12, 700), (12, 30_000), (12, 150_000)] {
        let proxy = Proxy::to(store.port, times, after);
        let work = workspace_on_store("s3://data/events", "");
        work.fix_users_key();
        let ran = store.run_at(proxy.port, &work, &["run-all"]);
        assert_eq!(ran.status, 0, "after {after}: {}", ran.stderr);
        assert!(proxy.cuts() > 0, "after {after}: nothing was cut");
        assert_eq!(names(&work.snapshot("processed"), &work), expected, "after {after}");
        let sql = "SELECT COUNT(*), COUNT(DISTINCT user_id) FROM mobile_events_uncompressed";
        let args = ["query", "--sql", sql, "--format", "csv"];
        proxy.cut(4);
        assert_eq!(store.run_at(proxy.port, &work, &args).stdout, store.ok(&undisturbed, &args));
    }
}

#[test]
fn permanently_broken_connection_is_an_error_and_keeps_previous_outputs() {
    let store = Store::mini();
    let work = workspace_on_store("s3://data/events", "");
    store.ok(&work, &["run-all"]);
    let before = work.snapshot("processed");
    let proxy = Proxy::to(store.port, i64::MAX, 600);
    let ran = store.run_at(proxy.port, &work, &["run-all", "--force"]);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("s3://data/"), "{}", ran.stderr);
    assert_eq!(work.snapshot("processed"), before);
}

#[test]
fn object_that_changes_during_a_run_is_an_error_and_keeps_previous_outputs() {
    let store = store_of_two_days();
    let work = workspace_on_store("s3://data/events", "");
    store.ok(&work, &["run-all"]);
    let before = work.snapshot("processed");
    let pattern = store.path("events/**/*.parquet");
    let object = glob::glob(&pattern.to_string_lossy()).unwrap().next().unwrap().unwrap();
    // the footer is unchanged, so that only the ETag differs
    let gate = Proxy::to(store.port, 0, 0);
    let (path, copy) = (object.clone(), std::fs::read(&object).unwrap());
    gate.when(50_000, move || {
        let mut changed = std::fs::read(&path).unwrap();
        changed[100] ^= 1;
        std::fs::File::create(&path).unwrap().write_all(&changed).unwrap();
    });
    let mut command = work.command(&["compress", "--force"]);
    command.envs(store.env(gate.port)).stdout(Stdio::null());
    let ran = ProgramOutput::of(command.output().unwrap());
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("changed while it was read"), "{}", ran.stderr);
    assert_eq!(work.snapshot("processed"), before);
    std::fs::write(&object, copy).unwrap();
    store.ok(&work, &["compress"]);
    assert_eq!(work.snapshot("processed/compressed_events"), {
        let presence = |(path, _): &(std::path::PathBuf, u64)| {
            path.starts_with(work.path("processed/compressed_events"))
        };
        before.into_iter().filter(presence).collect::<Vec<_>>()
    });
}

//! Inputs are read straight from the store.

use super::proxy::Proxy;
use super::server::{KEY, SECRET, Store, configure, machine, outputs};
use crate::work::Work;

/// Outputs of a run on local copies of the same inputs.
fn local(work: &Work) -> Vec<(String, Vec<u8>)> {
    work.ok(&["run-all"]);
    outputs(&work.path("processed/compressed_events"))
}

#[test]
fn every_kind_of_input_comes_from_the_store_and_the_bytes_are_those_of_local_files() {
    let store = Store::mini();
    let work = machine("s3://data/events", "");
    store.ok(&work, &["run-all"]);
    let found = outputs(&work.path("processed/compressed_events"));
    assert_eq!(found.len(), 2);
    // parts name the mark of their inputs in the footer, which differs with the place
    let local = Work::mini();
    let wanted = outputs_without_marks(&self::local(&local));
    assert_eq!(outputs_without_marks(&found), wanted);
    for view in ["users-per-lau-day-night", "number-of-events-per-hour"] {
        let args = ["query", view, "--format", "csv"];
        assert_eq!(store.ok(&work, &args), local.ok(&args));
    }
    let sql = "SELECT * FROM mobile_events_uncompressed ORDER BY 1, 2, 3";
    let args = ["query", "--sql", sql, "--format", "csv"];
    assert_eq!(store.ok(&work, &args), local.ok(&args));
    let requests = store.requests();
    assert!(requests.iter().any(|r| r.contains("bytes=")), "{requests:?}");
    assert!(!work.path("raw").exists());
    let _ = (Proxy::to, configure as fn(&Work, &str, &str), KEY, SECRET);
}

/// Without the footers.
fn outputs_without_marks(files: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let pages = |bytes: &[u8]| {
        let tail = bytes.len() - 8;
        let footer = u32::from_le_bytes(bytes[tail..tail + 4].try_into().unwrap());
        bytes[..tail - footer as usize].to_vec()
    };
    files.iter().map(|(name, bytes)| (name.clone(), pages(bytes))).collect()
}

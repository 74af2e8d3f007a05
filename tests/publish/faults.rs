//! Releases that are killed, and who may read what they write.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::world::of_one_date;
use crate::harness::Workspace;

/// Names and contents of the files below a folder, without hidden ones; empty if it does not exist.
fn files(work: &Workspace, name: &str) -> Vec<(String, Vec<u8>)> {
    let root = work.path(name);
    let pattern = format!("{}/**/*", root.display());
    let mut found: Vec<(String, Vec<u8>)> = glob::glob(&pattern)
        .unwrap()
        .map(Result::unwrap)
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            (name, fs::read(&path).unwrap())
        })
        .filter(|(name, _)| !name.split('/').any(|part| part.starts_with('.')))
        .collect();
    found.sort();
    found
}

#[test]
fn release_that_is_killed_is_there_as_a_whole_or_not_at_all() {
    let work = of_one_date([12, 40, 100]);
    let started = Instant::now();
    work.ok(&["publish", "out"]);
    let usual = started.elapsed();
    let (whole, store) = (files(&work, "out"), files(&work, "published"));
    let list = |files: &[(String, Vec<u8>)]| {
        files.iter().find(|(name, _)| name == "published.json").map(|(_, text)| text.clone())
    };
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut killed = 0;
    for _ in 0..12 {
        for name in ["out", "published"] {
            fs::remove_dir_all(work.path(name)).unwrap();
        }
        let mut child = work.command(&["publish", "out"]);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(usual.mul_f64(random.random_range(0.2..1.0)));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let found = files(&work, "out");
        assert!(found.is_empty() || found == whole, "the folder is there in part");
        let found_store = files(&work, "published");
        match list(&found_store) {
            None => assert!(found.is_empty(), "the folder is there before the list of releases"),
            text => {
                assert_eq!(text, list(&store));
                assert_eq!(found_store, store, "the list names tables that are not there");
            }
        }
        work.ok(&["publish", "out"]);
        assert_eq!(files(&work, "out"), whole);
        assert_eq!(files(&work, "published"), store);
    }
    assert!(killed > 3, "most runs ended before they were killed");
}

fn modes_below(path: &Path, found: &mut Vec<(String, u32)>) {
    let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
    found.push((path.display().to_string(), mode));
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| modes_below(&entry.unwrap().path(), found));
    }
}

#[test]
fn releases_are_for_their_owner_alone() {
    let work = of_one_date([12, 40, 100]);
    work.ok(&["publish", "out"]);
    let mut found = Vec::new();
    for name in ["out", "published", "out.gate_report.csv", "out.reasons.csv"] {
        modes_below(&work.path(name), &mut found);
    }
    assert!(found.len() > 15, "{found:?}");
    for (path, mode) in found {
        assert_eq!(mode & 0o077, 0, "{path} has the mode {mode:o}");
    }
}

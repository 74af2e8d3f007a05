//! Input files that change during a run.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use rand::RngExt;

use super::{random, rounds, three_small_days};
use crate::harness::{Workspace, read_table};

/// Rows of the compressed events, a table for each date.
fn rows(work: &Workspace) -> Vec<RecordBatch> {
    let pattern = format!("{}/processed/compressed_events/date=*/*", work.path("").display());
    let mut paths: Vec<_> = glob::glob(&pattern).unwrap().map(Result::unwrap).collect();
    paths.sort();
    paths.iter().map(|path| read_table(path)).collect()
}

/// Replaces, truncates and removes a file at random until told to stop.
fn change_at_random(path: &Path, contents: [&[u8]; 2], seed: u64, stop: &AtomicBool) {
    let mut random = random(seed);
    let beside = path.with_extension("new");
    while !stop.load(Ordering::Relaxed) {
        let content = contents[usize::from(random.random::<bool>())];
        let part = &content[..random.random_range(0..content.len())];
        match random.random_range(0..5) {
            // complete, in one step
            0 | 1 => {
                fs::write(&beside, content).unwrap();
                fs::rename(&beside, path).unwrap();
            }
            // as a copy in progress
            2 => {
                fs::write(path, part).unwrap();
                std::thread::yield_now();
                fs::write(path, content).unwrap();
            }
            3 => fs::write(path, part).unwrap(),
            _ => drop(fs::remove_file(path)),
        }
        std::thread::sleep(Duration::from_micros(random.random_range(0..20_000)));
    }
}

#[test]
fn file_that_changes_during_a_run_gives_old_rows_new_rows_or_an_error() {
    let work = three_small_days();
    let files = format!("{}/raw/events/**/*.parquet", work.path("").display());
    let path = glob::glob(&files).unwrap().map(Result::unwrap).max().unwrap();
    let old = fs::read(&path).unwrap();
    work.ok(&["compress"]);
    let old_rows = rows(&work);
    // events of the same day from another seed
    let other = Workspace::empty();
    other.ok(&[
        "synth", "--out", "raw", "--events", "5000", "--days", "3", "--cells", "80", "--laus", "4",
        "--seed", "8",
    ]);
    let new = fs::read(other.path("").join(path.strip_prefix(work.path("")).unwrap())).unwrap();
    fs::write(&path, &new).unwrap();
    work.ok(&["compress"]);
    let new_rows = rows(&work);
    assert_ne!(old_rows, new_rows);
    let mut refused = 0;
    let rounds = rounds(15);
    for seed in 0..rounds {
        let stop = AtomicBool::new(false);
        let ran = std::thread::scope(|scope| {
            scope.spawn(|| change_at_random(&path, [&old, &new], seed, &stop));
            let ran = work.run(&["compress", "--force"]);
            stop.store(true, Ordering::Relaxed);
            ran
        });
        assert!(!ran.stderr.contains("panicked"), "seed {seed}: {}", ran.stderr);
        let found = rows(&work);
        assert!(found == old_rows || found == new_rows || ran.status == 0, "seed {seed}");
        if ran.status == 0 {
            // a removed file is not an input
            let two_days = found.len() < old_rows.len() && old_rows.starts_with(&found);
            assert!(found == old_rows || found == new_rows || two_days, "seed {seed}: a mixture");
        } else {
            assert_eq!(ran.status, 1, "seed {seed}: {}", ran.stderr);
            let printed = ["while it was read", "not a complete Parquet file", "cannot read"];
            assert!(
                printed.iter().any(|words| ran.stderr.contains(words)),
                "seed {seed}: {}",
                ran.stderr
            );
            refused += 1;
        }
        // every round begins with complete files
        fs::write(&path, &old).unwrap();
        work.ok(&["compress"]);
        assert_eq!(rows(&work), old_rows, "seed {seed}: the run after");
    }
    assert!(refused > 0, "not one of {rounds} runs met a change");
}

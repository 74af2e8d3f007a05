//! Flipped bytes and cut files.

use std::fs;
use std::path::Path;
use std::process::Command;

use rand::RngExt;

use super::{Whole, answers, random, times};
use crate::harness::{ProgramOutput, Workspace};

/// Files of others, in which another value may be a good value.
const INPUTS: [&str; 3] =
    ["raw/events/**/*.parquet", "raw/cells/plan.parquet", "raw/lau/lau.geojson"];
const OURS: [&str; 9] = [
    "processed/compressed_events.json",
    "processed/compressed_events/date=*/*.parquet",
    "processed/cells_with_lau.parquet",
    "processed/lau*.parquet",
    "processed/quality*.parquet",
    "warehouse/CURRENT",
    "warehouse/v*/load.json",
    "warehouse/v*/results/*.parquet",
    "warehouse/v*/cell_plan.parquet",
];

/// Changes one to eight bytes of one of the files, or cuts it; says what it did.
fn damage(work: &Workspace, pattern: &str, seed: u64) -> String {
    let mut random = random(seed);
    let pattern = work.path(pattern);
    let mut files: Vec<_> =
        glob::glob(&pattern.to_string_lossy()).unwrap().map(Result::unwrap).collect();
    files.sort();
    assert!(!files.is_empty(), "nothing is like {}", pattern.display());
    let path = &files[random.random_range(0..files.len())];
    let mut bytes = fs::read(path).unwrap();
    let what = if random.random_range(0..8) == 0 {
        bytes.truncate(random.random_range(0..bytes.len()));
        format!("cut to {}", bytes.len())
    } else {
        let places: Vec<usize> = (0..random.random_range(1..=8))
            .map(|_| {
                let at = random.random_range(0..bytes.len());
                bytes[at] ^= random.random_range(1..=255u8);
                at
            })
            .collect();
        format!("other bytes at {places:?}")
    };
    // in place: the warehouse has links to the same bytes
    fs::write(path, bytes).unwrap();
    format!("seed {seed}: {} {what}", path.display())
}

/// Runs with two gigabytes of memory and a minute at most; ends well or with an error of our own.
fn bounded(work: &Workspace, args: &[&str], what: &str) -> ProgramOutput {
    let program = env!("CARGO_BIN_EXE_mobility");
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "60", "prlimit", "--data=2147483648", program]);
    let ran = ProgramOutput::of(command.args(args).current_dir(work.path("")).output().unwrap());
    assert!([0, 1].contains(&ran.status), "{what}: status {}: {}", ran.status, ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{what}: {}", ran.stderr);
    assert_eq!(ran.stderr.contains("mobility: "), ran.status == 1, "{what}: {}", ran.stderr);
    ran
}

fn seeds(usual: u64) -> std::ops::Range<u64> {
    0..times("TORTURE_SEEDS", usual)
}

fn done(work: &Workspace) -> Whole {
    Whole::of(work)
}

#[test]
fn damage_to_files_of_our_own_is_found_or_changes_no_answer() {
    let good = Workspace::mini();
    let whole = done(&good);
    let mut refused = 0;
    for seed in seeds(36) {
        let work = Workspace::copy_of(&good);
        let what = damage(&work, OURS[seed as usize % OURS.len()], seed);
        let ran = bounded(&work, &["run-all"], &what);
        if ran.status == 1 {
            refused += 1;
            bounded(&work, &["query", "agg_events_per_hour"], &what);
            let healed = bounded(&work, &["run-all", "--force"], &what);
            assert_eq!(healed.status, 0, "{what}: {}\nthen: {}", ran.stderr, healed.stderr);
        }
        assert_eq!(answers(&work).unwrap(), whole.answers, "{what}: {}", ran.stderr);
    }
    assert!(refused > 0);
}

#[test]
fn damaged_inputs_give_an_error_or_the_same_answer_twice() {
    let good = Workspace::mini();
    done(&good);
    let mut refused = 0;
    for seed in seeds(18) {
        let work = Workspace::copy_of(&good);
        let what = damage(&work, INPUTS[seed as usize % INPUTS.len()], seed);
        let again = Workspace::copy_of(&work);
        let ran = bounded(&work, &["run-all"], &what);
        if ran.status == 1 {
            refused += 1;
            continue;
        }
        for output in ["processed", "warehouse"] {
            again.remove(output);
        }
        assert_eq!(bounded(&again, &["run-all"], &what).status, 0, "{what}");
        assert_eq!(answers(&work).unwrap(), answers(&again).unwrap(), "{what}");
    }
    assert!(refused > 0);
}

#[test]
fn a_damaged_current_is_mended_by_the_next_load() {
    let work = Workspace::mini();
    let whole = done(&work);
    for bytes in ["", "v0", "v000001 00000000\n", "v999999 00000000\n", "\u{1}\u{2}"] {
        work.write("warehouse/CURRENT", bytes);
        work.fails(&["query", "agg_events_per_hour"], 1, &["load again with --force"]);
        work.ok(&["load"]);
        assert_eq!(answers(&work).unwrap(), whole.answers, "{bytes:?}");
        assert!(Path::new(&work.path("warehouse/CURRENT")).exists());
    }
}

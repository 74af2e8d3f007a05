//! Files with changed bytes and truncated files.

use std::fs;
use std::path::Path;
use std::process::Command;

use rand::RngExt;

use super::{UndisturbedRun, random, reference, repetitions};
use crate::harness::{
    EXAMPLE_VIEWS, ProgramOutput, Workspace, expected, mini_presence, read_presence,
};

/// Input files, in which a changed value may be valid.
const INPUTS: [&str; 3] =
    ["raw/events/**/*.parquet", "raw/cells/plan.parquet", "raw/lau/lau.geojson"];
const OUTPUTS: [&str; 10] = [
    "processed/compressed_events.json",
    "processed/compressed_events/date=*/*.parquet",
    "processed/cells_with_lau.parquet",
    "processed/lau*.parquet",
    "processed/quality*.parquet",
    "warehouse/CURRENT",
    "warehouse/v*/load.json",
    "warehouse/results/*/*.parquet",
    "warehouse/results/*.json",
    "warehouse/tables/cell_plan.*.parquet",
];

/// Changes one to eight bytes of one of the files or truncates it; returns a description.
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
    // in place, because the warehouse has hard links to the same bytes
    fs::write(path, bytes).unwrap();
    format!("seed {seed}: {} {what}", path.display())
}

/// Runs the program with at most two gigabytes of memory and a minute of time. It has to succeed or
/// to report an error itself.
fn run_with_limits(work: &Workspace, args: &[&str], what: &str) -> ProgramOutput {
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
    0..repetitions("TORTURE_SEEDS", usual)
}

#[test]
fn damaged_outputs_are_detected_or_change_no_answer() {
    let good = Workspace::mini();
    let undisturbed = UndisturbedRun::of(&good);
    for (_, view) in EXAMPLE_VIEWS {
        assert_eq!(good.ok(&["query", view, "--format", "csv"]), expected(view));
    }
    let mut refused = 0;
    for seed in seeds(40) {
        let work = Workspace::copy_of(&good);
        let what = damage(&work, OUTPUTS[seed as usize % OUTPUTS.len()], seed);
        let ran = run_with_limits(&work, &["run-all"], &what);
        if ran.status == 1 {
            refused += 1;
            run_with_limits(&work, &["query", "agg_events_per_hour"], &what);
            let repaired = run_with_limits(&work, &["run-all", "--force"], &what);
            assert_eq!(repaired.status, 0, "{what}: {}\nthen: {}", ran.stderr, repaired.stderr);
        }
        undisturbed.assert_same_answers(&work, &format!("{what}: {}", ran.stderr));
    }
    assert!(refused > 0);
}

/// Damaged events have to give what a reference makes of the same bytes. Damaged cell plans and
/// boundaries change no event, and the reference tells where the cells lie.
#[test]
fn damaged_inputs_give_an_error_or_what_the_damaged_files_contain() {
    let good = Workspace::loaded();
    assert_eq!(reference::presence(&good, &good), Some(mini_presence()));
    assert!(reference::cells_are_placed_rightly(&good, &good));
    let (mut refused, mut verified) = (0, 0);
    for seed in seeds(18) {
        let work = Workspace::copy_of(&good);
        let pattern = INPUTS[seed as usize % INPUTS.len()];
        let what = damage(&work, pattern, seed);
        let ran = run_with_limits(&work, &["run-all"], &what);
        if ran.status == 1 {
            refused += 1;
            continue;
        }
        let found = read_presence(&work.path("processed"));
        if pattern.contains("events") {
            if let Some(expected) = reference::presence(&work, &good) {
                verified += 1;
                assert_eq!(found, expected, "{what}");
            }
        } else {
            assert_eq!(found, mini_presence(), "{what}");
            verified += u32::from(reference::cells_are_placed_rightly(&work, &good));
        }
    }
    assert!(refused > 0 && verified > 0, "{refused} refused, {verified} verified");
}

#[test]
fn damaged_current_file_is_repaired_by_the_next_load() {
    let work = Workspace::mini();
    let undisturbed = UndisturbedRun::of(&work);
    for bytes in ["", "v0", "v000001 00000000\n", "v999999 00000000\n", "\u{1}\u{2}"] {
        work.write("warehouse/CURRENT", bytes);
        work.fails(&["query", "agg_events_per_hour"], 1, &["load again with --force"]);
        work.ok(&["load"]);
        undisturbed.assert_same_answers(&work, &format!("{bytes:?}"));
        assert!(Path::new(&work.path("warehouse/CURRENT")).exists());
    }
}

//! Two runs at the same time in the same folder.

use std::process::{Child, Stdio};
use std::time::Duration;

use rand::RngExt;

use super::{UndisturbedRun, random, rounds, three_small_days};
use crate::harness::{ProgramOutput, Workspace};

const PAIRS: [[&[&str]; 2]; 6] = [
    [&["run-all", "--force"], &["run-all", "--force"]],
    [&["compress", "--force"], &["compress", "--force"]],
    [&["geojoin", "--force"], &["compress", "--force"]],
    [&["load", "--force"], &["load", "--force"]],
    [&["views", "--refresh"], &["views", "--refresh"]],
    [&["load", "--force"], &["views", "--refresh"]],
];

fn start(work: &Workspace, args: &[&str]) -> Child {
    work.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn concurrent_runs_complete_or_report_the_other_run() {
    let work = three_small_days();
    let undisturbed = UndisturbedRun::of(&work);
    for seed in 0..rounds(6) {
        let mut random = random(seed);
        let pair = PAIRS[seed as usize % PAIRS.len()];
        let first = start(&work, pair[0]);
        std::thread::sleep(Duration::from_millis(random.random_range(0..200)));
        let second = start(&work, pair[1]);
        let ran = [first, second].map(|child| ProgramOutput::of(child.wait_with_output().unwrap()));
        assert!(
            ran.iter().any(|r| r.status == 0),
            "seed {seed}: {} {}",
            ran[0].stderr,
            ran[1].stderr
        );
        for ran in ran.iter().filter(|r| r.status != 0) {
            let reported = ran.status == 1 && ran.stderr.contains("another ");
            assert!(reported, "seed {seed}, {pair:?}: {} {}", ran.status, ran.stderr);
        }
        work.ok(&["run-all"]);
        undisturbed.assert_equal_to(&work, &format!("seed {seed}, {pair:?}"));
    }
}

//! Two runs at once on one folder.

use std::process::{Child, Stdio};
use std::time::Duration;

use rand::RngExt;

use super::{Whole, random, rounds, small};
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
fn of_two_runs_at_once_one_completes_and_the_other_completes_or_says_why_not() {
    let work = small();
    let whole = Whole::of(&work);
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
            let told = ran.status == 1 && ran.stderr.contains("another ");
            assert!(told, "seed {seed}, {pair:?}: {} {}", ran.status, ran.stderr);
        }
        work.ok(&["run-all"]);
        whole.stands(&work, &format!("seed {seed}, {pair:?}"));
    }
}

//! `kill -9` at random moments.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::{UndisturbedRun, random, rounds, three_small_days};
use crate::compress_memory::larger_than_memory;
use crate::harness::Workspace;

const STAGES: [&[&str]; 5] = [
    &["run-all", "--force"],
    &["compress", "--force"],
    &["geojoin", "--force"],
    &["load", "--force"],
    &["views", "--refresh"],
];

const ATTEMPTS: u32 = 20;

/// Kills each stage in turn at a random moment of its usual duration, then runs everything.
fn kill_repeatedly(work: &Workspace, rounds: u64) {
    let undisturbed = UndisturbedRun::of(work);
    let mut usual: Vec<Duration> = STAGES
        .iter()
        .map(|stage| {
            let started = Instant::now();
            work.ok(stage);
            started.elapsed()
        })
        .collect();
    for seed in 0..rounds {
        let mut random = random(seed);
        let stage = seed as usize % STAGES.len();
        let from_nothing = stage == 0 && random.random();
        if from_nothing {
            // another key would give other records
            let key = work.read("processed/users.key");
            work.remove("processed");
            work.write("processed/users.key", key);
        }
        // the stage ended before it was killed: assume a shorter duration
        let killed = (0..ATTEMPTS).any(|_| {
            let killed = kill(work, STAGES[stage], usual[stage].mul_f64(random.random()));
            if !killed {
                usual[stage] = usual[stage].mul_f64(0.7);
            }
            killed
        });
        assert!(killed, "seed {seed}: {:?} ends too soon to be killed", STAGES[stage]);
        run_to_completion(work);
        undisturbed.assert_equal_to(
            work,
            &format!("seed {seed}, killed {:?}, from nothing: {from_nothing}", STAGES[stage]),
        );
    }
}

/// Kills a command after a while. False if it had ended already.
fn kill(work: &Workspace, stage: &[&str], after: Duration) -> bool {
    let mut child =
        work.command(stage).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    let working = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    working
}

/// Runs everything. A server may take a moment to notice that the killed client is gone.
fn run_to_completion(work: &Workspace) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let ran = work.run(&["run-all"]);
        match ran.status {
            0 => return,
            _ if ran.stderr.contains("another load") && Instant::now() < deadline => {}
            _ => panic!("{}", ran.stderr),
        }
    }
}

#[test]
fn run_after_a_kill_gives_the_bytes_of_an_undisturbed_run() {
    kill_repeatedly(&three_small_days(), rounds(10));
}

#[test]
fn run_after_a_kill_of_compress_with_events_on_disk_gives_the_same_bytes() {
    let work = larger_than_memory();
    let undisturbed = UndisturbedRun::of(&work);
    let stage = ["compress", "--force"];
    let started = Instant::now();
    work.ok(&stage);
    let mut usual = started.elapsed();
    for seed in 0..rounds(4) {
        let mut random = random(seed);
        let killed = (0..ATTEMPTS).any(|_| {
            let killed = kill(&work, &stage, usual.mul_f64(random.random()));
            if !killed {
                usual = usual.mul_f64(0.7);
            }
            killed
        });
        assert!(killed, "seed {seed}: {stage:?} ends too soon to be killed");
        run_to_completion(&work);
        undisturbed.assert_equal_to(&work, &format!("seed {seed}"));
    }
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn run_after_a_kill_gives_the_same_answers_on_postgis() {
    let (mini, _) = crate::postgis::mini();
    kill_repeatedly(&mini, rounds(5).div_ceil(2));
}

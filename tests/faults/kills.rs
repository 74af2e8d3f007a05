//! `kill -9` at random moments.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::RngExt;

use super::{Whole, random, rounds, small};
use crate::work::Work;

const STAGES: [&[&str]; 5] = [
    &["run-all", "--force"],
    &["compress", "--force"],
    &["geojoin", "--force"],
    &["load", "--force"],
    &["views", "--refresh"],
];

/// Kills every stage in turn at moments up to its usual end, and runs it all after each.
fn torment(work: &Work, rounds: u64) {
    let whole = Whole::of(work);
    let usual: Vec<Duration> = STAGES
        .iter()
        .map(|stage| {
            let started = Instant::now();
            work.ok(stage);
            started.elapsed()
        })
        .collect();
    let mut killed = 0;
    for seed in 0..rounds {
        let mut random = random(seed);
        let stage = seed as usize % STAGES.len();
        let anew = stage == 0 && random.random();
        if anew {
            work.remove("processed");
        }
        let mut child = work
            .command(STAGES[stage])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(usual[stage].mul_f64(random.random_range(0.0..1.0)));
        killed += u64::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        complete(work);
        whole.stands(work, &format!("seed {seed}, killed {:?}, anew {anew}", STAGES[stage]));
    }
    assert!(killed * 2 > rounds, "only {killed} of {rounds} were killed while they worked");
}

/// Runs it all. A server may take a moment to notice that the client before is gone.
fn complete(work: &Work) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let ran = work.run(&["run-all"]);
        match ran.status {
            0 => return,
            _ if ran.err.contains("another load") && Instant::now() < deadline => {}
            _ => panic!("{}", ran.err),
        }
    }
}

#[test]
fn killed_in_any_stage_the_next_run_leaves_the_bytes_of_an_undisturbed_one() {
    torment(&small(), rounds(10));
}

#[test]
fn the_same_holds_on_postgis() {
    let (mini, _) = crate::postgis::mini();
    torment(&mini, rounds(5).div_ceil(2));
}

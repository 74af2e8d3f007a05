//! Machines go while a job runs.

use std::time::{Duration, Instant};

use super::{Cluster, command, compare_outputs};
use crate::harness::{ProgramOutput, Workspace};

/// Longer than any job here takes.
const PATIENCE: Duration = Duration::from_secs(240);

#[test]
#[ignore = "needs Spark: run make test"]
fn a_worker_that_is_killed_in_the_middle_changes_no_number() {
    let native = Workspace::mini();
    native.replace_inputs_with_synthetic(150000, 11);
    let spark = Workspace::copy_of(&native);
    native.ok(&["compress"]);
    let cluster = Cluster::turn();
    // both workers are at work when tasks are many and each takes a moment
    let settings = cluster.settings("engine = \"spark\"");
    spark.config(&format!("{settings}spark.sql.files.maxPartitionBytes = 65536\n"));
    let child = command(&spark, &["compress"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let written = spark.path("processed/.spark.*.unfinished/judged/_temporary");
    let begun = Instant::now();
    while glob::glob(&written.to_string_lossy()).unwrap().next().is_none() {
        assert!(begun.elapsed() < PATIENCE, "the job did not begin to judge events");
        std::thread::sleep(Duration::from_millis(20));
    }
    cluster.kill_worker("1");
    let ran = ProgramOutput::of(child.wait_with_output().unwrap());
    cluster.start_worker("1");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    compare_outputs::same(&native, &spark);
}

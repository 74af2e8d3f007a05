//! A worker machine that dies during a job.

use super::{Cluster, command, compare_outputs};
use crate::harness::{ProgramOutput, Workspace, wait_until};

#[test]
#[ignore = "needs Spark: run make test"]
fn killed_worker_does_not_change_the_result() {
    let native = Workspace::mini();
    native.replace_inputs_with_synthetic(150000, 11);
    native.fix_users_key();
    let spark = Workspace::copy_of(&native);
    native.ok(&["compress"]);
    let cluster = Cluster::acquire();
    // small partitions give both workers many tasks
    let settings = cluster.settings("engine = \"spark\"");
    spark.config(&format!("{settings}spark.sql.files.maxPartitionBytes = 65536\n"));
    let child = command(&spark, &["compress"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let written = spark.path("processed/.spark.*.unfinished/judged/_temporary");
    wait_until("the job judges events", || {
        glob::glob(&written.to_string_lossy()).unwrap().next().is_some()
    });
    cluster.kill_worker("1");
    let ran = ProgramOutput::of(child.wait_with_output().unwrap());
    cluster.start_worker("1");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    compare_outputs::same(&native, &spark);
}

//! Errors when Spark is missing, fails or is interrupted.

use std::os::unix::fs::PermissionsExt;

use super::{command, program, run, settings};
use crate::harness::{ProgramOutput, Workspace, send_signal, wait_until};
use crate::object_store::s3_server::web_server;

fn fails(work: &Workspace, args: &[&str], words: &[&str]) {
    let ran = run(work, args);
    assert_eq!(ran.status, 1, "{args:?}: {}", ran.stderr);
    for word in words {
        assert!(
            ran.stderr.contains(word) || ran.stdout.contains(word),
            "no {word:?} in {}",
            ran.stderr
        );
    }
}

/// Configures a shell script in place of Spark.
fn stand_in(work: &Workspace, script: &str) {
    write_stand_in(work, script);
    // a path relative to the config file
    work.config(&settings("bin/spark", "local[1]", "engine = \"spark\""));
}

/// Writes a shell script `bin/spark`.
pub fn write_stand_in(work: &Workspace, script: &str) {
    work.write("bin/spark", format!("#!/bin/sh\n{script}\n"));
    let path = work.path("bin/spark");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
#[ignore = "needs Spark: run make test"]
fn missing_program_or_master_is_named_with_the_remedy() {
    let work = Workspace::mini();
    work.config(&settings("no/such/spark-sql", "local[1]", "engine = \"spark\""));
    let words = ["spark.submit", "no/such/spark-sql", "pip install pyspark"];
    fails(&work, &["compress"], &words);
    fails(&work, &["check"], &words);
    work.config(&settings("spark-sql-of-nowhere", "local[1]", "engine = \"spark\""));
    fails(&work, &["compress"], &["spark-sql-of-nowhere cannot be started"]);
    // the port of a listener that has just been closed
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let master = format!("spark://127.0.0.1:{port}");
    work.config(&settings(&program(), &master, "engine = \"spark\""));
    let words = ["spark.master", &master, "start the master"];
    fails(&work, &["compress"], &words);
    fails(&work, &["check"], &words);
    assert!(!work.path("processed/compressed_events").exists());
}

#[test]
fn error_of_spark_is_shown_without_its_stack_trace() {
    let work = Workspace::mini();
    stand_in(
        &work,
        "echo 'mobility step 0'\n\
         echo '26/11/25 15:25:03 WARN Utils: nothing to worry about' >&2\n\
         printf '[Stage 0:>  (0 + 1) / 4]\\r' >&2\n\
         echo 'org.apache.spark.SparkException: Job aborted due to stage failure' >&2\n\
         printf '\\tat org.apache.spark.Some.method(Some.scala:1)\\n' >&2\n\
         echo 'Caused by: java.io.IOException: No space left on device' >&2\n\
         exit 1",
    );
    let ran = run(&work, &["compress"]);
    assert_eq!(ran.status, 1);
    for word in ["Spark failed while reading", "Job aborted due", "No space left on device"] {
        assert!(ran.stderr.contains(word), "no {word:?} in {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("Some.scala") && !ran.stderr.contains("worry"), "{}", ran.stderr);
    stand_in(&work, "exit 0");
    fails(&work, &["compress"], &["output of Spark in", "counts"]);
    assert!(!work.path("processed/compressed_events").exists());
}

#[test]
fn ctrl_c_ends_all_processes_of_spark_and_removes_unfinished_outputs() {
    let work = Workspace::mini();
    work.ok(&["compress"]);
    let before = work.snapshot("processed");
    let children = work.path("children");
    stand_in(
        &work,
        &format!("sleep 600 &\necho $! $$ > {0}.new\nmv {0}.new {0}\nwait", children.display()),
    );
    let child = command(&work, &["compress", "--force"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the stand-in has started", || children.exists());
    send_signal(child.id(), "INT");
    let ran = ProgramOutput::of(child.wait_with_output().unwrap());
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("interrupted") && !ran.stderr.contains("failed"), "{}", ran.stderr);
    for process in work.read("children").split_whitespace() {
        let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // a zombie has ended, too
        assert!(state.is_empty() || state.contains(") Z "), "{process} still runs: {state}");
    }
    assert_eq!(work.snapshot("processed"), before);
}

#[test]
fn secret_and_unknown_spark_properties_are_rejected() {
    let work = Workspace::mini();
    let secret = "[spark.conf]\n\"spark.hadoop.fs.s3a.secret.key\" = \"hush\"\n";
    work.config(secret);
    let ran = work.fails(&["compress"], 1, &["spark.hadoop.fs.s3a.secret.key", "environment"]);
    assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
    work.config("[spark.conf]\n\"executor.memory\" = \"1g\"\n");
    work.fails(&["compress"], 1, &["executor.memory", "start with \"spark.\""]);
    work.config("engine = \"flink\"\n");
    work.fails(&["compress"], 1, &["engine", "flink", "spark"]);
    work.config("");
    work.fails(&["compress", "--engine", "flink"], 2, &["flink", "native", "spark"]);
}

#[test]
fn inputs_that_spark_cannot_read_are_named_with_the_remedy() {
    let work = Workspace::mini();
    stand_in(&work, "exit 0");
    let file = work.path("raw/events/year=2024/month=10/day=1/part-0.parquet");
    let url = format!("http://127.0.0.1:{}/day.parquet", web_server(&file, true));
    let config = work.read("pipeline.toml");
    work.write("pipeline.toml", config.replace("\"raw/events\"", &format!("\"{url}\"")));
    fails(&work, &["compress"], &["day.parquet", "web servers", "--engine native"]);
    assert!(!work.path("processed/compressed_events").exists());
}

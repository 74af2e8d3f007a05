//! Apache Spark as engine: a real cluster of a master and two workers on this machine.
//!
//! All tests share one cluster and run one job at a time. Without Spark the tests fail; none is
//! skipped.

mod compare_outputs;
mod errors;
mod event_forms;
mod killed_worker;
mod object_store;
mod postgis_views;
mod run_all;

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::harness::{ProgramOutput, Workspace, root};

/// Exclusive use of the cluster.
pub struct Cluster {
    url: &'static str,
    folder: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Cluster {
    pub fn acquire() -> Cluster {
        static TURN: Mutex<()> = Mutex::new(());
        static URL: OnceLock<String> = OnceLock::new();
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let id = std::process::id();
        let folder = std::env::temp_dir().join(format!("mobility-spark-{id}"));
        let url =
            URL.get_or_init(|| script(&["start", &folder.to_string_lossy(), &id.to_string()]));
        Cluster { url, folder, _turn: turn }
    }

    /// Kills a worker as a failing machine would.
    pub fn kill_worker(&self, number: &str) {
        script(&["kill", &self.folder.to_string_lossy(), number]);
    }

    pub fn start_worker(&self, number: &str) {
        script(&["worker", &self.folder.to_string_lossy(), number]);
    }

    /// Settings for this cluster; `more` is put before its sections.
    pub fn settings(&self, more: &str) -> String {
        settings(&program(), self.url, more)
    }
}

/// Short jobs end before the optimizing compiler of Java would pay off.
const HASTE: &str = "-XX:TieredStopAtLevel=1";

fn program() -> String {
    root().join("target/spark/home/bin/spark-sql").to_string_lossy().into_owned()
}

fn settings(submit: &str, master: &str, more: &str) -> String {
    format!(
        "{more}\n[spark]\nsubmit = \"{submit}\"\nmaster = \"{master}\"\n[spark.conf]\n\
         \"spark.driver.host\" = \"127.0.0.1\"\n\"spark.driver.bindAddress\" = \"127.0.0.1\"\n\
         spark.driver.memory = \"1g\"\nspark.ui.enabled = false\nspark.sql.shuffle.partitions = 4\n\
         spark.driver.extraJavaOptions = \"{HASTE}\"\nspark.executor.extraJavaOptions = \"{HASTE}\"\n"
    )
}

/// Runs the program with the variables by which Spark finds Java.
pub fn run(work: &Workspace, args: &[&str]) -> ProgramOutput {
    ProgramOutput::of(command(work, args).output().unwrap())
}

pub fn command(work: &Workspace, args: &[&str]) -> Command {
    let mut command = work.command(args);
    for name in ["PATH", "JAVA_HOME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Runs the program, expects status 0 and returns its standard error.
pub fn ok(work: &Workspace, args: &[&str]) -> String {
    let ran = run(work, args);
    assert_eq!(ran.status, 0, "{args:?}: {}", ran.stderr);
    ran.stderr
}

/// Files that workers wrote, among them their logs.
pub fn files_of_workers(cluster: &Cluster) -> Vec<PathBuf> {
    let pattern = cluster.folder.join("**/*");
    let files = glob::glob(&pattern.to_string_lossy()).unwrap();
    files.map(Result::unwrap).filter(|path| path.is_file()).collect()
}

fn script(args: &[&str]) -> String {
    crate::harness::script("tests/spark/cluster.sh", args)
}

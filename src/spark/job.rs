//! Runs the statements of a file with `spark-sql`.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::sync::Mutex;
use std::sync::PoisonError;

use anyhow::{Context, Result, anyhow};

use super::job_folder::JobFolder;
use super::log::{LogLine, SparkLog};
use super::{connectors, sql, submit};
use crate::config::Spark;
use crate::errors::EngineError;
use crate::progress::{Progress, StageBar};
use crate::runtime::interrupt;
use crate::runtime::interrupt::ChildGroup;

/// Prefix of the output line that announces a statement.
const STEP: &str = "mobility step ";

/// Statements that run sequentially in one session.
#[derive(Debug, Default)]
pub struct Job {
    /// Description and SQL of each statement.
    steps: Vec<(String, String)>,
}

impl Job {
    /// Adds a statement; `doing` describes it in the progress bar and in errors.
    pub fn then(&mut self, doing: impl Into<String>, sql: String) {
        self.steps.push((doing.into(), sql));
    }

    fn script(&self) -> String {
        let mut script = String::new();
        for (number, (_, sql)) in self.steps.iter().enumerate() {
            let step = sql::text(&format!("{STEP}{number}"));
            script.push_str(&format!("SELECT {step};\n{sql};\n"));
        }
        script
    }

    /// Runs the statements. `folder` is that of the job.
    ///
    /// # Errors
    /// A missing program or unreachable master; a failed statement, with the reason that Spark logged.
    pub fn run(
        &self,
        spark: &Spark,
        folder: &JobFolder,
        progress: &Progress,
        bar: &StageBar,
    ) -> Result<()> {
        submit::check(spark)?;
        let script = folder.path().join("script.sql");
        std::fs::write(&script, self.script())
            .with_context(|| format!("cannot write {}", script.display()))?;
        bar.message("starting Spark");
        let mut command = submit::command(spark, &script, folder)?;
        // a process group of its own, so that Spark can be stopped together with all its child processes
        command.process_group(0);
        let child = command.spawn().map_err(|error| submit::cannot_start(spark, error))?;
        let mut process = Process::new(child)?;
        let (out, err) = process.output()?;
        let (log, step) = (Mutex::new(SparkLog::default()), Mutex::new(None));
        std::thread::scope(|threads| {
            threads.spawn(|| {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    if let Some(number) = line.strip_prefix(STEP).and_then(|n| n.parse().ok()) {
                        *step.lock().unwrap_or_else(PoisonError::into_inner) = Some(number);
                        bar.message(self.doing(Some(number)));
                    }
                }
            });
            let mut warned = false;
            each_line(err, |line| {
                let kind = log.lock().unwrap_or_else(PoisonError::into_inner).add(line);
                match kind {
                    LogLine::Tasks(done, all) => {
                        let number = *step.lock().unwrap_or_else(PoisonError::into_inner);
                        bar.message(&format!("{}, {done} of {all} tasks", self.doing(number)));
                    }
                    LogLine::NoWorkers if !warned => {
                        warned = true;
                        progress.warn(
                            "no Spark worker has accepted the job yet; check that workers are registered \
                             and have free cores and memory",
                        );
                    }
                    LogLine::NoWorkers | LogLine::Irrelevant => {}
                    LogLine::Other => progress.detail(&format!("spark: {}", line.trim_end())),
                }
            });
        });
        let status = process.wait()?;
        if status.success() {
            return Ok(());
        }
        let number = step.into_inner().unwrap_or_else(PoisonError::into_inner);
        let log = log.into_inner().unwrap_or_else(PoisonError::into_inner);
        let fault = format!("Spark failed while {} ({status})", self.doing(number));
        let message = format!("{fault}:\n  {}", log.reason());
        let error = anyhow!(EngineError::new(fault, message));
        Err(match log.lines().find_map(connectors::remedy) {
            Some(remedy) => error.context(remedy),
            None => error,
        })
    }

    fn doing(&self, step: Option<usize>) -> &str {
        step.and_then(|number| self.steps.get(number)).map_or("starting", |(doing, _)| doing)
    }
}

/// Calls `each` for every line. Lines end with a line feed, or with a carriage return if Spark redraws
/// its progress bar.
fn each_line(from: impl Read, mut each: impl FnMut(&str)) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        let chunk = match reader.fill_buf() {
            Ok(chunk) if !chunk.is_empty() => chunk,
            _ => break,
        };
        let end = chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        line.extend_from_slice(&chunk[..end.unwrap_or(chunk.len())]);
        let used = end.map_or(chunk.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            each(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    if !line.is_empty() {
        each(&String::from_utf8_lossy(&line));
    }
}

/// The Spark process, which is killed when dropped.
struct Process {
    child: Child,
    running: ChildGroup,
    has_exited: bool,
}

impl Process {
    fn new(child: Child) -> Result<Self> {
        let running = ChildGroup::new(child.id())?;
        Ok(Process { child, running, has_exited: false })
    }

    fn output(&mut self) -> Result<(std::process::ChildStdout, std::process::ChildStderr)> {
        self.child.stdout.take().zip(self.child.stderr.take()).context("Spark has no output")
    }

    fn wait(&mut self) -> Result<std::process::ExitStatus> {
        let status = self.child.wait().context("cannot wait for Spark")?;
        self.has_exited = true;
        interrupt::wait_if_interrupted();
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_exited {
            self.running.terminate();
            // the exit status is irrelevant
            let _ = self.child.wait();
        }
    }
}

//! One run of `spark-sql` over a file of statements.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Child;
use std::sync::Mutex;
use std::sync::PoisonError;

use anyhow::{Context, Result, bail};

use super::log::{Log, Said};
use super::{sql, submit};
use crate::config::Spark;
use crate::progress::{Progress, StageBar};
use crate::runtime::interrupt;
use crate::runtime::interrupt::ChildGroup;

/// How Spark's own output tells that a statement begins.
const STEP: &str = "mobility step ";

/// Statements that run one after the other in one session.
#[derive(Debug, Default)]
pub struct Job {
    /// What each does, and its SQL.
    steps: Vec<(String, String)>,
}

impl Job {
    /// Adds a statement; `doing` says what it does, for the progress bar and for errors.
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

    /// Runs the statements. `folder` is for the script and for whatever else Spark leaves behind.
    ///
    /// # Errors
    /// A program or master that is not there; a statement that fails, with Spark's own reason.
    pub fn run(
        &self,
        spark: &Spark,
        folder: &Path,
        progress: &Progress,
        bar: &StageBar,
    ) -> Result<()> {
        submit::check(spark)?;
        let script = folder.join("script.sql");
        std::fs::write(&script, self.script())
            .with_context(|| format!("cannot write {}", script.display()))?;
        bar.message("starting Spark");
        let mut command = submit::command(spark, &script, folder)?;
        // a group of its own, so that Spark ends when we say so and with all it started
        command.process_group(0);
        let child = command.spawn().map_err(|error| submit::unstarted(spark, error))?;
        let mut process = Process::new(child)?;
        let (out, err) = process.output()?;
        let (log, step) = (Mutex::new(Log::default()), Mutex::new(None));
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
                let said = log.lock().unwrap_or_else(PoisonError::into_inner).add(line);
                match said {
                    Said::Tasks(done, all) => {
                        let number = *step.lock().unwrap_or_else(PoisonError::into_inner);
                        bar.message(&format!("{}, {done} of {all} tasks", self.doing(number)));
                    }
                    Said::NoWorkers if !warned => {
                        warned = true;
                        progress.warn(
                            "no worker of the cluster has room for the job yet; are workers \
                             registered, with free cores and memory?",
                        );
                    }
                    Said::NoWorkers | Said::Nothing => {}
                    Said::Other => progress.detail(&format!("spark: {}", line.trim_end())),
                }
            });
        });
        let status = process.wait()?;
        if status.success() {
            return Ok(());
        }
        let number = step.into_inner().unwrap_or_else(PoisonError::into_inner);
        let reason = log.into_inner().unwrap_or_else(PoisonError::into_inner).reason();
        bail!("Spark failed while {} ({status}):\n  {reason}", self.doing(number))
    }

    fn doing(&self, step: Option<usize>) -> &str {
        step.and_then(|number| self.steps.get(number)).map_or("starting", |(doing, _)| doing)
    }
}

/// Lines end with a line feed, or, where a bar is drawn again and again, with a return.
fn each_line(from: impl Read, mut each: impl FnMut(&str)) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        let piece = match reader.fill_buf() {
            Ok(piece) if !piece.is_empty() => piece,
            _ => break,
        };
        let end = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        line.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
        let used = end.map_or(piece.len(), |end| end + 1);
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

/// The process, which does not outlive us.
struct Process {
    child: Child,
    running: ChildGroup,
    over: bool,
}

impl Process {
    fn new(child: Child) -> Result<Self> {
        let running = ChildGroup::new(child.id())?;
        Ok(Process { child, running, over: false })
    }

    fn output(&mut self) -> Result<(std::process::ChildStdout, std::process::ChildStderr)> {
        self.child.stdout.take().zip(self.child.stderr.take()).context("Spark has no output")
    }

    fn wait(&mut self) -> Result<std::process::ExitStatus> {
        let status = self.child.wait().context("cannot wait for Spark")?;
        self.over = true;
        interrupt::wait_if_interrupted();
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.over {
            self.running.terminate();
            // its end is all that is wanted
            let _ = self.child.wait();
        }
    }
}

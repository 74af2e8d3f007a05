//! Progress bars and messages on standard error. Results go to standard output and never pass through
//! here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};

use super::log::{Level, Log, figures};
use crate::domain::numbers::grouped;
use crate::progress::{StageReport, StageRun};

/// When to draw bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProgressMode {
    /// On a terminal only.
    #[default]
    Auto,
    Always,
    Never,
}

/// Receives progress, messages and warnings from the stages.
#[derive(Clone)]
pub struct Progress {
    bars: MultiProgress,
    quiet: bool,
    verbose: bool,
    log: Log,
    stages: Arc<Mutex<Stages>>,
}

/// The stages of the run.
#[derive(Default)]
struct Stages {
    completed: Vec<StageRun>,
    current: Option<(&'static str, Instant)>,
}

impl Progress {
    pub fn new(mode: ProgressMode, quiet: bool, verbose: bool, log: Log) -> Self {
        let target = match mode {
            _ if quiet || log.is_json() => ProgressDrawTarget::hidden(),
            ProgressMode::Never => ProgressDrawTarget::hidden(),
            // indicatif's own targets draw on a terminal only
            ProgressMode::Auto => ProgressDrawTarget::stderr(),
            ProgressMode::Always => {
                ProgressDrawTarget::term_like_with_hz(Box::new(console_stderr()), 4)
            }
        };
        let bars = MultiProgress::with_draw_target(target);
        Progress { bars, quiet, verbose, log, stages: Arc::default() }
    }

    /// Without bars and messages, for tests and for callers that only need the result.
    pub fn silent() -> Self {
        Progress::new(ProgressMode::Never, true, false, Log::default())
    }

    /// A bar over `total_bytes` of input that also counts rows; dropping or finishing it removes it.
    pub fn bar(&self, label: &str, total_bytes: u64) -> StageBar {
        let style = ProgressStyle::with_template(
            "{prefix:>9} {wide_bar} {percent:>3} % {msg}, {elapsed}, {eta} left",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.bars.add(ProgressBar::new(total_bytes).with_style(style));
        bar.set_prefix(label.to_owned());
        // keeps the elapsed time moving while no progress is reported
        bar.enable_steady_tick(TICK);
        StageBar { bar, rows: Arc::new(AtomicU64::new(0)) }
    }

    /// A spinner for work of unknown size.
    pub fn spinner(&self, label: &str, message: &str) -> StageBar {
        let style = ProgressStyle::with_template("{prefix:>9} {spinner} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.bars.add(ProgressBar::new_spinner().with_style(style));
        bar.set_prefix(label.to_owned());
        bar.set_message(message.to_owned());
        bar.enable_steady_tick(TICK);
        StageBar { bar, rows: Arc::new(AtomicU64::new(0)) }
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Marks the start of a stage.
    pub fn begin(&self, stage: &'static str) {
        self.stages().current = Some((stage, Instant::now()));
        if self.log.is_json() {
            self.log_line(Level::Info, "started", Map::new());
        }
    }

    /// Marks the end of the current stage; with `announce` a message for people says so.
    pub fn done(&self, report: &StageReport, announce: bool) {
        let run = StageRun::from(report);
        if self.log.is_json() {
            let message = if report.skipped { "unchanged, skipped" } else { "done" };
            let counts = json!({
                "skipped": run.skipped,
                "rows_in": run.rows_in,
                "rows_out": run.rows_out,
                "bytes_in": run.bytes_in,
                "seconds": run.seconds,
            });
            self.log_line(Level::Info, message, figures(counts));
        } else if announce {
            self.note(&report.sentence());
        }
        let mut stages = self.stages();
        stages.completed.push(run);
        stages.current = None;
    }

    /// The stages so far; one that has not ended counts as aborted.
    pub fn so_far(&self) -> Vec<StageRun> {
        let stages = self.stages();
        let broken_off = stages.current.map(|(stage, began)| StageRun {
            broken_off: true,
            ..StageRun::from(&StageReport { stage, elapsed: began.elapsed(), ..Default::default() })
        });
        stages.completed.iter().cloned().chain(broken_off).collect()
    }

    /// Writes a message above the bars.
    pub fn note(&self, text: &str) {
        self.log_line(Level::Info, text, Map::new());
    }

    /// Writes a warning above the bars.
    pub fn warn(&self, text: &str) {
        self.log_line(Level::Warning, text, Map::new());
    }

    /// Writes a message if `--verbose` is set.
    pub fn detail(&self, text: &str) {
        if self.verbose {
            self.log_line(Level::Debug, text, Map::new());
        }
    }

    fn log_line(&self, level: Level, text: &str, figures: Map<String, Value>) {
        if self.quiet {
            return;
        }
        let stage = self.stages().current.map(|(stage, _)| stage);
        // messages for people start with the stage, which JSON has as a field
        let message = stage.and_then(|s| text.strip_prefix(s)?.strip_prefix(": ")).unwrap_or(text);
        self.bars.suspend(|| self.log.line(level, stage, message, figures, || text.to_owned()));
    }

    fn stages(&self) -> MutexGuard<'_, Stages> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn console_stderr() -> console::Term {
    console::Term::buffered_stderr()
}

/// Interval at which the elapsed time of a bar is redrawn.
const TICK: Duration = Duration::from_millis(120);

/// One bar. Clones are cheap and share the same bar, for worker threads.
#[derive(Clone)]
pub struct StageBar {
    bar: ProgressBar,
    rows: Arc<AtomicU64>,
}

impl StageBar {
    pub fn add_bytes(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    pub fn add_rows(&self, rows: u64) {
        let total = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("{} rows", grouped(total)));
        }
    }

    pub fn message(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

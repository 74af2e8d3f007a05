//! Progress bars and remarks on standard error; results never pass through here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report::grouped;

/// When to draw bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProgressMode {
    /// On a terminal only.
    #[default]
    Auto,
    Always,
    Never,
}

/// Where stages report how far they are and what they noticed.
#[derive(Clone)]
pub struct Progress {
    bars: MultiProgress,
    quiet: bool,
    verbose: bool,
}

impl Progress {
    pub fn new(mode: ProgressMode, quiet: bool, verbose: bool) -> Self {
        let target = match mode {
            _ if quiet => ProgressDrawTarget::hidden(),
            ProgressMode::Never => ProgressDrawTarget::hidden(),
            // indicatif's own targets draw on a terminal only
            ProgressMode::Auto => ProgressDrawTarget::stderr(),
            ProgressMode::Always => {
                ProgressDrawTarget::term_like_with_hz(Box::new(console_stderr()), 4)
            }
        };
        Progress { bars: MultiProgress::with_draw_target(target), quiet, verbose }
    }

    /// No bars, no remarks: for tests and for callers that only want the result.
    pub fn silent() -> Self {
        Progress::new(ProgressMode::Never, true, false)
    }

    /// A bar over `total_bytes` of input that also counts rows; drop or `finish` removes it.
    pub fn bar(&self, label: &str, total_bytes: u64) -> StageBar {
        let style = ProgressStyle::with_template(
            "{prefix:>9} {wide_bar} {percent:>3} % {msg}, {elapsed}, {eta} left",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.bars.add(ProgressBar::new(total_bytes).with_style(style));
        bar.set_prefix(label.to_owned());
        // the clock goes on where nothing else moves
        bar.enable_steady_tick(TICK);
        StageBar { bar, rows: Arc::new(AtomicU64::new(0)) }
    }

    /// A spinner for work whose size is not known beforehand.
    pub fn spinner(&self, label: &str, message: &str) -> StageBar {
        let style = ProgressStyle::with_template("{prefix:>9} {spinner} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.bars.add(ProgressBar::new_spinner().with_style(style));
        bar.set_prefix(label.to_owned());
        bar.set_message(message.to_owned());
        bar.enable_steady_tick(TICK);
        StageBar { bar, rows: Arc::new(AtomicU64::new(0)) }
    }

    /// A sentence for the reader, above the bars.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.bars.suspend(|| eprintln!("{text}"));
        }
    }

    /// A sentence only for those who asked with `--verbose`.
    pub fn detail(&self, text: &str) {
        if self.verbose {
            self.note(text);
        }
    }
}

fn console_stderr() -> console::Term {
    console::Term::buffered_stderr()
}

/// How often the clock of a bar is drawn.
const TICK: Duration = Duration::from_millis(120);

/// One bar. Cheap to clone into worker threads.
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

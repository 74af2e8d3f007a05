//! Ctrl-C: unfinished outputs are removed, then the program ends.
//!
//! Outputs are written under temporary names and renamed when complete, so whatever has its final
//! name is whole; all that an interrupt has to do is to sweep the temporary names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

type Ending = Box<dyn FnOnce() + Send>;
static GENTLY: Mutex<Option<Ending>> = Mutex::new(None);
static LAST: Mutex<Option<Ending>> = Mutex::new(None);

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True of a path that this process is still writing.
pub fn is_unfinished(path: &Path) -> bool {
    unfinished().contains(path)
}

/// A path that is removed when the guard is dropped or the program is interrupted.
#[derive(Debug)]
pub struct Unfinished(PathBuf);

impl Unfinished {
    pub fn new(path: PathBuf) -> Self {
        unfinished().insert(path.clone());
        Unfinished(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        unfinished().remove(&self.0);
        remove(&self.0);
    }
}

/// Attempts to remove a folder into which other threads still write.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

fn remove(path: &Path) {
    for _ in 0..ATTEMPTS {
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        // what is already gone, or was renamed to its final name, needs no removal
        if removed.is_ok() || !path.exists() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
/// How long other programs may take to end by themselves.
const LAST_WORDS: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// A program that we started, with a process group of its own: an interrupt ends it before the
/// unfinished outputs are removed, so that it writes nothing afterwards.
#[derive(Debug)]
pub struct Running(Pid);

impl Running {
    /// # Errors
    /// A number that no process has.
    pub fn new(process: u32) -> Result<Self> {
        let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("{process} is no number of a process"))?;
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).insert(pid.as_raw_nonzero().get());
        Ok(Running(pid))
    }

    /// Ends the program.
    pub fn end(&self) {
        end_all(&[self.0]);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let number = self.0.as_raw_nonzero().get();
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }
}

/// Does not return after an interrupt, which is about to end this program: whoever sees that a program
/// of ours came to its end leaves the last word to it.
pub fn give_way() {
    while INTERRUPTED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// Asks the programs to end, and makes them after a while.
fn end_all(groups: &[Pid]) {
    let asked = Instant::now();
    // a group that is gone already needs no signal
    let signal = |signal| {
        for group in groups {
            let _ = kill_process_group(*group, signal);
        }
    };
    signal(Signal::TERM);
    while asked.elapsed() < LAST_WORDS
        && groups.iter().any(|group| test_kill_process_group(*group).is_ok())
    {
        std::thread::sleep(LOOK);
    }
    signal(Signal::KILL);
}

/// Has the next interrupt call `end` instead of ending the program; the one after that ends it.
pub fn instead(end: impl FnOnce() + Send + 'static) {
    *GENTLY.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(end));
}

/// Has an interrupt call `last` when unfinished outputs are removed and before the program ends.
pub fn before_end(last: impl FnOnce() + Send + 'static) {
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(last));
}

/// Installs the handler for SIGINT, SIGTERM and SIGHUP; `end` is called last and must not return.
///
/// # Errors
/// When the system refuses a handler.
pub fn install(end: impl Fn() + Send + 'static) -> Result<()> {
    ctrlc::set_handler(move || {
        if let Some(gently) = GENTLY.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return gently();
        }
        INTERRUPTED.store(true, Ordering::SeqCst);
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).clone();
        end_all(&running.into_iter().filter_map(Pid::from_raw).collect::<Vec<_>>());
        unfinished().iter().for_each(|path| remove(path));
        let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(last) = last {
            last();
        }
        end();
    })
    .context("no handler for Ctrl-C could be installed")
}

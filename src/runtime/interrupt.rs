//! Interruption by Ctrl-C and other signals: unfinished outputs are removed, then the process exits.
//!
//! Outputs are written under temporary names and renamed when complete, so a file with its final name
//! is complete. An interrupt only has to remove the temporary ones.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{SIGHUP, SigSet};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

type Callback = Box<dyn FnOnce() + Send>;
/// Called on each SIGHUP instead of interrupting.
static ON_HANGUP: Mutex<Option<Box<dyn Fn() + Send>>> = Mutex::new(None);
/// Called once instead of ending the process.
static GRACEFUL_SHUTDOWN: Mutex<Option<Callback>> = Mutex::new(None);
/// Called before the process exits.
static BEFORE_EXIT: Mutex<Option<Callback>> = Mutex::new(None);

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True for a path that this process is still writing.
pub fn is_unfinished(path: &Path) -> bool {
    unfinished().contains(path)
}

/// Guard of a path that is removed when the guard is dropped or the process is interrupted.
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

    /// Leaves the path as it is, because it belongs to somebody else now.
    pub fn keep(self) {
        unfinished().remove(&self.0);
        // without the removal
        std::mem::forget(self);
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        unfinished().remove(&self.0);
        remove(&self.0);
    }
}

/// Attempts to remove a folder into which other threads still write.
const MAX_REMOVE_ATTEMPTS: u32 = 20;
const REMOVE_INTERVAL: Duration = Duration::from_millis(10);

fn remove(path: &Path) {
    for _ in 0..MAX_REMOVE_ATTEMPTS {
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        // a path that is gone, or was renamed to its final name, needs no removal
        if removed.is_ok() || !path.exists() {
            return;
        }
        std::thread::sleep(REMOVE_INTERVAL);
    }
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static CHILDREN: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
/// Time that child processes get to exit after SIGTERM.
const GRACE_PERIOD: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A child process with its own process group. An interrupt terminates it before the unfinished
/// outputs are removed, so that it cannot write afterwards.
#[derive(Debug)]
pub struct ChildGroup(Pid);

impl ChildGroup {
    /// # Errors
    /// A number that is not a process id.
    pub fn new(process: u32) -> Result<Self> {
        let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("{process} is not a process id"))?;
        CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).insert(pid.as_raw_nonzero().get());
        Ok(ChildGroup(pid))
    }

    /// Terminates the process group.
    pub fn terminate(&self) {
        terminate_all(&[self.0]);
    }
}

impl Drop for ChildGroup {
    fn drop(&mut self) {
        let number = self.0.as_raw_nonzero().get();
        CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }
}

/// Blocks forever once an interrupt is ending this process. A thread that notices the exit of a child
/// calls this first, so that the interrupt reports the end of the run and not the thread.
pub fn wait_if_interrupted() {
    while INTERRUPTED.load(Ordering::SeqCst) {
        std::thread::park();
    }
}

/// Sends SIGTERM to the groups, and SIGKILL after a grace period.
fn terminate_all(groups: &[Pid]) {
    let started = Instant::now();
    // a signal to a group that is gone already may fail
    let signal = |signal| {
        for group in groups {
            let _ = kill_process_group(*group, signal);
        }
    };
    signal(Signal::TERM);
    while started.elapsed() < GRACE_PERIOD
        && groups.iter().any(|group| test_kill_process_group(*group).is_ok())
    {
        std::thread::sleep(POLL_INTERVAL);
    }
    signal(Signal::KILL);
}

/// Makes the next interrupt call `shutdown` instead of exiting; the interrupt after that exits.
pub fn on_first_interrupt(shutdown: impl FnOnce() + Send + 'static) {
    *GRACEFUL_SHUTDOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(shutdown));
}

/// Makes SIGHUP call `reload`; without it, SIGHUP interrupts as SIGTERM does.
pub fn on_hangup(reload: impl Fn() + Send + 'static) {
    *ON_HANGUP.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(reload));
}

/// Makes an interrupt call `callback` after unfinished outputs are removed and before the process exits.
pub fn before_exit(callback: impl FnOnce() + Send + 'static) {
    *BEFORE_EXIT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(callback));
}

/// Installs the handlers for SIGINT, SIGTERM and SIGHUP; `exit` is called last and must not return. The
/// caller must not have started other threads.
///
/// # Errors
/// The operating system refuses a handler or its thread.
pub fn install(exit: impl Fn() + Send + Sync + 'static) -> Result<()> {
    let exit = Arc::new(exit);
    // all threads that are started from here on block SIGHUP, so that it is left to the one that waits
    let hangups = SigSet::from_iter([SIGHUP]);
    hangups.thread_block().context("SIGHUP cannot be handled")?;
    let exit_on_hangup = Arc::clone(&exit);
    ctrlc::set_handler(move || interrupt(exit.as_ref()))
        .context("the handler for Ctrl-C could not be installed")?;
    let handle_hangups = move || {
        while hangups.wait().is_ok() {
            let reload = ON_HANGUP.lock().unwrap_or_else(PoisonError::into_inner);
            match reload.as_ref() {
                Some(reload) => reload(),
                None => {
                    drop(reload);
                    interrupt(exit_on_hangup.as_ref());
                }
            }
        }
    };
    let thread = std::thread::Builder::new().name("hangups".to_owned()).spawn(handle_hangups);
    thread.map(drop).context("the thread that waits for SIGHUP could not be started")
}

fn interrupt(exit: &impl Fn()) {
    if let Some(shutdown) = GRACEFUL_SHUTDOWN.lock().unwrap_or_else(PoisonError::into_inner).take()
    {
        return shutdown();
    }
    INTERRUPTED.store(true, Ordering::SeqCst);
    let children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    terminate_all(&children.into_iter().filter_map(Pid::from_raw).collect::<Vec<_>>());
    unfinished().iter().for_each(|path| remove(path));
    let callback = BEFORE_EXIT.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(callback) = callback {
        callback();
    }
    exit();
}

//! Whether a connection waits for its client, and since when.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// What a connection is doing. Only the task of the connection changes it.
#[derive(Debug)]
pub struct Activity {
    opened: Instant,
    /// No request is being answered.
    is_idle: AtomicBool,
    /// The client takes nothing of a response.
    is_stalled: AtomicBool,
    /// Milliseconds from `opened` to the last change or progress.
    changed_ms: AtomicU64,
    closed: CancellationToken,
}

impl Activity {
    pub fn new() -> Self {
        Activity {
            opened: Instant::now(),
            is_idle: AtomicBool::new(true),
            is_stalled: AtomicBool::new(false),
            changed_ms: AtomicU64::new(0),
            closed: CancellationToken::new(),
        }
    }

    pub fn request_began(&self) {
        self.is_idle.store(false, Ordering::Relaxed);
        self.changed();
    }

    /// The response is complete, although its last bytes may still have to be sent.
    pub fn response_ended(&self) {
        self.is_idle.store(true, Ordering::Relaxed);
        self.changed();
    }

    /// The client took bytes.
    pub fn sent(&self) {
        self.is_stalled.store(false, Ordering::Relaxed);
        self.changed();
    }

    /// The client takes no more bytes for now.
    pub fn stalled(&self) {
        if !self.is_stalled.swap(true, Ordering::Relaxed) {
            self.changed();
        }
    }

    /// For how long the connection has been waiting for its client; `None` while the client waits.
    pub fn waiting(&self) -> Option<Duration> {
        let is_waiting =
            self.is_idle.load(Ordering::Relaxed) || self.is_stalled.load(Ordering::Relaxed);
        let changed = Duration::from_millis(self.changed_ms.load(Ordering::Relaxed));
        is_waiting.then(|| self.opened.elapsed().saturating_sub(changed))
    }

    /// Makes the task of the connection end.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Waits until [`Activity::close`] is called.
    pub async fn closed(&self) {
        self.closed.cancelled().await;
    }

    fn changed(&self) {
        let elapsed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.changed_ms.store(elapsed, Ordering::Relaxed);
    }
}

//! Cancellation of blocking work on a thread, such as a query for a client that has disconnected.
//!
//! The token belongs to the thread, because the calls between a request and the engine that runs its
//! query have no other use for it.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;

use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

thread_local! {
    static CURRENT: RefCell<Option<CancellationToken>> = const { RefCell::new(None) };
}

/// The error of work that was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled, because nobody waits for the result any more")
    }
}

impl std::error::Error for Cancelled {}

/// Runs `work` on this thread and lets `token` cancel it. Work that neither waits by [`block_on`] nor
/// calls [`check`] runs to its end.
pub fn run<T>(token: CancellationToken, work: impl FnOnce() -> T) -> T {
    // restored also when the work panics, because threads are reused
    struct Restore(Option<CancellationToken>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(Some(token)));
    work()
}

/// The token that cancels the work of this thread, if there is one.
pub fn current() -> Option<CancellationToken> {
    CURRENT.with_borrow(Clone::clone)
}

/// # Errors
/// The work of this thread was cancelled.
pub fn check() -> Result<(), Cancelled> {
    let is_cancelled =
        CURRENT.with_borrow(|token| token.as_ref().is_some_and(CancellationToken::is_cancelled));
    if is_cancelled { Err(Cancelled) } else { Ok(()) }
}

/// Waits for `work` on the runtime.
///
/// # Errors
/// The work of this thread was cancelled; `work` has then been dropped.
pub fn block_on<T>(runtime: &Runtime, work: impl Future<Output = T>) -> Result<T, Cancelled> {
    match current() {
        None => Ok(runtime.block_on(work)),
        Some(token) => runtime.block_on(token.run_until_cancelled(work)).ok_or(Cancelled),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn waiting_ends_and_the_future_is_dropped_when_the_token_is_cancelled() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let token = CancellationToken::new();
        let held = Arc::new(());
        let kept = Arc::clone(&held);
        let endless = async move {
            let _kept = kept;
            std::future::pending::<()>().await;
        };
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| run(token.clone(), || block_on(&runtime, endless)));
            token.cancel();
            assert_eq!(waiting.join().unwrap(), Err(Cancelled));
        });
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn token_is_that_of_the_innermost_work_on_this_thread_alone() {
        let token = CancellationToken::new();
        token.cancel();
        assert_eq!(check(), Ok(()));
        run(CancellationToken::new(), || {
            assert_eq!(check(), Ok(()));
            run(token.clone(), || assert_eq!(check(), Err(Cancelled)));
            assert_eq!(check(), Ok(()));
        });
        let panicked = std::panic::catch_unwind(|| run(token, || panic!("for the test")));
        assert!(panicked.is_err() && check() == Ok(()));
    }
}

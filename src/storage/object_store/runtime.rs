//! Threads that wait for stores, so that those that compute need not.

use std::future::Future;
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Result, anyhow};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

/// Requests under way at a time, whoever asks: enough for the time that a store takes to answer, and
/// few enough for its limits.
static REQUESTS: Semaphore = Semaphore::const_new(16);

/// Started by the first request, so a run on local files has no such threads.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(2).thread_name("stores").enable_all().build()
});

/// The threads.
///
/// # Errors
/// A system that gives none.
pub fn runtime() -> Result<&'static Runtime> {
    RUNTIME.as_ref().map_err(|e| anyhow!("no threads for object stores: {e}"))
}

/// Begins work whose outcome is asked for later.
///
/// # Errors
/// A system that gives no threads.
pub fn begin<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<Receiver<T>> {
    let (done, outcome) = sync_channel(1);
    runtime()?.spawn(async move {
        // nobody may be waiting any more
        let _ = done.send(work.await);
    });
    Ok(outcome)
}

/// Waits for work on stores. Unlike `block_on` it can be called from a thread of another runtime.
///
/// # Errors
/// What the work met.
pub fn wait<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    begin(work)?.recv().map_err(|_| anyhow!("a request to a store broke down"))?
}

/// Does one request when it is its turn.
pub async fn in_turn<T>(request: impl Future<Output = T>) -> T {
    // the semaphore is never closed
    let _turn = REQUESTS.acquire().await;
    request.await
}

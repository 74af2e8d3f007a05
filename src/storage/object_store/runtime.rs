//! Threads for requests to object stores, so that computing threads do not wait for them.

use std::future::Future;
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Result, anyhow};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

/// Concurrent requests of the whole process: enough to hide the latency of a store, and few enough
/// for its limits.
static REQUESTS: Semaphore = Semaphore::const_new(16);

/// Started by the first request, so a run on local files does not have these threads.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(2).thread_name("stores").enable_all().build()
});

/// The runtime of all requests.
///
/// # Errors
/// A system that cannot start threads.
pub fn get() -> Result<&'static Runtime> {
    RUNTIME.as_ref().map_err(|e| anyhow!("cannot start threads for object stores: {e}"))
}

/// Starts `work`; the receiver gets its result.
///
/// # Errors
/// A system that cannot start threads.
pub fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<Receiver<T>> {
    let (done, result) = sync_channel(1);
    get()?.spawn(async move {
        // the receiver may be gone
        let _ = done.send(work.await);
    });
    Ok(result)
}

/// Waits for `work`. Unlike Tokio's `block_on` it can be called from a thread of another runtime.
///
/// # Errors
/// The error of `work`.
pub fn block_on<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    spawn(work)?.recv().map_err(|_| anyhow!("a request to an object store was aborted"))?
}

/// Makes one request as soon as fewer than the maximum are running.
pub async fn with_permit<T>(request: impl Future<Output = T>) -> T {
    // the semaphore is never closed
    let _permit = REQUESTS.acquire().await;
    request.await
}

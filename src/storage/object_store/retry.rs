//! Repeated attempts after a broken connection. The library retries only requests that fail before
//! the response begins, or objects with an ETag, and counts attempts in total rather than in a row.

use std::time::Duration;

use anyhow::Result;
use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use super::error::store_error;
use super::runtime::with_permit;
use super::url::ObjectUrl;

/// Consecutive attempts without progress.
const MAX_IDLE_ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Counts consecutive attempts that made no progress.
#[derive(Debug, Default)]
pub struct RetryBudget {
    idle: u32,
}

impl RetryBudget {
    /// Waits before the next attempt, longer with every attempt that made no progress.
    ///
    /// # Errors
    /// Too many attempts without progress; `reason` says why the last one was interrupted.
    pub async fn wait(&mut self, progress: bool, url: &ObjectUrl, reason: &str) -> Result<()> {
        self.idle = if progress { 0 } else { self.idle + 1 };
        if self.idle >= MAX_IDLE_ATTEMPTS {
            return Err(store_error!(
                "{url}: the connection breaks off repeatedly: {}",
                url.scrub(reason)
            ));
        }
        pause(self.idle).await;
        Ok(())
    }
}

async fn pause(idle: u32) {
    tokio::time::sleep(FIRST_PAUSE * (1 << idle)).await;
}

/// Makes an idempotent request, and repeats it if the connection breaks.
pub async fn retry<T, F: Future<Output = object_store::Result<T>>>(
    request: impl Fn() -> F,
) -> object_store::Result<T> {
    for idle in 1..MAX_IDLE_ATTEMPTS {
        match with_permit(request()).await {
            Err(error @ Error::Generic { .. }) if is_broken_connection(&error) => {
                pause(idle).await;
            }
            response => return response,
        }
    }
    with_permit(request()).await
}

/// True if the connection broke after it was established, so that another attempt may succeed.
pub fn is_broken_connection(error: &Error) -> bool {
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return error.kind() != HttpErrorKind::Connect;
        }
        next = error.source();
    }
    false
}

/// The innermost error, which says why a response was interrupted.
pub fn root_cause(error: &Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

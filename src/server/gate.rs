//! How many queries run at a time, and how many may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;
use crate::config::{Config, WarehouseUrl};

/// For each query that runs, so many may wait.
const WAITING_EACH: usize = 16;

/// A limit on concurrent queries.
pub struct Gate {
    permits: Arc<Semaphore>,
    most: usize,
    waiting: AtomicUsize,
    patience: Duration,
}

impl Gate {
    pub fn new(config: &Config) -> Self {
        let connections = usize::try_from(config.warehouse.connections).unwrap_or(usize::MAX);
        let most = match config.warehouse.url {
            // one looks what is loaded while others wait for rows, and one is for its reader
            WarehouseUrl::Postgres(_) => {
                config.serve.max_queries.min(connections.saturating_sub(2).max(1))
            }
            _ => config.serve.max_queries,
        };
        let most = most.min(Semaphore::MAX_PERMITS);
        Gate {
            permits: Arc::new(Semaphore::new(most)),
            most,
            waiting: AtomicUsize::new(0),
            patience: Duration::from_secs(config.serve.timeout_s),
        }
    }

    /// Waits for its turn. Whoever holds the permit may query.
    ///
    /// # Errors
    /// 503 when too many wait already, or nobody finishes in time.
    pub async fn enter(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let busy = || {
            Problem::unavailable(format!(
                "{} queries run and others wait; try again in a moment, or raise serve.max_queries",
                self.most
            ))
        };
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let place = Place::take(&self.waiting);
        if place.number > self.most.saturating_mul(WAITING_EACH) {
            return Err(busy());
        }
        let turn = Arc::clone(&self.permits).acquire_owned();
        match tokio::time::timeout(self.patience, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(busy()),
        }
    }

    pub fn running(&self) -> usize {
        self.most - self.permits.available_permits().min(self.most)
    }
}

/// A place in the queue, given up also when the client goes away.
struct Place<'a> {
    waiting: &'a AtomicUsize,
    number: usize,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        Place { waiting, number: waiting.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

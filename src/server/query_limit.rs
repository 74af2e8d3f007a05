//! The limit of concurrent queries, and of the requests that wait for one.
//!
//! A concurrency limit as a layer around the routes would not do: a query keeps its permit until it
//! has ended in the warehouse, even if the client has disconnected.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;
use crate::config::{Serve, Warehouse as WarehouseConfig, WarehouseUrl};

/// Requests that may wait per running query.
const MAX_WAITING_PER_QUERY: usize = 16;

/// A limit on concurrent queries.
pub struct QueryLimit {
    permits: Arc<Semaphore>,
    max_queries: usize,
    waiting: Arc<AtomicUsize>,
    timeout: Duration,
}

impl QueryLimit {
    pub fn new(serve: &Serve, warehouse: &WarehouseConfig) -> Self {
        let connections = usize::try_from(warehouse.connections).unwrap_or(usize::MAX);
        let max_queries = match warehouse.url {
            // one connection checks for new data, and one more reads the rows of a query
            WarehouseUrl::Postgres(_) => {
                serve.max_queries.min(connections.saturating_sub(2).max(1))
            }
            _ => serve.max_queries,
        };
        let max_queries = max_queries.min(Semaphore::MAX_PERMITS);
        QueryLimit {
            permits: Arc::new(Semaphore::new(max_queries)),
            max_queries,
            waiting: Arc::default(),
            timeout: Duration::from_secs(serve.timeout_s),
        }
    }

    /// Waits for a permit to run a query.
    ///
    /// # Errors
    /// 503 when too many requests wait already, or no query ends within the timeout.
    pub async fn acquire(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let busy = || {
            Problem::unavailable(format!(
                "{} queries are running and others wait; try again in a moment, or raise serve.max_queries",
                self.max_queries
            ))
        };
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = Waiting::enter(&self.waiting);
        if waiting.position > self.max_queries.saturating_mul(MAX_WAITING_PER_QUERY) {
            return Err(busy());
        }
        let turn = Arc::clone(&self.permits).acquire_owned();
        match tokio::time::timeout(self.timeout, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(busy()),
        }
    }

    /// The number of requests that wait for a permit.
    pub fn waiting(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.waiting)
    }

    /// Waits until no query is running.
    pub async fn idle(&self) {
        let all = u32::try_from(self.max_queries).unwrap_or(u32::MAX);
        let _ = self.permits.acquire_many(all).await;
    }

    /// The number of running queries.
    pub fn running(&self) -> usize {
        self.max_queries - self.permits.available_permits().min(self.max_queries)
    }
}

/// A waiting request; dropped also when the client disconnects.
struct Waiting<'a> {
    waiting: &'a AtomicUsize,
    position: usize,
}

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Self {
        Waiting { waiting, position: waiting.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

//! The warehouse behind the server: opened as soon as it is available, and checked for new data at
//! most once a second, so that a cached response needs no query.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Result;
use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::cache::CachedVersion;
use super::problem::Problem;
use super::setup::OpenWarehouse;
use crate::errors::without_values;
use crate::output::data_version::{DataVersion, loaded};
use crate::progress::log::Log;
use crate::warehouse::Warehouse;

/// The result of a check is valid for this long.
const MAX_AGE: Duration = Duration::from_secs(1);
/// A request waits this long for a check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Knows the version of the loaded data.
pub struct WarehouseMonitor {
    open_warehouse: OpenWarehouse,
    log: Log,
    /// Changes with everything but the data that determines a response.
    fingerprint: String,
    warehouse: OnceLock<Arc<dyn Warehouse>>,
    last_check: ArcSwapOption<Check>,
    is_checking: AtomicBool,
    checked: watch::Sender<()>,
}

/// The result of a check: the current version, or the reason why there is none.
struct Check {
    at: Instant,
    result: Result<Arc<CachedVersion>, String>,
}

impl WarehouseMonitor {
    /// `log` receives the errors that may quote values of rows.
    pub fn new(open_warehouse: OpenWarehouse, fingerprint: String, log: Log) -> Self {
        WarehouseMonitor {
            open_warehouse,
            log,
            fingerprint,
            warehouse: OnceLock::new(),
            last_check: ArcSwapOption::empty(),
            is_checking: AtomicBool::new(false),
            checked: watch::Sender::new(()),
        }
    }

    /// The current version of the data.
    ///
    /// # Errors
    /// 503 with the reason why there is none.
    pub async fn current(self: &Arc<Self>) -> Result<Arc<CachedVersion>, Problem> {
        let last = self.last_check.load_full();
        if let Some(last) = last.as_ref().filter(|last| last.at.elapsed() < MAX_AGE) {
            return last.result.clone().map_err(Problem::unavailable);
        }
        let mut checked = self.checked.subscribe();
        self.start_check();
        // an unavailable warehouse is probably still unavailable, and the check may take long
        if let Some(Check { result: Err(reason), .. }) = last.as_deref() {
            return Err(Problem::unavailable(reason));
        }
        match tokio::time::timeout(CHECK_TIMEOUT, checked.changed()).await {
            Ok(_) => self.result().unwrap_or_else(|| Err("the check failed".to_owned())),
            Err(_) => {
                let reason =
                    format!("the warehouse has not answered for {} s", CHECK_TIMEOUT.as_secs());
                Err(reason)
            }
        }
        .map_err(Problem::unavailable)
    }

    /// Makes the next request check again.
    pub fn invalidate(&self) {
        if let Some(last) = self.last_check.load_full() {
            let at = Instant::now().checked_sub(MAX_AGE).unwrap_or(last.at);
            self.last_check.store(Some(Arc::new(Check { at, result: last.result.clone() })));
        }
    }

    /// The open warehouse; `None` before the first successful check.
    pub fn warehouse(&self) -> Option<Arc<dyn Warehouse>> {
        self.warehouse.get().map(Arc::clone)
    }

    fn result(&self) -> Option<Result<Arc<CachedVersion>, String>> {
        self.last_check.load().as_ref().map(|check| check.result.clone())
    }

    fn start_check(self: &Arc<Self>) {
        if self.is_checking.swap(true, Ordering::AcqRel) {
            return;
        }
        let monitor = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            // dropped also when the check panics
            let _running = RunningCheck(&monitor);
            let result = monitor.check().map_err(|error| {
                let (reason, message) = (without_values(&error), format!("{error:#}"));
                if reason != message {
                    monitor.log.error(Some("serve"), &message);
                }
                reason
            });
            monitor.last_check.store(Some(Arc::new(Check { at: Instant::now(), result })));
        });
    }

    /// The warehouse, opened now if it is not yet. Blocks.
    ///
    /// # Errors
    /// A warehouse that cannot be opened.
    pub fn open(&self) -> Result<&Arc<dyn Warehouse>> {
        if let Some(warehouse) = self.warehouse.get() {
            return Ok(warehouse);
        }
        let opened = (self.open_warehouse)()?;
        Ok(self.warehouse.get_or_init(|| opened))
    }

    /// Blocks.
    fn check(&self) -> Result<Arc<CachedVersion>> {
        let warehouse = self.open()?;
        let loaded = loaded(warehouse.as_ref())?;
        Ok(match self.result() {
            Some(Ok(current)) if current.version.loaded == loaded => current,
            _ => {
                let version = DataVersion::new(loaded, &self.fingerprint);
                // for `/health`, which asks nothing of the warehouse and does without them
                let _ = version.recorded_dates(warehouse.as_ref());
                Arc::new(CachedVersion::new(version))
            }
        })
    }
}

/// A warehouse ends its own threads, which must not happen on a thread that answers requests.
impl Drop for WarehouseMonitor {
    fn drop(&mut self) {
        if let Some(warehouse) = self.warehouse.take()
            && Handle::try_current().is_ok()
        {
            std::thread::spawn(move || drop(warehouse));
        }
    }
}

struct RunningCheck<'a>(&'a WarehouseMonitor);

impl Drop for RunningCheck<'_> {
    fn drop(&mut self) {
        self.0.is_checking.store(false, Ordering::Release);
        self.0.checked.send_replace(());
    }
}

//! The warehouse behind the server: opened when it can be, and looked at at most once a second, so
//! that a request whose answer is kept costs no look.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Result;
use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::edition::Edition;
use super::problem::Problem;
use crate::config::Config;
use crate::views::Registry;
use crate::warehouse;
use crate::warehouse::Warehouse;

/// For so long what was seen holds.
const FRESH: Duration = Duration::from_secs(1);
/// For so long a request waits for a look.
const PATIENCE: Duration = Duration::from_secs(5);

/// The one place that knows what is loaded.
pub struct Source {
    config: Config,
    registry: Arc<Registry>,
    /// Of what shapes answers beside the data.
    mark: String,
    warehouse: OnceLock<Arc<dyn Warehouse>>,
    seen: ArcSwapOption<Seen>,
    looking: AtomicBool,
    news: watch::Sender<()>,
}

/// Outcome of a look: the edition, or why there is none.
struct Seen {
    at: Instant,
    outcome: Result<Arc<Edition>, String>,
}

impl Source {
    pub fn new(config: Config, registry: Arc<Registry>, mark: String) -> Self {
        Source {
            config,
            registry,
            mark,
            warehouse: OnceLock::new(),
            seen: ArcSwapOption::empty(),
            looking: AtomicBool::new(false),
            news: watch::Sender::new(()),
        }
    }

    /// The edition that counts.
    ///
    /// # Errors
    /// 503 with the reason why there is none.
    pub async fn edition(self: &Arc<Self>) -> Result<Arc<Edition>, Problem> {
        let seen = self.seen.load_full();
        if let Some(seen) = seen.as_ref().filter(|seen| seen.at.elapsed() < FRESH) {
            return seen.outcome.clone().map_err(Problem::unavailable);
        }
        let mut news = self.news.subscribe();
        self.look_soon();
        // a warehouse that was away is likely still away, and finding that out takes long
        if let Some(Seen { outcome: Err(reason), .. }) = seen.as_deref() {
            return Err(Problem::unavailable(reason));
        }
        match tokio::time::timeout(PATIENCE, news.changed()).await {
            Ok(_) => self.outcome().unwrap_or_else(|| Err("not looked yet".to_owned())),
            Err(_) => {
                let reason = format!("the warehouse has not answered for {} s", PATIENCE.as_secs());
                Err(reason)
            }
        }
        .map_err(Problem::unavailable)
    }

    /// Has the next request look again.
    pub fn doubt(&self) {
        if let Some(seen) = self.seen.load_full() {
            let at = Instant::now().checked_sub(FRESH).unwrap_or(seen.at);
            self.seen.store(Some(Arc::new(Seen { at, outcome: seen.outcome.clone() })));
        }
    }

    /// The opened warehouse. `None` before there was an edition.
    pub fn warehouse(&self) -> Option<Arc<dyn Warehouse>> {
        self.warehouse.get().map(Arc::clone)
    }

    fn outcome(&self) -> Option<Result<Arc<Edition>, String>> {
        self.seen.load().as_ref().map(|seen| seen.outcome.clone())
    }

    fn look_soon(self: &Arc<Self>) {
        if self.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let source = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            // also when the look panics
            let _done = Done(&source);
            let outcome = source.look().map_err(|e| format!("{e:#}"));
            source.seen.store(Some(Arc::new(Seen { at: Instant::now(), outcome })));
        });
    }

    /// Blocks.
    fn look(&self) -> Result<Arc<Edition>> {
        let warehouse = match self.warehouse.get() {
            Some(warehouse) => warehouse,
            None => {
                let opened = warehouse::open(&self.config, Arc::clone(&self.registry))?;
                self.warehouse.get_or_init(|| Arc::from(opened))
            }
        };
        let Some(loaded) = warehouse.loaded()? else {
            anyhow::bail!(
                "{} holds no data yet; run `mobility run-all`, or `mobility load`",
                warehouse.location()
            );
        };
        Ok(match self.outcome() {
            Some(Ok(edition)) if edition.loaded == loaded => edition,
            _ => Arc::new(Edition::new(loaded, &self.mark)),
        })
    }
}

struct Done<'a>(&'a Source);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.looking.store(false, Ordering::Release);
        self.0.news.send_replace(());
    }
}

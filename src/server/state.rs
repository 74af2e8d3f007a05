//! What all requests share.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use tokio::task::spawn_blocking;

use super::answer::{Answer, CachePolicy};
use super::assets::Assets;
use super::edition::{Edition, KEPT_BYTES_EACH, digest};
use super::fixed::Fixed;
use super::gate::Gate;
use super::metrics::Metrics;
use super::names::Names;
use super::page::Pages;
use super::problem::Problem;
use super::produce::Fault;
use super::security::Guard;
use super::source::Source;
use super::{Settings, bind};
use crate::config::Config;
use crate::views::Registry;
use crate::warehouse::Warehouse;

/// Shared by all requests for as long as the server runs.
pub struct Shared {
    pub config: Config,
    pub settings: Settings,
    pub registry: Arc<Registry>,
    pub names: Names,
    pub source: Arc<Source>,
    pub gate: Gate,
    pub metrics: Metrics,
    pub assets: Assets,
    pub pages: Pages,
    pub guard: Guard,
}

pub type State = Arc<Shared>;

/// From what is loaded to the bytes of an answer. Blocks.
pub trait Make:
    Fn(&Shared, &Edition, &dyn Warehouse) -> Result<Vec<u8>> + Clone + Send + 'static
{
}

impl<F> Make for F where
    F: Fn(&Shared, &Edition, &dyn Warehouse) -> Result<Vec<u8>> + Clone + Send + 'static
{
}

/// Loads that may come in between before a request gives up.
pub const ATTEMPTS: usize = 3;

/// For a request during which data was loaded again and again.
pub fn moving() -> Problem {
    Problem::unavailable("data is being loaded; try again in a moment")
}

impl Shared {
    /// # Errors
    /// Views that cannot be read, or whose names are routes of the server.
    pub fn new(config: Config, settings: Settings, address: &bind::Address) -> Result<Self> {
        let registry = Arc::new(Registry::read(&config.views, &config.time)?);
        let assets = Assets::new();
        let mark = mark(&registry, &assets)?;
        Ok(Shared {
            names: Names::new(Arc::clone(&registry))?,
            source: Arc::new(Source::new(config.clone(), Arc::clone(&registry), mark)),
            gate: Gate::new(&config),
            metrics: Metrics::new()?,
            assets,
            pages: Pages::new()?,
            guard: Guard::new(&config, address),
            registry,
            config,
            settings,
        })
    }

    /// An answer that is made once for each version of the data.
    ///
    /// # Errors
    /// 503 when the warehouse is away; whatever the maker meets.
    pub async fn fixed(self: &Arc<Self>, what: Fixed) -> Result<Arc<Answer>, Problem> {
        for _ in 0..ATTEMPTS {
            let edition = self.source.edition().await?;
            let slot = edition.fixed(what);
            let key = format!("{what:?}");
            let make = move |shared: &Shared, edition: &Edition, warehouse: &dyn Warehouse| {
                what.make(shared, edition, warehouse)
            };
            let made = || self.make(&key, what.media(), Arc::clone(&edition), make);
            match slot.get_or_try_init(made).await {
                Ok(answer) => return Ok(Arc::clone(answer)),
                Err(fault) => self.or_again(fault).await?,
            }
        }
        Err(moving())
    }

    /// An answer that is made when it is asked for, and kept with the others. Requests with one
    /// key have one answer.
    ///
    /// # Errors
    /// 503 when the warehouse is away; whatever the maker meets.
    pub async fn made(
        self: &Arc<Self>,
        key: &str,
        media: &'static str,
        make: impl Make,
    ) -> Result<Arc<Answer>, Problem> {
        for _ in 0..ATTEMPTS {
            let edition = self.source.edition().await?;
            if let Some(answer) = edition.kept(key) {
                return Ok(answer);
            }
            match self.make(key, media, Arc::clone(&edition), make.clone()).await {
                Ok(answer) => {
                    if answer.bytes_held() <= KEPT_BYTES_EACH {
                        edition.keep(key.to_owned(), Arc::clone(&answer));
                    }
                    return Ok(answer);
                }
                Err(fault) => self.or_again(fault).await?,
            }
        }
        Err(moving())
    }

    /// What a fault means for the client; nothing where the next attempt may be better.
    async fn or_again(self: &Arc<Self>, fault: Fault) -> Result<(), Problem> {
        match fault {
            Fault::Stale => {
                self.source.doubt();
                Ok(())
            }
            Fault::Problem(problem) => Err(problem),
            Fault::Error(error) => Err(self.explain(&error).await),
        }
    }

    async fn make(
        self: &Arc<Self>,
        key: &str,
        media: &'static str,
        edition: Arc<Edition>,
        make: impl Make,
    ) -> Result<Arc<Answer>, Fault> {
        let permit = self.gate.enter().await.map_err(Fault::Problem)?;
        let shared = Arc::clone(self);
        let etag = edition.etag(key);
        let made = spawn_blocking(move || {
            let _permit = permit;
            let warehouse = shared.source.warehouse().context("no warehouse is open")?;
            let bytes = make(&shared, &edition, warehouse.as_ref())?;
            if warehouse.loaded()?.as_ref() != Some(&edition.loaded) {
                return Err(Fault::Stale);
            }
            let answer = Answer::new(media, bytes, etag, CachePolicy::Revalidate);
            Ok(Arc::new(answer.packed()))
        });
        made.await.unwrap_or_else(|panic| Err(Fault::Error(anyhow!(panic))))
    }

    /// The problem behind an error: the warehouse is away, or the error itself.
    pub async fn explain(self: &Arc<Self>, error: &anyhow::Error) -> Problem {
        let problem = Problem::of(error);
        if !problem.status.is_server_error() {
            return problem;
        }
        self.source.doubt();
        if let Err(away) = self.source.edition().await {
            return away;
        }
        self.settings.log.error(Some("serve"), &format!("{error:#}"));
        problem
    }
}

/// Changes with views, templates, assets and program.
fn mark(registry: &Registry, assets: &Assets) -> Result<String> {
    let mut parts = vec![env!("CARGO_PKG_VERSION").to_owned(), Pages::mark(), assets.mark()];
    for view in registry.views() {
        parts.push(registry.fingerprint(view)?);
        parts.push(format!("{view:?}"));
    }
    Ok(digest(&parts.iter().map(String::as_str).collect::<Vec<_>>()))
}

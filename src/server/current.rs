//! The definitions in use. Changed view files and settings are taken up as a whole or not at all: requests
//! that have begun end with the definitions with which they began, and what cannot be used changes nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use serde_json::Map;
use tokio::sync::watch;

use super::audience;
use super::caller::Caller;
use super::setup::DefinitionSource;
use super::state::{AppState, Process, SharedState};
use crate::config::Audience;
use crate::domain::numbers::counted;
use crate::progress::log::Level;

/// Files are looked at when a request arrives, at most this often.
const MAX_AGE: Duration = Duration::from_secs(1);
/// The request that finds them changed waits this long for the new definitions.
const PATIENCE: Duration = Duration::from_secs(2);
/// Definitions that could not be used are tried again after this time, because the warehouse may have been
/// the reason.
const RETRY: Duration = Duration::from_secs(30);

/// The definitions in use, and what replaces them.
pub struct Current {
    pub process: Arc<Process>,
    state: ArcSwap<AppState>,
    /// What clients with a token of the role `public` see, if others see exact numbers.
    public: Option<ArcSwap<AppState>>,
    source: Box<dyn DefinitionSource>,
    files: Mutex<Files>,
    report: ArcSwap<DefinitionsReport>,
    is_checking: AtomicBool,
    checked: watch::Sender<()>,
}

/// What is known about the files.
struct Files {
    /// The text of [`DefinitionSource::files`] at the last attempt to read them.
    read: String,
    looked_at: Instant,
    /// When that attempt failed.
    failed_at: Option<Instant>,
}

/// What `/health` says about the definitions.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DefinitionsReport {
    /// Why changed definitions are not in use.
    pub problem: Option<String>,
    /// Changed keys that need a restart.
    pub restart: Vec<&'static str>,
}

impl Current {
    /// # Errors
    /// Definitions that cannot be read or used.
    pub fn new(process: Arc<Process>, source: Box<dyn DefinitionSource>) -> Result<Self> {
        let read = source.files();
        let state = state_for(process.audience, &process, source.as_ref())?.0;
        log_remarks(&state);
        let public = audience::has_both(process.audience, &process.serve)
            .then(|| state_for(Audience::Public, &process, source.as_ref()))
            .transpose()?;
        Ok(Current {
            process,
            state: ArcSwap::from_pointee(state),
            public: public.map(|(state, _)| ArcSwap::from_pointee(state)),
            source,
            files: Mutex::new(Files { read, looked_at: Instant::now(), failed_at: None }),
            report: ArcSwap::default(),
            is_checking: AtomicBool::new(false),
            checked: watch::Sender::new(()),
        })
    }

    /// The state for a request that begins now.
    pub async fn state(self: &Arc<Self>) -> SharedState {
        if self.files().looked_at.elapsed() >= MAX_AGE
            && !self.is_checking.swap(true, Ordering::AcqRel)
        {
            let mut checked = self.checked.subscribe();
            let current = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                // dropped also when the check panics
                let _running = RunningCheck(&current);
                current.check();
            });
            // in vain if it takes longer: the request is then answered with the earlier definitions
            let _ = tokio::time::timeout(PATIENCE, checked.changed()).await;
        }
        self.state.load_full()
    }

    /// What a client sees; `state` is that for a request that begins now. `None` if its token is for an audience
    /// that this server does not have.
    pub fn state_of(&self, state: SharedState, caller: Option<&Caller>) -> Option<SharedState> {
        let audience = audience::of_caller(self.process.audience, caller);
        if audience == self.process.audience {
            return Some(state);
        }
        self.public.as_ref().filter(|_| audience == Audience::Public).map(ArcSwap::load_full)
    }

    pub fn definitions_report(&self) -> Arc<DefinitionsReport> {
        self.report.load_full()
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up changed files. Blocks.
    fn check(&self) {
        let now = self.source.files();
        {
            let mut files = self.files();
            files.looked_at = Instant::now();
            let is_due = files.failed_at.is_some_and(|at| at.elapsed() >= RETRY);
            if now == files.read && !is_due {
                return;
            }
            files.read.clone_from(&now);
            files.failed_at = None;
        }
        match self.replacement() {
            // files that changed while they were read are read again
            Ok(_) if self.source.files() != now => self.files().read.clear(),
            Ok((states, restart)) => self.take_up(states, restart),
            Err(error) => {
                self.files().failed_at = Some(Instant::now());
                self.keep(&format!("{error:#}"));
            }
        }
        self.files().looked_at = Instant::now();
    }

    /// The states with the definitions of the files, after all views were planned.
    fn replacement(&self) -> Result<(States, Vec<&'static str>)> {
        let source = self.source.as_ref();
        let (main, restart) = state_for(self.process.audience, &self.process, source)?;
        if main.fingerprint != self.state.load().fingerprint {
            let warehouse = main.monitor.open().context("the warehouse cannot be opened")?;
            warehouse.verify()?;
        }
        let public = self.public.as_ref();
        let public = public.map(|_| state_for(Audience::Public, &self.process, source));
        let public = public.transpose()?.map(|(state, _)| state);
        Ok((States { main, public }, restart))
    }

    fn take_up(&self, States { main: state, public }: States, restart: Vec<&'static str>) {
        if let (Some(current), Some(public)) = (&self.public, public)
            && public.fingerprint != current.load().fingerprint
        {
            current.store(Arc::new(public));
        }
        let before = self.report.load_full();
        let (views, fingerprint) = (state.registry.views().len() as u64, state.fingerprint.clone());
        // with the same definitions, the cached responses are still right
        if fingerprint != self.state.load().fingerprint {
            log_remarks(&state);
            self.state.store(Arc::new(state));
            let views = counted(views, "view");
            self.log(
                Level::Info,
                &format!("changed definitions are in use: {views}, {fingerprint}"),
            );
        }
        if !restart.is_empty() && before.restart != restart {
            let keys = restart.join(", ");
            self.log(Level::Warning, &format!("restart the server to take up changes to {keys}"));
        }
        self.report.store(Arc::new(DefinitionsReport { problem: None, restart }));
    }

    fn keep(&self, problem: &str) {
        let before = self.report.load_full();
        if before.problem.as_deref() == Some(problem) {
            return;
        }
        let text =
            format!("changed definitions are not used, the earlier ones stay in use: {problem}");
        self.log(Level::Warning, &text);
        let report = DefinitionsReport {
            problem: Some(problem.to_owned()),
            restart: before.restart.clone(),
        };
        self.report.store(Arc::new(report));
    }

    fn log(&self, level: Level, text: &str) {
        let log = &self.process.options.log;
        log.line(level, Some("serve"), text, Map::new(), || format!("serve: {text}"));
    }
}

/// States with the same definitions.
struct States {
    main: AppState,
    public: Option<AppState>,
}

/// The state for an audience, and the changed keys that need a restart.
fn state_for(
    audience: Audience,
    process: &Arc<Process>,
    source: &dyn DefinitionSource,
) -> Result<(AppState, Vec<&'static str>)> {
    let (definitions, restart) = source.read(audience)?;
    Ok((AppState::new(Arc::clone(process), definitions)?, restart))
}

/// Says which built-in views the user's views replace.
fn log_remarks(state: &AppState) {
    for remark in state.registry.remarks() {
        let text = format!("views: {remark}");
        state.options.log.line(Level::Info, Some("serve"), &text, Map::new(), || text.clone());
    }
}

struct RunningCheck<'a>(&'a Current);

impl Drop for RunningCheck<'_> {
    fn drop(&mut self) {
        self.0.is_checking.store(false, Ordering::Release);
        self.0.checked.send_replace(());
    }
}

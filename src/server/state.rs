//! What requests share: for as long as the server runs, and for as long as definitions do not change.

use std::ops::Deref;
use std::sync::Arc;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::access_control::AccessControl;
use super::address::Address;
use super::assets::AssetResponses;
use super::caller::Caller;
use super::client_address::TrustedProxies;
use super::connection_places::Places;
use super::metrics::Metrics;
use super::problem::Problem;
use super::query_limit::QueryLimit;
use super::relation_routes::RelationRoutes;
use super::setup::{Definitions, Options};
use super::tokens::Tokens;
use super::warehouse_monitor::WarehouseMonitor;
use crate::checks::Limits;
use crate::config::{Audience, Serve, Time, UrlPrefix, Warehouse as WarehouseConfig};
use crate::output::data_version::{DataVersion, digest};
use crate::output::documents::LoadedData;
use crate::output::html;
use crate::output::html::Templates;
use crate::output::people;
use crate::progress::audit_log::AuditLog;
use crate::stages::quality::Expectation;
use crate::views::Registry;
use crate::warehouse::Warehouse;

/// Shared by all requests for as long as the server runs.
pub struct Process {
    pub serve: Serve,
    /// Who reads, unless a token says otherwise.
    pub audience: Audience,
    /// The URL of the warehouse without its password.
    pub warehouse_url: String,
    pub options: Options,
    pub query_limit: QueryLimit,
    pub places: Arc<Places>,
    /// Cancels all queries when the server stops.
    pub stopping: CancellationToken,
    /// The server speaks TLS to other machines.
    pub requires_https: bool,
    pub metrics: Metrics,
    pub assets: AssetResponses,
    pub templates: Templates,
    pub access: AccessControl,
    pub trusted_proxies: TrustedProxies,
    /// The prefix of `serve.base_path`.
    pub base_path: Option<UrlPrefix>,
    pub audit: AuditLog,
}

impl Process {
    /// # Errors
    /// Tokens or an audit log that cannot be used.
    pub fn new(
        serve: Serve,
        warehouse: &WarehouseConfig,
        options: Options,
        (address, audience): (&Address, Audience),
        max_connections: usize,
    ) -> Result<Self> {
        let audit = match &serve.audit_log {
            Some(path) => AuditLog::open(path)?,
            None => AuditLog::StandardError(options.log.clone()),
        };
        Ok(Process {
            query_limit: QueryLimit::new(&serve, warehouse),
            places: Arc::new(Places::new(max_connections, serve.max_connections_per_address())),
            stopping: CancellationToken::new(),
            requires_https: serve.tls_cert.is_some() && !address.is_loopback,
            metrics: Metrics::new()?,
            assets: AssetResponses::new(),
            templates: Templates::new()?,
            access: AccessControl::new(Tokens::read(&serve)?, address),
            trusted_proxies: TrustedProxies::new(serve.proxy_networks()?),
            base_path: serve.url_prefix()?,
            audit,
            warehouse_url: warehouse.url.to_string(),
            audience,
            serve,
            options,
        })
    }
}

/// Shared by all requests that begin while the same definitions are in use: the views, the settings that can
/// change, and the warehouse and the cached responses that belong to them.
pub struct AppState {
    process: Arc<Process>,
    pub time: Time,
    /// Limits that the quality report names.
    pub limits: Limits,
    /// Tells which dates are missing.
    pub expectation: Expectation,
    /// Thresholds that the page about people names.
    pub people: people::Settings,
    pub registry: Arc<Registry>,
    pub routes: RelationRoutes,
    pub monitor: Arc<WarehouseMonitor>,
    /// Changes with the definitions, the pages and the version of the program.
    pub fingerprint: String,
}

pub type SharedState = Arc<AppState>;

impl Deref for AppState {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl AppState {
    /// # Errors
    /// Views that cannot be read, that have the name of a route, or begin like `serve.base_path`.
    pub fn new(process: Arc<Process>, definitions: Definitions) -> Result<Self> {
        let Definitions { time, limits, expectation, people, registry, open_warehouse } =
            definitions;
        let audience = match registry.is_released() {
            true => Audience::Public,
            false => Audience::Analyst,
        };
        let settings = format!("{audience:?} {time:?} {limits:?} {expectation:?} {people:?}");
        let fingerprint = digest(&[&html::fingerprint(&registry)?, &settings]);
        let routes = RelationRoutes::new(Arc::clone(&registry))?;
        process.base_path.iter().try_for_each(|base| routes.check_base_path(base))?;
        let monitor =
            WarehouseMonitor::new(open_warehouse, fingerprint.clone(), process.options.log.clone());
        Ok(AppState {
            process,
            time,
            limits,
            expectation,
            people,
            registry,
            routes,
            monitor: Arc::new(monitor),
            fingerprint,
        })
    }

    /// The data for documents and pages of clients that may, or may not, read rows of single users.
    pub fn data<'a>(
        &'a self,
        version: &'a DataVersion,
        warehouse: &'a dyn Warehouse,
        allow_user_rows: bool,
    ) -> LoadedData<'a> {
        LoadedData { registry: &self.registry, version, warehouse, allow_user_rows }
    }

    /// True if the client may read rows of single users.
    pub fn allows_user_rows(&self, caller: &Caller) -> bool {
        self.serve.allow_user_rows && caller.has_user_rows_role() && !self.is_public()
    }

    /// True if requests with this state see what was released, and nothing else.
    pub fn is_public(&self) -> bool {
        self.registry.is_released()
    }

    /// True if other clients of this server see exact numbers, although those with this state do not.
    pub fn is_beside_exact_numbers(&self) -> bool {
        self.is_public() && self.process.audience == Audience::Analyst
    }

    /// The problem behind an error: the warehouse is unavailable, or the error itself, which is then
    /// logged.
    pub async fn problem_of(&self, error: &anyhow::Error) -> Problem {
        let problem = Problem::of(error);
        if !problem.status.is_server_error() {
            return problem;
        }
        self.monitor.invalidate();
        if let Err(unavailable) = self.monitor.current().await {
            return unavailable;
        }
        self.options.log.error(Some("serve"), &format!("{error:#}"));
        problem
    }
}

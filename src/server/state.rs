//! What all requests share.

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
use super::setup::{Options, Setup};
use super::tokens::Tokens;
use super::warehouse_monitor::WarehouseMonitor;
use crate::checks::Limits;
use crate::config::{Serve, Time, UrlPrefix};
use crate::output::data_version::DataVersion;
use crate::output::documents::LoadedData;
use crate::output::html;
use crate::output::html::Templates;
use crate::progress::audit_log::AuditLog;
use crate::stages::quality::Expectation;
use crate::views::Registry;
use crate::warehouse::Warehouse;

/// Shared by all requests for as long as the server runs.
pub struct AppState {
    pub serve: Serve,
    pub time: Time,
    /// Limits that the quality report names.
    pub limits: Limits,
    /// Tells which dates are missing.
    pub expectation: Expectation,
    /// The URL of the warehouse without its password.
    pub warehouse_url: String,
    pub options: Options,
    pub registry: Arc<Registry>,
    pub routes: RelationRoutes,
    pub monitor: Arc<WarehouseMonitor>,
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

pub type SharedState = Arc<AppState>;

impl AppState {
    /// # Errors
    /// Views that cannot be read, or that have the name of a route; tokens or an audit log that
    /// cannot be used.
    pub fn new(
        setup: Setup,
        options: Options,
        address: &Address,
        max_connections: usize,
    ) -> Result<Self> {
        let Setup { serve, time, limits, expectation, warehouse, registry, open_warehouse } = setup;
        let fingerprint = html::fingerprint(&registry)?;
        let tokens = Tokens::read(&serve)?;
        let audit = match &serve.audit_log {
            Some(path) => AuditLog::open(path)?,
            None => AuditLog::StandardError(options.log.clone()),
        };
        let routes = RelationRoutes::new(Arc::clone(&registry))?;
        let base_path = serve.url_prefix()?;
        base_path.iter().try_for_each(|base| routes.check_base_path(base))?;
        Ok(AppState {
            routes,
            base_path,
            monitor: Arc::new(WarehouseMonitor::new(
                open_warehouse,
                fingerprint,
                options.log.clone(),
            )),
            query_limit: QueryLimit::new(&serve, &warehouse),
            places: Arc::new(Places::new(max_connections, serve.max_connections_per_address())),
            stopping: CancellationToken::new(),
            requires_https: serve.tls_cert.is_some() && !address.is_loopback,
            metrics: Metrics::new()?,
            assets: AssetResponses::new(),
            templates: Templates::new()?,
            access: AccessControl::new(tokens, address),
            trusted_proxies: TrustedProxies::new(serve.proxy_networks()?),
            audit,
            warehouse_url: warehouse.url.to_string(),
            registry,
            serve,
            time,
            limits,
            expectation,
            options,
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
        self.serve.allow_user_rows && caller.has_user_rows_role()
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

//! What all requests share.

use std::sync::Arc;

use anyhow::Result;

use super::access_control::AccessControl;
use super::address::Address;
use super::assets::AssetResponses;
use super::metrics::Metrics;
use super::problem::Problem;
use super::query_limit::QueryLimit;
use super::relation_routes::RelationRoutes;
use super::setup::{Options, Setup};
use super::warehouse_monitor::WarehouseMonitor;
use crate::checks::Limits;
use crate::config::{Serve, Time};
use crate::output::data_version::DataVersion;
use crate::output::documents::LoadedData;
use crate::output::html;
use crate::output::html::Templates;
use crate::views::Registry;
use crate::warehouse::Warehouse;

/// Shared by all requests for as long as the server runs.
pub struct AppState {
    pub serve: Serve,
    pub time: Time,
    /// Limits that the quality report names.
    pub limits: Limits,
    /// The URL of the warehouse without its password.
    pub warehouse_url: String,
    pub options: Options,
    pub registry: Arc<Registry>,
    pub routes: RelationRoutes,
    pub monitor: Arc<WarehouseMonitor>,
    pub query_limit: QueryLimit,
    pub metrics: Metrics,
    pub assets: AssetResponses,
    pub templates: Templates,
    pub access: AccessControl,
}

pub type SharedState = Arc<AppState>;

impl AppState {
    /// # Errors
    /// Views that cannot be read, or that have the name of a route.
    pub fn new(setup: Setup, options: Options, address: &Address) -> Result<Self> {
        let Setup { serve, time, limits, warehouse, registry, open_warehouse } = setup;
        let fingerprint = html::fingerprint(&registry)?;
        Ok(AppState {
            routes: RelationRoutes::new(Arc::clone(&registry))?,
            monitor: Arc::new(WarehouseMonitor::new(open_warehouse, fingerprint)),
            query_limit: QueryLimit::new(&serve, &warehouse),
            metrics: Metrics::new()?,
            assets: AssetResponses::new(),
            templates: Templates::new()?,
            access: AccessControl::new(serve.token.clone(), address),
            warehouse_url: warehouse.url.to_string(),
            registry,
            serve,
            time,
            limits,
            options,
        })
    }

    /// The data for documents and pages.
    pub fn data<'a>(
        &'a self,
        version: &'a DataVersion,
        warehouse: &'a dyn Warehouse,
    ) -> LoadedData<'a> {
        let allow_user_rows = self.serve.allow_user_rows;
        LoadedData { registry: &self.registry, version, warehouse, allow_user_rows }
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

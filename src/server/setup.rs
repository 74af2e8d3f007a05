//! What the server is started with.

use std::sync::Arc;

use anyhow::Result;

use crate::checks::Limits;
use crate::config::{Serve, Time, Warehouse as WarehouseConfig};
use crate::progress::log::Log;
use crate::stages::quality::Expectation;
use crate::views::Registry;
use crate::warehouse::Warehouse;

/// Opens the warehouse; it is called again until it succeeds.
pub type OpenWarehouse = Box<dyn Fn() -> Result<Arc<dyn Warehouse>> + Send + Sync>;

/// The sections of the config that the server needs, the views and the warehouse.
pub struct Setup {
    pub serve: Serve,
    pub time: Time,
    pub limits: Limits,
    pub expectation: Expectation,
    pub warehouse: WarehouseConfig,
    pub registry: Arc<Registry>,
    pub open_warehouse: OpenWarehouse,
}

/// Options of the command line that are not in the config.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Serve without a token on any address.
    pub insecure: bool,
    /// Write the access log.
    pub access_log: bool,
    /// Receives the access log, the audit log and errors.
    pub log: Log,
}

//! What the server is started with.

use std::sync::Arc;

use anyhow::Result;

use crate::checks::Limits;
use crate::config::{Audience, Serve, Time, Warehouse as WarehouseConfig};
use crate::output::people;
use crate::progress::log::Log;
use crate::stages::quality::Expectation;
use crate::views::Registry;
use crate::warehouse::Warehouse;

/// Opens the warehouse; it is called again until it succeeds.
pub type OpenWarehouse = Box<dyn Fn() -> Result<Arc<dyn Warehouse>> + Send + Sync>;

/// The sections of the config that hold until the server ends, and where all others are read.
pub struct Setup {
    pub serve: Serve,
    pub warehouse: WarehouseConfig,
    /// Who reads if neither `serve.audience` nor the address says so.
    pub audience: Audience,
    pub source: Box<dyn DefinitionSource>,
}

/// The views and the settings that a running server takes up when they change.
pub struct Definitions {
    pub time: Time,
    pub limits: Limits,
    pub expectation: Expectation,
    pub people: people::Settings,
    /// The views of the audience.
    pub registry: Arc<Registry>,
    /// Opens what the audience reads, with these views.
    pub open_warehouse: OpenWarehouse,
}

/// The view files, the configuration and the list of released tables. Its functions block.
pub trait DefinitionSource: Send + Sync {
    /// A text that changes with the files.
    fn files(&self) -> String;

    /// Reads the files, for an audience. Also returns the changed keys that the server takes up only when it is
    /// started again.
    ///
    /// # Errors
    /// An invalid configuration or view file; released tables that cannot be read.
    fn read(&self, audience: Audience) -> Result<(Definitions, Vec<&'static str>)>;
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

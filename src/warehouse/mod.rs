//! Where tables and views live: one trait, so that commands and server know no engine.

pub mod embedded;
pub mod postgis;
mod select;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatchReader;

pub use select::{Order, Relation, Select};

use crate::config::{Config, WarehouseUrl};
use crate::domain::tables::Table;
use crate::progress::Progress;
use crate::run_history::Run;
use crate::views::{Registry, View};

/// Rows as a stream of batches, in the types of the contract: Utf8, Int64, Float64, Boolean,
/// Date32, Timestamp in µs without zone, Binary.
pub type Rows = Box<dyn RecordBatchReader + Send>;

/// What `load` puts into a warehouse.
#[derive(Debug, Clone)]
pub struct LoadRequest {
    /// Folder of `date=D/*.parquet` with hourly presence.
    pub compressed_events: PathBuf,
    /// GeoParquet files of the tables `cell_plan` and `lau`.
    pub cell_plan: PathBuf,
    pub lau: PathBuf,
    /// Parquet files of the small tables that there are.
    pub small: Vec<(Table, PathBuf)>,
    /// Also load the raw events.
    pub uncompressed: bool,
    /// Changes when any of the files does.
    pub fingerprint: String,
    /// Files of an earlier load are not taken over, as when they may be damaged.
    pub anew: bool,
}

impl LoadRequest {
    /// The tables that are one file each.
    pub fn files(&self) -> impl Iterator<Item = (Table, &PathBuf)> {
        let places = [(Table::CellPlan, &self.cell_plan), (Table::Lau, &self.lau)];
        places.into_iter().chain(self.small.iter().map(|(table, path)| (*table, path)))
    }
}

/// What a warehouse holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Loaded {
    /// Of the files that were loaded.
    pub fingerprint: String,
    /// UTC, RFC 3339.
    pub loaded_at: String,
    /// Rows by table name.
    pub rows: std::collections::BTreeMap<String, u64>,
}

/// One view after `deploy`.
#[derive(Debug, Clone)]
pub struct Deployed {
    pub view: String,
    pub rows: u64,
    pub elapsed: Duration,
    /// True when a stored result was still right.
    pub fresh: bool,
}

/// A warehouse that answers the SELECTs of `sql/views`.
///
/// Every method can be called from several threads at once and blocks until done; none may be
/// called from inside an async task.
pub trait Warehouse: Send + Sync {
    /// Where it is, for people: without a password.
    fn location(&self) -> String;

    /// What it holds; `None` before the first load.
    ///
    /// # Errors
    /// A warehouse that cannot be reached or read.
    fn loaded(&self) -> Result<Option<Loaded>>;

    /// Plans every view against tables without rows, so that a broken file is found before any
    /// work is done. Changes nothing.
    ///
    /// # Errors
    /// The first view that the engine refuses: file, line and reason.
    fn verify(&self) -> Result<()>;

    /// Replaces the tables. Readers see the old rows or the new rows; a load that fails or is
    /// killed leaves the old ones.
    ///
    /// # Errors
    /// Files that cannot be read, a warehouse that cannot be written, another load under way.
    fn load(&self, request: &LoadRequest, progress: &Progress) -> Result<Loaded>;

    /// Makes every view answer from what is loaded now. Stored results that are still right are
    /// kept unless `refresh` is set.
    ///
    /// # Errors
    /// A view that the engine refuses: file, line and reason. The other views stand as they were.
    fn deploy(&self, refresh: bool, progress: &Progress) -> Result<Vec<Deployed>>;

    /// Columns of a table or view.
    ///
    /// # Errors
    /// A view that the engine refuses.
    fn columns(&self, relation: Relation) -> Result<SchemaRef>;

    /// Rows of a table or view, filtered, ordered and cut.
    ///
    /// # Errors
    /// A filter on a column the relation lacks (wrong usage); no data loaded yet.
    fn select(&self, select: &Select) -> Result<Rows>;

    /// Number of rows that `select` would give without its limit and offset.
    ///
    /// # Errors
    /// As `select`.
    fn count(&self, select: &Select) -> Result<u64>;

    /// Runs one ad-hoc statement. Whatever would change anything is refused by the engine.
    ///
    /// # Errors
    /// What the engine says about the statement.
    fn sql(&self, statement: &str) -> Result<Rows>;

    /// Open connections to a server, and those among them that wait for work; `None` where there
    /// is no server.
    fn connections(&self) -> Option<(u32, u32)> {
        None
    }
}

/// Opens the configured warehouse.
///
/// # Errors
/// A URL of no known kind; a warehouse that cannot be reached.
pub fn open(config: &Config, views: Arc<Registry>) -> Result<Box<dyn Warehouse>> {
    match &config.warehouse.url {
        WarehouseUrl::Embedded(folder) => {
            Ok(Box::new(embedded::Embedded::open(folder.clone(), config.clone(), views)?))
        }
        WarehouseUrl::Postgres(_) => Ok(Box::new(postgis::Postgis::open(config.clone(), views)?)),
        url @ WarehouseUrl::Unknown(_) => bail!("{url} is no warehouse"),
    }
}

/// Tells the warehouse of runs that are over, those that it knows already among them. An embedded
/// one reads the record itself.
///
/// # Errors
/// A server that is away, or does not let us.
pub fn record(config: &Config, runs: &[Run]) -> Result<()> {
    match &config.warehouse.url {
        WarehouseUrl::Postgres(_) => postgis::record(config, runs),
        WarehouseUrl::Embedded(_) | WarehouseUrl::Unknown(_) => Ok(()),
    }
}

/// The view or table of that name; views first.
///
/// # Errors
/// [`crate::errors::UsageError`] with the nearest view.
pub fn relation<'a>(views: &'a Registry, name: &str) -> Result<Relation<'a>> {
    match (views.find(name), Table::from_name(name)) {
        (Ok(view), _) => Ok(Relation::View(view)),
        (Err(_), Some(table)) => Ok(Relation::Table(table)),
        (Err(error), None) => Err(error),
    }
}

impl<'a> From<&'a View> for Relation<'a> {
    fn from(view: &'a View) -> Self {
        Relation::View(view)
    }
}

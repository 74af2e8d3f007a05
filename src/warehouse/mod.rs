//! Warehouses store tables and views: one trait, so that commands and the server are independent of
//! the engine.

mod batches;
mod catalogue;
mod dated_files;
pub mod embedded;
pub mod postgis;
mod published;
mod select;
mod spark_job;
mod sql_excerpt;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatchReader;
use chrono::NaiveDate;

pub use catalogue::{Question, question};
pub use dated_files::{DatedFile, movement_files};
pub use published::released_views;
pub use select::{DayColumn, Relation, Select};
use spark_job::ViewEngine;

use crate::config::{Config, Publish, Warehouse as Settings, WarehouseUrl};
use crate::domain::tables::Table;
use crate::events::raw::RawEvents;
use crate::progress::Progress;
use crate::run_history::Run;
use crate::views::{Registry, View};

/// A stream of record batches, in the types of the contract: Utf8, Int64, Float64, Boolean,
/// Date32, Timestamp in µs without zone, Binary.
pub type Rows = Box<dyn RecordBatchReader + Send>;

/// The files that a load puts into a warehouse.
#[derive(Debug, Clone)]
pub struct LoadRequest {
    /// Folder of hourly presence, `date=D/*.parquet`.
    pub compressed_events: PathBuf,
    /// GeoParquet files of the tables `cell_plan` and `lau`.
    pub cell_plan: PathBuf,
    pub lau: PathBuf,
    /// Parquet files of the small tables, as far as they exist.
    pub small_tables: Vec<(Table, PathBuf)>,
    /// The files of the tables of the stage `movement`.
    pub movement: Vec<DatedFile>,
    /// Also load the raw events.
    pub uncompressed: bool,
    /// Changes when any of the files does.
    pub fingerprint: String,
    /// Do not reuse files of earlier loads, which may be damaged.
    pub ignore_previous: bool,
}

impl LoadRequest {
    /// The tables that are a single file, with their files.
    pub fn files(&self) -> impl Iterator<Item = (Table, &PathBuf)> {
        let spatial = [(Table::CellPlan, &self.cell_plan), (Table::Lau, &self.lau)];
        spatial.into_iter().chain(self.small_tables.iter().map(|(table, path)| (*table, path)))
    }
}

/// The latest load of a warehouse.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Loaded {
    /// Fingerprint of the loaded files.
    pub fingerprint: String,
    /// Time of the load: UTC, RFC 3339.
    pub loaded_at: String,
    /// Number of rows by table name.
    pub rows: std::collections::BTreeMap<String, u64>,
}

/// Rows of dates before a boundary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpiredRows {
    pub dates: BTreeSet<NaiveDate>,
    pub rows: u64,
}

impl ExpiredRows {
    pub fn is_empty(&self) -> bool {
        self.dates.is_empty() && self.rows == 0
    }
}

/// What was released to the public.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Releases {
    /// The dates of which there are rows.
    pub dates: BTreeSet<NaiveDate>,
    /// The smallest number of devices that is shown.
    pub min_devices: u64,
}

/// A view after `deploy`.
#[derive(Debug, Clone)]
pub struct Deployed {
    pub view: String,
    pub rows: u64,
    pub elapsed: Duration,
    /// The stored result was current and has been kept.
    pub fresh: bool,
}

/// A store of the tables and the views of `sql/views`.
///
/// All methods are thread-safe and blocking; they must not be called from an async task.
pub trait Warehouse: Send + Sync {
    /// The location for messages, without a password.
    fn location(&self) -> String;

    /// The latest load; `None` before the first one.
    ///
    /// # Errors
    /// A warehouse that cannot be reached or read.
    fn loaded(&self) -> Result<Option<Loaded>>;

    /// What to say while nothing is loaded.
    fn nothing_yet(&self) -> String {
        format!("{} holds no data yet; run `mobility run-all`, or `mobility load`", self.location())
    }

    /// What was released, of a store of released tables; `None` for a warehouse with exact numbers.
    ///
    /// # Errors
    /// A store that cannot be read.
    fn releases(&self) -> Result<Option<Releases>> {
        Ok(None)
    }

    /// What the first load creates before the tables, for example a schema. Changes nothing.
    ///
    /// # Errors
    /// What may not be created, with the remedy.
    fn missing(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Creates what [`Warehouse::missing`] lists. A load does so as well; a run of all stages does so
    /// first, to report a missing privilege before any work is done.
    ///
    /// # Errors
    /// What may not be created, with the remedy.
    fn prepare(&self) -> Result<()> {
        Ok(())
    }

    /// Compares the files of the warehouse with those of the latest load; with `contents`, also reads them
    /// and checks them for damage. A server answers for its own files.
    ///
    /// # Errors
    /// A file that is missing, was added, changed, or is damaged.
    fn verify_files(&self, _contents: bool) -> Result<()> {
        Ok(())
    }

    /// Plans every view of the user against empty tables, so that a broken view file is found before any work
    /// is done. Changes nothing.
    ///
    /// # Errors
    /// The first view that the engine rejects, with file, line and reason.
    fn verify(&self) -> Result<()>;

    /// Replaces the rows of all tables. Readers see either the old or the new rows; a load that fails or
    /// is killed keeps the old ones.
    ///
    /// # Errors
    /// Files that cannot be read; a warehouse that cannot be written; another running load.
    fn load(&self, request: &LoadRequest, progress: &Progress) -> Result<Loaded>;

    /// Computes and stores the results of all views. Current results are kept unless `refresh` is set.
    ///
    /// # Errors
    /// A view that the engine rejects, with file, line and reason. The other views are unchanged.
    fn deploy(&self, refresh: bool, progress: &Progress) -> Result<Vec<Deployed>>;

    /// The columns of a table or view.
    ///
    /// # Errors
    /// A view that the engine rejects.
    fn columns(&self, relation: Relation) -> Result<SchemaRef>;

    /// Rows of a table or view, with filters, order, limit and offset.
    ///
    /// # Errors
    /// A filter on a column that the relation lacks (a usage error); a warehouse without data.
    fn select(&self, select: &Select) -> Result<Rows>;

    /// The number of rows that `select` returns without its limit and offset.
    ///
    /// # Errors
    /// As `select`.
    fn count(&self, select: &Select) -> Result<u64>;

    /// Runs one query that a user wrote. The engine rejects statements that change data.
    ///
    /// # Errors
    /// Errors of the engine; any query over a store of released tables.
    fn sql(&self, statement: &str) -> Result<Rows> {
        self.sql_with(statement, &[])
    }

    /// Runs one query of the program itself, in which `$1` stands for the first of the texts, and so on.
    ///
    /// # Errors
    /// As `sql`.
    fn sql_with(&self, statement: &str, texts: &[&str]) -> Result<Rows>;

    /// What is left of the dates before `before`, in the current rows, in those of earlier loads, and in
    /// stored results.
    ///
    /// # Errors
    /// A warehouse that cannot be reached or read.
    fn expired(&self, before: NaiveDate) -> Result<ExpiredRows>;

    /// Removes all rows of the dates before `before`, also those of earlier loads, and results of views
    /// that were computed from them. Readers see the old or the new rows.
    ///
    /// # Errors
    /// A warehouse that cannot be written; a running load; rows that are left afterwards.
    fn purge(&self, before: NaiveDate, progress: &Progress) -> Result<()>;

    /// What was noticed when the warehouse was opened.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// The number of open connections to a server, and of the idle ones among them; `None` without a
    /// server.
    fn connections(&self) -> Option<(u32, u32)> {
        None
    }
}

/// Opens the configured warehouse.
///
/// # Errors
/// An unsupported URL; a warehouse that cannot be reached.
pub fn open(config: &Config, views: Arc<Registry>) -> Result<Box<dyn Warehouse>> {
    let raw_events = RawEvents::new(config);
    match &config.warehouse.url {
        WarehouseUrl::Embedded(folder) => {
            let settings = embedded::Settings {
                folder: folder.clone(),
                run_history: config.data.runs(),
                raw_events,
                engine: ViewEngine::of(config),
            };
            Ok(Box::new(embedded::Embedded::open(settings, views)?))
        }
        WarehouseUrl::Postgres(_) => Ok(Box::new(postgis::Postgis::open(
            &config.warehouse,
            &config.data,
            (raw_events, ViewEngine::of(config)),
            views,
        )?)),
        WarehouseUrl::Unusable(reason) => bail!("unsupported warehouse URL: {reason}"),
    }
}

/// Opens the store of released tables, the only thing that a public reader sees; `views` are those of
/// [`released_views`].
///
/// # Errors
/// Threads that cannot be started.
pub fn open_released(publish: &Publish, views: Arc<Registry>) -> Result<Box<dyn Warehouse>> {
    Ok(Box::new(published::ReleasedTables::open(publish, views)?))
}

/// Adds the finished runs that the warehouse lacks to its table `runs`. An embedded warehouse reads the
/// run history file itself.
///
/// # Errors
/// An unreachable server; missing privileges.
pub fn record(settings: &Settings, runs: &[Run]) -> Result<()> {
    match &settings.url {
        WarehouseUrl::Postgres(_) => postgis::record(settings, runs),
        WarehouseUrl::Embedded(_) | WarehouseUrl::Unusable(_) => Ok(()),
    }
}

/// Finds the view or else the table with a name.
///
/// # Errors
/// [`crate::errors::UsageError`] that suggests the nearest view.
pub fn relation<'a>(views: &'a Registry, name: &str) -> Result<Relation<'a>> {
    let table = Table::from_name(name).filter(|table| views.tables().contains(table));
    match (views.find(name), table) {
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

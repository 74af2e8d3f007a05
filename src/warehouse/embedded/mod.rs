//! The embedded warehouse: Apache DataFusion over Parquet files in a folder, without a server.

mod compute_view;
mod engine_errors;
pub(super) mod files_table;
pub(super) mod filter;
mod load;
mod lossy_casts;
mod memory_pool;
pub(super) mod parquet_files;
pub(super) mod parquet_tables;
mod period_batches;
mod periods;
pub(super) mod presence_sql;
mod presence_table;
pub(super) mod presence_views;
mod pruning;
mod purge;
mod raw_events_table;
mod raw_streamed_table;
mod relations;
pub(super) mod rows;
mod rows_by_period;
mod runs_table;
pub(super) mod session;
mod signed_merge;
mod small_batches;
mod small_files;
mod sorted_aggregate;
mod spark_views;
mod split_rows;
mod stored_results;
mod sums;
pub(super) mod table_files;
mod table_lists;
mod temporary_results;
mod verify;
mod versions;
mod view_results;
mod yielding;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use arrow::datatypes::SchemaRef;
use chrono::NaiveDate;
use datafusion::common::ScalarValue;
use tokio::runtime::Runtime;

use super::spark_job::ViewEngine;
use super::sql_excerpt::with_excerpt;
use super::{
    Deployed, ExpiredRows, LoadRequest, Loaded, Relation, Rows, Select, Warehouse, catalogue,
};
use crate::domain::tables::Table;
use crate::events::raw::RawEvents;
use crate::progress::Progress;
use crate::runtime::cancellation;
use crate::storage::atomic::sync_folder;
use crate::views::{Registry, View};
use filter::{filtered, limited, sorted};
use periods::Periods;
use rows::contract_schema;
use table_files::LastFiles;
use temporary_results::TemporaryResults;
use versions::{Store, Version};
use view_results::Update;

/// What the embedded warehouse needs of the config.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of the warehouse; the first load creates it.
    pub folder: PathBuf,
    /// File with the records of all runs.
    pub run_history: PathBuf,
    pub raw_events: RawEvents,
    pub engine: ViewEngine,
}

/// The schema of all relations in `information_schema`.
const SCHEMA: &str = "public";

/// An open embedded warehouse.
pub struct Embedded {
    store: Store,
    settings: Settings,
    views: Arc<Registry>,
    runtime: Arc<Runtime>,
    temporary: TemporaryResults,
    last_files: LastFiles,
}

impl Embedded {
    /// Opens a warehouse, which need not exist yet.
    ///
    /// # Errors
    /// Threads that cannot be started.
    pub fn open(settings: Settings, views: Arc<Registry>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .build()
            .context("cannot start the threads of the embedded warehouse")?;
        Ok(Embedded {
            store: Store::new(settings.folder.clone()),
            settings,
            views,
            runtime: Arc::new(runtime),
            temporary: TemporaryResults::default(),
            last_files: LastFiles::default(),
        })
    }

    fn version(&self) -> Result<Version> {
        self.store.current()?.ok_or_else(|| {
            anyhow!(
                "{} holds no data yet; run `mobility run-all`, or `mobility load`",
                self.location()
            )
        })
    }

    /// Fingerprint of everything that the result of a view depends on, except the loaded tables.
    fn fingerprint(&self, view: &View) -> Result<String> {
        let mut fingerprint = self.views.fingerprint(view)?;
        if self.views.reads(view, Table::MobileEventsUncompressed.name())? {
            let raw_events = &self.settings.raw_events;
            let raw = raw_events.fingerprint(&raw_events.inputs()?)?;
            fingerprint.push_str(&raw[..16]);
        }
        if self.views.reads(view, Table::Runs.name())? {
            fingerprint.push_str(&crate::run_history::fingerprint(&self.settings.run_history));
        }
        Ok(fingerprint)
    }
}

impl Warehouse for Embedded {
    fn location(&self) -> String {
        format!("the warehouse embedded:{}", self.store.root().display())
    }

    fn loaded(&self) -> Result<Option<Loaded>> {
        Ok(self.store.current()?.map(|v| v.loaded))
    }

    fn verify(&self) -> Result<()> {
        self.runtime.block_on(self.plan_without_data())
    }

    fn verify_files(&self, contents: bool) -> Result<()> {
        match self.store.current()? {
            Some(version) => self.ensure_complete(&version, contents),
            None => Ok(()),
        }
    }

    fn load(&self, request: &LoadRequest, progress: &Progress) -> Result<Loaded> {
        let bar = progress.spinner("load", "linking files");
        // nothing is reused from a warehouse that is damaged
        let previous =
            if request.ignore_previous { None } else { self.store.current().ok().flatten() };
        let previous = previous
            .and_then(|version| table_lists::read(&version.folder, version.list.as_deref()).ok());
        let previous = previous.unwrap_or_default();
        // names in lists are relative to the folder of any version
        let folder = self.store.root().join("version");
        let loaded = self.store.replace(|| load::fill(request, &previous, &folder));
        bar.finish();
        loaded
    }

    fn deploy(&self, refresh: bool, progress: &Progress) -> Result<Vec<Deployed>> {
        // before the lock, which creates the folder
        self.version()?;
        let _lock = self.store.lock()?;
        let version = self.version()?;
        self.ensure_complete(&version, false)?;
        let folder = self.store.results();
        let unfinished = stored_results::begin(&folder, &self.views)?;
        let bar = progress.spinner("views", "");
        self.settings.engine.note("the native engine", progress);
        let by_spark = match self.settings.engine.spark() {
            Some(spark) => self.results_by_spark(spark, (&version, refresh), progress, &bar)?,
            None => BTreeSet::new(),
        };
        let mut periods = Periods::new(self, &version, &folder)?;
        let mut deployed = BTreeMap::new();
        let mut small_files = HashMap::new();
        for view in self.views.in_dependency_order()? {
            bar.message(&view.title);
            let started = Instant::now();
            let by_spark = by_spark.contains(&view.view);
            let update = Update { refresh: refresh && !by_spark, exclusive: true };
            let stored = self.update(&version, view, &folder, &mut periods, update)?;
            let of_view = Deployed {
                view: view.view.clone(),
                rows: stored.results.rows(),
                elapsed: started.elapsed(),
                fresh: stored.kept && !by_spark,
            };
            deployed.insert(view.view.clone(), of_view);
            small_files.insert(view.view.as_str(), stored.results.small_files());
        }
        self.merge_small_files(&folder, &small_files)?;
        sync_folder(&unfinished)?;
        bar.finish();
        // what an interrupted run left is removed by the next one
        let _ = std::fs::remove_file(unfinished);
        let views = self.views.views().iter();
        Ok(views.filter_map(|view| deployed.remove(&view.view)).collect())
    }

    fn expired(&self, before: NaiveDate) -> Result<ExpiredRows> {
        purge::expired(&self.store, before)
    }

    fn purge(&self, before: NaiveDate, _: &Progress) -> Result<()> {
        // a file that is missing must not go unnoticed because the new version does not list it
        self.verify_files(false)?;
        purge::run(&self.store, before)
    }

    fn columns(&self, relation: Relation) -> Result<SchemaRef> {
        let (frame, _) = self.frame(&session::new(true), relation)?;
        Ok(contract_schema(frame.schema().as_arrow()))
    }

    fn select(&self, select: &Select) -> Result<Rows> {
        let (frame, unordered) = self.frame(&session::new(true), select.relation)?;
        let (frame, mut order) = filtered(frame, select)?;
        if let (true, Some(view)) = (order.is_empty(), unordered) {
            order.clone_from(&view.order);
        }
        // the files of these tables are in the order of dates, and the tables in that of users
        if let (true, Relation::Table(Table::Segments | Table::Trips)) =
            (order.is_empty(), select.relation)
        {
            order = select.relation.default_order();
        }
        let frame = sorted(frame, &order)?;
        self.rows(limited(frame, select)?)
    }

    fn count(&self, select: &Select) -> Result<u64> {
        let (frame, _) = self.frame(&session::new(true), select.relation)?;
        let (frame, _) = filtered(frame, select)?;
        let count = cancellation::block_on(&self.runtime, frame.count())?;
        Ok(count.map_err(session::explain)? as u64)
    }

    fn sql_with(&self, statement: &str, texts: &[&str]) -> Result<Rows> {
        let rows = || -> Result<Rows> {
            let context = session::new(false);
            if let Some(question) = catalogue::question(statement) {
                let columns = |view: &str| {
                    let view = self.views.by_sql_name(view)?;
                    self.columns(Relation::View(view)).ok()
                };
                let relations = catalogue::relations(&self.views, columns);
                let answer =
                    catalogue::answer(&question, statement, SCHEMA, &relations, &self.views);
                if let Some(rows) = answer? {
                    return Ok(rows);
                }
                catalogue::register(&context, SCHEMA, &relations)?;
            }
            let version = self.version()?;
            let planned = async {
                let parsed = session::parse(&context, statement)?;
                self.register(&context, &version, parsed.relations.clone(), None).await?;
                session::plan(&context, parsed).await
            };
            let mut frame = cancellation::block_on(&self.runtime, planned)??;
            if !texts.is_empty() {
                let values: Vec<ScalarValue> =
                    texts.iter().map(|t| ScalarValue::from(*t)).collect();
                frame = frame.with_param_values(values).map_err(session::explain)?;
            }
            self.rows(frame)
        };
        rows().map_err(|error| with_excerpt(statement, error))
    }
}

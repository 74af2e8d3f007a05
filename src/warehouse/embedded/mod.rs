//! The embedded warehouse: Apache DataFusion over Parquet files in a folder. No server.

mod compute_view;
mod daily_results;
mod presence_table;
mod raw_csv_table;
mod raw_events_table;
mod rows;
mod runs_table;
mod session;
mod sorted_aggregate;
mod spark_views;
mod temporary_results;
mod verify;
mod versions;
mod view_results;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use arrow::datatypes::SchemaRef;
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::SortExpr;
use datafusion::prelude::{DataFrame, Expr, SessionContext, ident, lit};
use futures::future::BoxFuture;
use tokio::runtime::Runtime;

use super::select::DayColumn;
use super::{Deployed, LoadRequest, Loaded, Relation, Rows, Select, Warehouse};
use crate::config::{Config, Engine};
use crate::datasets::presence::{PresenceFile, files};
use crate::domain::tables::Table;
use crate::events::raw as raw_events;
use crate::formats::parquet::checksum;
use crate::progress::Progress;
use crate::storage::atomic::{adopt, sweep_all};
use crate::views::{OrderBy, Registry, View};
use rows::contract_schema;
use temporary_results::TemporaryResults;
use versions::{Store, Version};

/// An opened embedded warehouse.
pub struct Embedded {
    store: Store,
    config: Config,
    views: Arc<Registry>,
    runtime: Arc<Runtime>,
    temporary: TemporaryResults,
}

impl Embedded {
    /// Opens the warehouse in `folder`; the folder comes with the first load.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn open(folder: PathBuf, config: Config, views: Arc<Registry>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .build()
            .context("no threads for the embedded warehouse")?;
        Ok(Embedded {
            store: Store::new(folder),
            config,
            views,
            runtime: Arc::new(runtime),
            temporary: TemporaryResults::default(),
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

    /// Changes with whatever the result of a view is computed from, apart from the loaded tables.
    fn mark(&self, view: &View) -> Result<String> {
        let mut mark = self.views.fingerprint(view)?;
        if self.views.reads(view, Table::MobileEventsUncompressed.name())? {
            let raw = raw_events::mark(&self.config, &raw_events::inputs(&self.config)?);
            mark.push_str(&raw[..16]);
        }
        if self.views.reads(view, Table::Runs.name())? {
            mark.push_str(&crate::run_history::fingerprint(&self.config.data.runs()));
        }
        Ok(mark)
    }

    /// Registers the relations that a statement names, and what those need.
    fn register<'a>(
        &'a self,
        context: &'a SessionContext,
        version: &'a Version,
        names: Vec<String>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for name in names {
                if context.table_exist(name.as_str()).map_err(session::explain)? {
                    continue;
                }
                if let Some(view) = self.views.by_sql_name(&name) {
                    let stored = version.result(&view.view, &self.mark(view)?);
                    let provider = match view_results::describe(&stored) {
                        Some((schema, _)) => session::file(&stored, &schema)?,
                        None => self.plan_view(context, version, view).await?.into_view(),
                    };
                    session::register(context, &name, provider)?;
                } else if name == Table::MobileEventsUncompressed.name() {
                    let inputs = raw_events::inputs(&self.config)?;
                    session::register(
                        context,
                        &name,
                        raw_events_table::provider(context, &self.config, inputs)?,
                    )?;
                } else if name == Table::Runs.name() {
                    session::register(context, &name, self.history()?)?;
                } else if let Some(table) = Table::ALL.into_iter().find(|t| t.name() == name) {
                    // the files of events are many, and looked at where a view reads all of them
                    let file = version.table(table.name());
                    if file.exists() {
                        checksum::refuse_damaged([file])?;
                    }
                    session::register_table(context, version, table)?;
                } else {
                    self.refuse_likely_slip(&name)?;
                }
            }
            Ok(())
        })
    }

    fn history(&self) -> Result<Arc<dyn TableProvider>> {
        runs_table::provider(&self.config.data.runs())
    }

    /// What is unknown and like nothing, the engine refuses with its place in the text.
    fn refuse_likely_slip(&self, name: &str) -> Result<()> {
        match self.views.hint_for_sql(name) {
            Some(hint) => bail!("there is no table or view {name:?}; {hint}"),
            None => Ok(()),
        }
    }

    async fn plan_view(
        &self,
        context: &SessionContext,
        version: &Version,
        view: &View,
    ) -> Result<DataFrame> {
        let place = || view.place();
        let parsed = session::parse(context, &view.sql).with_context(place)?;
        self.register(context, version, parsed.relations.clone()).await.with_context(place)?;
        session::plan(context, parsed).await.with_context(place)
    }

    /// The stored result of a view, computed first where there is none that is still right.
    fn result(
        &self,
        version: &Version,
        view: &View,
        refresh: bool,
    ) -> Result<(PathBuf, u64, bool)> {
        let path = version.result(&view.view, &self.mark(view)?);
        if !refresh && let Some((_, rows)) = view_results::describe(&path) {
            return Ok((path, rows, true));
        }
        let count = self.compute(version, view, &path, refresh).with_context(|| view.place())?;
        Ok((path, count, false))
    }

    /// The relation as a frame whose rows come in the relation's own order.
    fn frame(&self, context: &SessionContext, relation: Relation) -> Result<DataFrame> {
        if let Relation::Table(Table::Runs) = relation {
            // runs are there before anything is loaded
            return context.read_table(self.history()?).map_err(session::explain);
        }
        let version = self.version()?;
        let provider = match relation {
            Relation::View(view) => {
                let path = match self.result(&version, view, false) {
                    Ok((path, _, _)) => path,
                    Err(error) if temporary_results::is_read_only(&error) => {
                        let path = self.temporary.path(&version, view, &self.mark(view)?)?;
                        if view_results::describe(&path).is_none() {
                            self.compute(&version, view, &path, false)?;
                        }
                        path
                    }
                    Err(error) => return Err(error),
                };
                let (schema, _) = view_results::describe(&path)
                    .with_context(|| format!("{} vanished", path.display()))?;
                session::file(&path, &schema)?
            }
            Relation::Table(table) => {
                let name = vec![table.name().to_owned()];
                self.runtime.block_on(self.register(context, &version, name))?;
                return self
                    .runtime
                    .block_on(context.table(table.name()))
                    .map_err(session::explain);
            }
        };
        context.read_table(provider).map_err(session::explain)
    }

    fn filtered(&self, select: &Select) -> Result<(DataFrame, Vec<OrderBy>)> {
        let frame = self.frame(&session::new(true), select.relation)?;
        let resolved = select.resolve(&contract_schema(frame.schema().as_arrow()))?;
        let mut conditions = Vec::new();
        if let Some(lau) = &select.lau {
            conditions.push(ident("lau_id").eq(lit(lau.as_str())));
        }
        if let Some(day) = &resolved.day {
            conditions.extend(select.from.map(|d| at_least(day, d)));
            conditions.extend(select.to.map(|d| before(day, d)));
        }
        let frame = match conditions.into_iter().reduce(Expr::and) {
            Some(condition) => frame.filter(condition).map_err(session::explain)?,
            None => frame,
        };
        Ok((frame, resolved.by))
    }
}

fn at_least(day: &DayColumn, date: NaiveDate) -> Expr {
    match day {
        DayColumn::Date(column) => ident(column).gt_eq(day_literal(date)),
        DayColumn::Time(column) => ident(column).gt_eq(midnight(date)),
    }
}

fn before(day: &DayColumn, last: NaiveDate) -> Expr {
    match day {
        DayColumn::Date(column) => ident(column).lt_eq(day_literal(last)),
        DayColumn::Time(column) => ident(column).lt(midnight(last + TimeDelta::days(1))),
    }
}

fn day_literal(date: NaiveDate) -> Expr {
    lit(ScalarValue::Date32(Some(date.to_epoch_days())))
}

fn midnight(date: NaiveDate) -> Expr {
    let us = date.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
    lit(ScalarValue::TimestampMicrosecond(Some(us), None))
}

/// Nulls come last going up and first going down, as PostgreSQL has it.
fn sorted(frame: DataFrame, order: &[OrderBy]) -> Result<DataFrame> {
    if order.is_empty() {
        return Ok(frame);
    }
    let columns = frame.schema().field_names();
    if let Some(missing) =
        order.iter().find(|o| frame.schema().field_with_unqualified_name(&o.column).is_err())
    {
        bail!(
            "the header orders by {:?}, but the columns are {}",
            missing.column,
            columns.join(", ")
        );
    }
    let keys: Vec<SortExpr> =
        order.iter().map(|o| ident(&o.column).sort(!o.descending, o.descending)).collect();
    frame.sort(keys).map_err(session::explain)
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

    fn load(&self, request: &LoadRequest, progress: &Progress) -> Result<Loaded> {
        let bar = progress.spinner("load", "linking files");
        // one that is damaged has nothing to take over
        let before = if request.anew { None } else { self.store.current().ok().flatten() };
        let before = before.map(|version| version.events());
        let loaded = self.store.replace(|folder| {
            let mut rows = BTreeMap::new();
            checksum::refuse_damaged(request.files().map(|(_, path)| path))?;
            let target = folder.join("mobile_events_compressed");
            let events = load_events(&request.compressed_events, before.as_deref(), &target)?;
            rows.insert(Table::MobileEventsCompressed.name().to_owned(), events);
            for (table, source) in request.files() {
                adopt(source, &folder.join(format!("{}.parquet", table.name())))?;
                rows.insert(table.name().to_owned(), checked_rows(source, table)?);
            }
            let loaded_at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            Ok(Loaded { fingerprint: request.fingerprint.clone(), loaded_at, rows })
        });
        bar.finish();
        loaded
    }

    fn deploy(&self, refresh: bool, progress: &Progress) -> Result<Vec<Deployed>> {
        let version = self.version()?;
        let results = version.results();
        for folder in [self.store.root(), &results, &results.join(daily_results::DAYS)] {
            sweep_all(folder, ".");
        }
        let bar = progress.spinner("views", "");
        let by_spark = match self.config.engine {
            Engine::Native => BTreeSet::new(),
            Engine::Spark => self.results_by_spark(&version, refresh, progress, &bar)?,
        };
        let mut deployed = Vec::new();
        for view in self.views.views() {
            bar.message(&view.title);
            let started = Instant::now();
            let by_spark = by_spark.contains(&view.view);
            let (_, rows, kept) = self.result(&version, view, refresh && !by_spark)?;
            let fresh = kept && !by_spark;
            deployed.push(Deployed {
                view: view.view.clone(),
                rows,
                elapsed: started.elapsed(),
                fresh,
            });
        }
        bar.finish();
        Ok(deployed)
    }

    fn columns(&self, relation: Relation) -> Result<SchemaRef> {
        let frame = self.frame(&session::new(true), relation)?;
        Ok(contract_schema(frame.schema().as_arrow()))
    }

    fn select(&self, select: &Select) -> Result<Rows> {
        let (frame, order) = self.filtered(select)?;
        let mut frame = sorted(frame, &order)?;
        if select.offset > 0 || select.limit.is_some() {
            let limit = select.limit.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
            let offset = usize::try_from(select.offset).unwrap_or(usize::MAX);
            frame = frame.limit(offset, limit).map_err(session::explain)?;
        }
        self.rows(frame)
    }

    fn count(&self, select: &Select) -> Result<u64> {
        let (frame, _) = self.filtered(select)?;
        Ok(self.runtime.block_on(frame.count()).map_err(session::explain)? as u64)
    }

    fn sql(&self, statement: &str) -> Result<Rows> {
        let version = self.version()?;
        let context = session::new(false);
        let frame = self.runtime.block_on(async {
            let parsed = session::parse(&context, statement)?;
            self.register(&context, &version, parsed.relations.clone()).await?;
            session::plan(&context, parsed).await
        })?;
        self.rows(frame)
    }
}

/// Links the date folders of hourly presence; returns the number of rows. Files that the load
/// `before` has are taken from there and not read: that load did.
fn load_events(source: &Path, before: Option<&Path>, target: &Path) -> Result<u64> {
    let mut rows = 0;
    let create = |folder: &Path| {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))
    };
    create(target)?;
    let mut fresh = Vec::new();
    for PresenceFile { date, path } in files(source)? {
        let place = Path::new(&format!("date={date}")).join(path.file_name().unwrap_or_default());
        create(&target.join(&place).with_file_name(""))?;
        rows += checked_rows(&path, Table::MobileEventsCompressed)?;
        let stated = checksum::stated(&path);
        let earlier = before.map(|before| before.join(&place));
        let same =
            earlier.filter(|earlier| stated.is_some() && checksum::stated(earlier) == stated);
        adopt(same.as_ref().unwrap_or(&path), &target.join(&place))?;
        if same.is_none() {
            fresh.push(path);
        }
    }
    checksum::refuse_damaged(&fresh)?;
    Ok(rows)
}

/// Rows of a processed file, whose columns must be those of the table.
fn checked_rows(path: &Path, table: Table) -> Result<u64> {
    let (schema, rows) = view_results::stated(path).with_context(|| {
        format!("{} is no whole Parquet file; make it again with --force", path.display())
    })?;
    let found = contract_schema(&schema);
    for field in table.schema().fields().iter().filter(|f| f.name() != "date") {
        match found.field_with_name(field.name()) {
            Ok(f) if f.data_type() == field.data_type() => {}
            Ok(f) => bail!(
                "{}: column {} is {}, expected {}; make the file again with --force",
                path.display(),
                field.name(),
                f.data_type(),
                field.data_type()
            ),
            Err(_) => bail!(
                "{}: no column {}; make the file again with --force",
                path.display(),
                field.name()
            ),
        }
    }
    Ok(rows)
}

//! The PostGIS warehouse: tables and stored view results in a schema of a PostgreSQL server.
//!
//! Views are computed when data is loaded; readers find the stored results under the names of the
//! contract. Loads block no readers: they replace rows within one transaction.

mod accumulated_results;
mod compute_view;
mod connect;
mod connector;
mod copy;
mod copy_rows;
mod cursor_rows;
mod deploy;
pub mod encode;
mod file_rows;
mod fingerprint;
mod grants;
mod id_map;
mod inputs;
mod load;
mod load_movement;
mod load_presence;
mod load_raw_events;
mod local_files;
mod merge_sums;
mod named_windows;
mod names;
mod numbered_rows;
mod outdated;
mod parameters;
mod partitions;
mod password_file;
mod period_batches;
mod period_results;
mod plan_marks;
mod pooled_connection;
mod pooler;
mod purge;
mod query;
mod recompute;
mod relations;
mod replace_table;
mod requirements;
mod result_tables;
mod run_records;
mod same_rows;
mod schema;
mod search_path;
mod server;
mod server_errors;
mod service_file;
mod session;
mod small_tables;
mod spark_rows;
mod spark_views;
mod split_results;
mod stored_views;
mod tls;
mod two_places;
mod unused_users;
mod unverified_tls;
mod upgrade;
mod values;
mod verify;
mod view_results;
mod visible_tables;

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatchReader;
use chrono::NaiveDate;
use postgres::Client;
use postgres::error::SqlState;
use postgres::types::ToSql;

use super::select::{ResolvedSelect, Select};
use super::spark_job::ViewEngine;
use super::sql_excerpt::with_excerpt;
use super::{Deployed, ExpiredRows, LoadRequest, Loaded, Relation, Rows, Warehouse, catalogue};
use crate::config::{Data, Warehouse as Settings};
use crate::domain::tables::quoted;
use crate::events::raw::RawEvents;
use crate::progress::Progress;
use crate::views::{Registry, View, without_semicolon};
use cursor_rows::CursorRows;
use local_files::{FilePaths, LocalFiles};
use names::SchemaName;
use recompute::Computing;
pub use run_records::record;
use server::Server;
use server_errors::{failed, with_hint};
use spark_views::SparkViews;

/// An open PostGIS warehouse.
pub struct Postgis {
    server: Server,
    raw_events: RawEvents,
    files: FilePaths,
    views: Arc<Registry>,
    engine: ViewEngine,
}

/// The latest load.
struct LatestLoad {
    load_no: i64,
    loaded: Loaded,
}

impl Postgis {
    /// Connects and checks whether the server can hold a warehouse.
    ///
    /// # Errors
    /// All unmet requirements, in one message.
    pub fn open(
        settings: &Settings,
        data: &Data,
        (raw_events, engine): (RawEvents, ViewEngine),
        views: Arc<Registry>,
    ) -> Result<Self> {
        let server = Server::open(settings)?;
        Ok(Postgis { server, raw_events, files: data.into(), views, engine })
    }

    fn local_files(&self) -> LocalFiles {
        LocalFiles::new(&self.files, &self.views)
    }

    /// Spark, if it computes views.
    fn spark_views<'a>(&'a self, progress: &'a Progress) -> Option<SparkViews<'a>> {
        Some(SparkViews {
            spark: self.engine.spark()?,
            server: &self.server,
            views: &self.views,
            folder: &self.files.processed,
            progress,
        })
    }

    fn latest_load(&self, client: &mut Client) -> Result<Option<LatestLoad>> {
        let sql = "SELECT layout, load_no::bigint, loaded FROM {schema}.mobility_load";
        let found = client.query_opt(&self.server.schema.fill(sql), &[]);
        if found.as_ref().is_err_and(|error| error.code() == Some(&SqlState::UNDEFINED_TABLE)) {
            return Ok(None);
        }
        let row = found.map_err(failed)?;
        schema::check_version(row.as_ref().map(|row| row.get(0)))?;
        let Some(row) = row else { return Ok(None) };
        let Some(text) = row.get::<_, Option<String>>(2) else { return Ok(None) };
        let loaded = serde_json::from_str(&text)
            .context("table mobility_load is damaged; load again with --force")?;
        Ok(Some(LatestLoad { load_no: row.get(1), loaded }))
    }

    fn require_load(&self, client: &mut Client) -> Result<LatestLoad> {
        self.latest_load(client)?.ok_or_else(|| {
            anyhow!(
                "{} holds no data yet; run `mobility run-all`, or `mobility load`",
                self.location()
            )
        })
    }

    /// The FROM item of a relation: its name, or the SELECT of a view without a current stored result.
    /// Reading never writes, so that every role can read.
    fn source(&self, client: &mut Client, relation: Relation) -> Result<String> {
        let load = match self.require_load(client) {
            Ok(load) => load,
            // a role that may only read the relations of the contract
            Err(_) if own_tables_are_hidden(client, &self.server.schema)? => {
                return Ok(self.server.schema.relation(relation.sql_name()));
            }
            Err(error) => return Err(error),
        };
        Ok(match relation {
            Relation::Table(table) => small_tables::source(client, &self.server.schema, table)?,
            Relation::View(view) if self.is_current(client, &load, view)? => {
                self.server.schema.relation(&view.view)
            }
            Relation::View(view) => format!("({}\n)", self.expanded(client, &load, view)?),
        })
    }

    fn is_current(&self, client: &mut Client, load: &LatestLoad, view: &View) -> Result<bool> {
        let fingerprint = self.views.fingerprint(view)?;
        let stored = view_results::stored(client, &self.server.schema, &view.view)?;
        Ok(stored.is_some_and(|s| s.fingerprint == fingerprint && s.load_no == load.load_no))
    }

    /// The SELECT of a view, with those of the views it reads that have no current stored result.
    fn expanded(&self, client: &mut Client, load: &LatestLoad, view: &View) -> Result<String> {
        let mut parts = Vec::new();
        for needed in self.views.dependencies(view)? {
            if !self.is_current(client, load, needed)? {
                let select = without_semicolon(&needed.sql);
                parts.push(format!("{} AS (\n{select}\n)", quoted(&needed.view)));
            }
        }
        let select = without_semicolon(&view.sql);
        Ok(match parts.is_empty() {
            true => select.to_owned(),
            false => format!("WITH {}\nSELECT * FROM (\n{select}\n) AS v", parts.join(",\n")),
        })
    }

    fn cursor(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<CursorRows> {
        CursorRows::open(self.server.connection()?, &self.server.schema, sql, parameters)
    }

    /// The FROM item of a select, its columns, and the columns that filters and order refer to.
    fn resolved(&self, select: &Select) -> Result<(String, SchemaRef, ResolvedSelect)> {
        let mut connection = self.server.connection()?;
        let source = self.source(&mut connection, select.relation)?;
        drop(connection);
        let schema = match select.relation {
            Relation::Table(table) => table.schema(),
            Relation::View(view) => self
                .cursor(&format!("SELECT * FROM {source} AS q LIMIT 0"), &[])
                .map_err(|error| with_hint(error, &self.views))
                .with_context(|| view.place())?
                .schema(),
        };
        let resolved = select.resolve(&schema)?;
        Ok((source, schema, resolved))
    }
}

/// True if the role may not read the internal tables of the warehouse.
fn own_tables_are_hidden(client: &mut Client, schema: &SchemaName) -> Result<bool> {
    let sql = "SELECT FROM {schema}.mobility_load, {schema}.mobility_view LIMIT 0";
    let probe = client.query_opt(&schema.fill(sql), &[]);
    Ok(matches!(probe, Err(e) if e.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)))
}

impl Warehouse for Postgis {
    fn location(&self) -> String {
        format!("the warehouse {}", self.server.url())
    }

    fn connections(&self) -> Option<(u32, u32)> {
        Some(self.server.connections())
    }

    fn warnings(&self) -> Vec<String> {
        self.server.warnings().to_vec()
    }

    fn loaded(&self) -> Result<Option<Loaded>> {
        let mut connection = self.server.connection()?;
        Ok(self.latest_load(&mut connection)?.map(|s| s.loaded))
    }

    fn verify(&self) -> Result<()> {
        let mut worker = self.server.worker()?;
        verify::plan_without_data(worker.client(), &self.server.schema, &self.views)
    }

    fn missing(&self) -> Result<Vec<String>> {
        self.server.missing()
    }

    fn prepare(&self) -> Result<()> {
        self.server.prepare()
    }

    fn load(&self, request: &LoadRequest, progress: &Progress) -> Result<Loaded> {
        let computing = Computing { files: self.local_files(), spark: self.spark_views(progress) };
        load::run(&self.server, request, &self.raw_events, computing, progress)
    }

    fn deploy(&self, refresh: bool, progress: &Progress) -> Result<Vec<Deployed>> {
        self.deploy_views(refresh, progress)
    }

    fn expired(&self, before: NaiveDate) -> Result<ExpiredRows> {
        let mut connection = self.server.connection()?;
        let schema = &self.server.schema;
        if !purge::is_loaded(&mut connection, schema)? {
            return Ok(ExpiredRows::default());
        }
        purge::expired(&mut connection, schema, before)
    }

    fn purge(&self, before: NaiveDate, progress: &Progress) -> Result<()> {
        let mut worker = self.server.exclusive_worker()?;
        let schema = &self.server.schema;
        if !purge::is_loaded(worker.client(), schema)? {
            return Ok(());
        }
        purge::run(worker.client(), schema, before, progress)
    }

    fn columns(&self, relation: Relation) -> Result<SchemaRef> {
        Ok(self.resolved(&Select::all(relation))?.1)
    }

    fn select(&self, select: &Select) -> Result<Rows> {
        let (source, schema, resolved) = self.resolved(select)?;
        let query = query::rows(&source, select, &resolved, &schema);
        let rows = self.cursor(&query.sql, &query.parameters());
        Ok(Box::new(match select.relation {
            // such as a header that orders by a column that does not exist
            Relation::View(view) => rows.with_context(|| view.place())?,
            Relation::Table(_) => rows?,
        }))
    }

    fn count(&self, select: &Select) -> Result<u64> {
        let (source, _, resolved) = self.resolved(select)?;
        let query = query::count(&source, select, &resolved);
        let mut connection = self.server.connection()?;
        let mut transaction =
            connection.build_transaction().read_only(true).start().map_err(failed)?;
        search_path::set(&mut transaction, &self.server.schema, &query.sql, false)?;
        let row = transaction.query_one(&query.sql, &query.parameters()).map_err(failed)?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or_default())
    }

    fn sql_with(&self, statement: &str, texts: &[&str]) -> Result<Rows> {
        self.rows_of(statement, texts).map_err(|error| with_excerpt(statement, error))
    }
}

impl Postgis {
    fn rows_of(&self, statement: &str, texts: &[&str]) -> Result<Rows> {
        if let Some(question) = catalogue::question(statement) {
            let columns = |view: &str| {
                let view = self.views.by_sql_name(view)?;
                self.columns(Relation::View(view)).ok()
            };
            let relations = catalogue::relations(&self.views, columns);
            let schema = self.server.schema.name();
            let answer = catalogue::answer(&question, statement, schema, &relations, &self.views);
            if let Some(rows) = answer? {
                return Ok(rows);
            }
        }
        let mut connection = self.server.connection()?;
        if let Err(error) = self.require_load(&mut connection)
            && !own_tables_are_hidden(&mut connection, &self.server.schema)?
        {
            return Err(error);
        }
        drop(connection);
        let parameters: Vec<_> = texts.iter().map(|text| text as &(dyn ToSql + Sync)).collect();
        match self.cursor(without_semicolon(statement), &parameters) {
            Ok(rows) => Ok(Box::new(rows)),
            Err(error) => Err(with_hint(error, &self.views)),
        }
    }
}

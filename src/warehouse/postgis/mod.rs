//! The PostGIS warehouse: a PostgreSQL server that many people read at once.
//!
//! What a view costs is paid when data is loaded; readers find stored results under the names of
//! the contract. Nothing here locks a reader out: rows are replaced by rows, in one transaction.

mod compute_view;
mod connect;
mod copy;
mod cursor_rows;
pub mod encode;
mod fingerprint;
mod id_map;
mod load;
mod partitions;
mod query;
mod raw_events;
mod replace_table;
mod run_records;
mod schema;
mod server;
mod server_errors;
mod small_tables;
mod values;
mod verify;
mod view_results;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatchReader;
use postgres::Client;
use postgres::error::SqlState;

use super::select::{Order, Select};
use super::{Deployed, LoadRequest, Loaded, Relation, Rows, Warehouse};
use crate::config::Config;
use crate::domain::tables::quoted;
use crate::progress::Progress;
use crate::views::{Registry, View};
use cursor_rows::CursorRows;
use query::Query;
pub use run_records::record;
use schema::Found;
use server::Server;
use server_errors::failed;

/// An opened PostGIS warehouse.
pub struct Postgis {
    server: Server,
    config: Config,
    views: Arc<Registry>,
}

/// What the server holds, as far as queries need to know.
struct State {
    load_no: i32,
    loaded: Loaded,
}

impl Postgis {
    /// Connects and looks whether the server can be a warehouse.
    ///
    /// # Errors
    /// All that is missing there, in one message.
    pub fn open(config: Config, views: Arc<Registry>) -> Result<Self> {
        let server = Server::open(&config.warehouse.url, &config.warehouse)?;
        Ok(Postgis { server, config, views })
    }

    fn state(&self, client: &mut Client) -> Result<Option<State>> {
        if schema::find(client)? == Found::Nothing {
            return Ok(None);
        }
        let row = client.query_one("SELECT load_no, loaded FROM mobility_load", &[]);
        let row = row.map_err(failed)?;
        let Some(text) = row.get::<_, Option<String>>(1) else { return Ok(None) };
        let loaded = serde_json::from_str(&text)
            .context("table mobility_load is damaged; load again with --force")?;
        Ok(Some(State { load_no: row.get(0), loaded }))
    }

    fn full_state(&self, client: &mut Client) -> Result<State> {
        self.state(client)?.ok_or_else(|| {
            anyhow!(
                "{} holds no data yet; run `mobility run-all`, or `mobility load`",
                self.location()
            )
        })
    }

    /// What to select from: the relation by its name, or the SELECT of a view whose stored result
    /// is not there or not of this file. Reading never writes, so that any role can.
    fn source(&self, client: &mut Client, relation: Relation) -> Result<String> {
        let state = match self.full_state(client) {
            Ok(state) => state,
            // a role that sees nothing but the names of the contract
            Err(_) if is_hidden(client)? => return Ok(quoted(relation.sql_name())),
            Err(error) => return Err(error),
        };
        Ok(match relation {
            Relation::Table(table) => small_tables::source(client, table)?,
            Relation::View(view) if self.is_fresh(client, &state, view)? => quoted(&view.view),
            Relation::View(view) => format!("({}\n)", self.expanded(client, &state, view)?),
        })
    }

    fn is_fresh(&self, client: &mut Client, state: &State, view: &View) -> Result<bool> {
        let mark = self.views.fingerprint(view)?;
        let stored = view_results::stored(client, &view.view)?;
        Ok(stored.is_some_and(|s| s.mark == mark && s.load_no == state.load_no))
    }

    /// The SELECT of a view, in front of it those that it reads and that are not stored.
    fn expanded(&self, client: &mut Client, state: &State, view: &View) -> Result<String> {
        let mut parts = Vec::new();
        for needed in self.views.dependencies(view)? {
            if !self.is_fresh(client, state, needed)? {
                let select = view_results::select_of(&needed.sql);
                parts.push(format!("{} AS (\n{select}\n)", quoted(&needed.view)));
            }
        }
        let select = view_results::select_of(&view.sql);
        Ok(match parts.is_empty() {
            true => select.to_owned(),
            false => format!("WITH {}\nSELECT * FROM (\n{select}\n) AS v", parts.join(",\n")),
        })
    }

    fn cursor(&self, sql: &str, query: Option<&Query>) -> Result<CursorRows> {
        let parameters = query.map(Query::parameters).unwrap_or_default();
        CursorRows::open(self.server.connection()?, sql, &parameters)
    }

    /// Where the rows of a select come from, their columns, and the select in terms of those.
    fn resolved(&self, select: &Select) -> Result<(String, SchemaRef, Order)> {
        let mut connection = self.server.connection()?;
        let source = self.source(&mut connection, select.relation)?;
        drop(connection);
        let schema = match select.relation {
            Relation::Table(table) => table.schema(),
            Relation::View(view) => self
                .cursor(&format!("SELECT * FROM {source} AS q LIMIT 0"), None)
                .with_context(|| view.place())?
                .schema(),
        };
        let order = select.resolve(&schema)?;
        Ok((source, schema, order))
    }
}

/// True when the role may not read our own tables.
fn is_hidden(client: &mut Client) -> Result<bool> {
    let probe = client.query_opt("SELECT FROM mobility_load, mobility_view LIMIT 0", &[]);
    Ok(matches!(probe, Err(e) if e.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)))
}

impl Warehouse for Postgis {
    fn location(&self) -> String {
        format!("the warehouse {}", self.server.url())
    }

    fn connections(&self) -> Option<(u32, u32)> {
        Some(self.server.connections())
    }

    fn loaded(&self) -> Result<Option<Loaded>> {
        let mut connection = self.server.connection()?;
        Ok(self.state(&mut connection)?.map(|s| s.loaded))
    }

    fn verify(&self) -> Result<()> {
        let mut worker = self.server.worker()?;
        verify::plan_without_data(worker.client(), &self.server.schema, &self.views)
    }

    fn load(&self, request: &LoadRequest, progress: &Progress) -> Result<Loaded> {
        load::run(&self.server, request, &self.config, progress)
    }

    fn deploy(&self, refresh: bool, progress: &Progress) -> Result<Vec<Deployed>> {
        let mut worker = self.server.exclusive_worker()?;
        let state = self.full_state(worker.client())?;
        schema::ensure(worker.client(), &self.server.schema)?;
        let bar = progress.spinner("views", "");
        let mut deployed = Vec::new();
        for (place, view) in self.views.in_dependency_order()?.into_iter().enumerate() {
            bar.message(&view.title);
            let started = Instant::now();
            let mark = self.views.fingerprint(view)?;
            let stored = view_results::stored(worker.client(), &view.view)?;
            let right = stored.filter(|s| s.mark == mark && s.load_no == state.load_no);
            let (rows, fresh) = match right.filter(|_| !refresh) {
                Some(stored) => (stored.rows, true),
                None => {
                    let mut transaction = worker.client().transaction().map_err(failed)?;
                    let rows =
                        view_results::deploy(&mut transaction, view, place, &mark, state.load_no)
                            .with_context(|| view.place())?;
                    transaction.commit().map_err(failed)?;
                    (rows, false)
                }
            };
            let view = view.view.clone();
            deployed.push(Deployed { view, rows, elapsed: started.elapsed(), fresh });
        }
        let mut transaction = worker.client().transaction().map_err(failed)?;
        let notes = view_results::remove_others(&mut transaction, &self.views)?;
        transaction.commit().map_err(failed)?;
        bar.finish();
        notes.iter().for_each(|note| progress.warn(&format!("views: {note}")));
        // in the order in which they are listed
        let listed = |d: &Deployed| self.views.views().iter().position(|v| v.view == d.view);
        deployed.sort_by_key(listed);
        Ok(deployed)
    }

    fn columns(&self, relation: Relation) -> Result<SchemaRef> {
        Ok(self.resolved(&Select::all(relation))?.1)
    }

    fn select(&self, select: &Select) -> Result<Rows> {
        let (source, schema, order) = self.resolved(select)?;
        let query = query::rows(&source, select, &order, &schema);
        Ok(Box::new(self.cursor(&query.sql, Some(&query))?))
    }

    fn count(&self, select: &Select) -> Result<u64> {
        let (source, _, order) = self.resolved(select)?;
        let query = query::count(&source, select, &order);
        let mut connection = self.server.connection()?;
        let row = connection.query_one(&query.sql, &query.parameters()).map_err(failed)?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or_default())
    }

    fn sql(&self, statement: &str) -> Result<Rows> {
        let mut connection = self.server.connection()?;
        if let Err(error) = self.full_state(&mut connection)
            && !is_hidden(&mut connection)?
        {
            return Err(error);
        }
        drop(connection);
        match self.cursor(view_results::select_of(statement), None) {
            Ok(rows) => Ok(Box::new(rows)),
            Err(error) => {
                let text = format!("{error:#}");
                let missing = text
                    .split_once("relation \"")
                    .and_then(|(_, rest)| rest.split_once("\" does not exist"));
                if let Some(hint) = missing.and_then(|(name, _)| self.views.hint_for_sql(name)) {
                    bail!("{text}; {hint}");
                }
                Err(error)
            }
        }
    }
}

//! The tables and views of the contract as DataFusion relations.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use datafusion::catalog::TableProvider;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::future::BoxFuture;

use super::versions::Version;
use super::{
    Embedded, parquet_tables, raw_events_table, runs_table, session, temporary_results,
    view_results,
};
use crate::domain::tables::Table;
use crate::runtime::cancellation;
use crate::views::View;
use crate::warehouse::Relation;

impl Embedded {
    /// Registers the relations that a statement names, and those that their views read.
    pub(super) fn register<'a>(
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
                    let stored = version.result(&view.view, &self.fingerprint(view)?);
                    let provider = match view_results::describe(&stored) {
                        Some((schema, _)) => parquet_tables::file(&stored, &schema)?,
                        None => self.plan_view(context, version, view).await?.into_view(),
                    };
                    parquet_tables::register(context, &name, provider)?;
                } else if name == Table::MobileEventsUncompressed.name() {
                    let raw_events = &self.settings.raw_events;
                    let table = raw_events_table::provider(context, raw_events)?;
                    parquet_tables::register(context, &name, table)?;
                } else if name == Table::Runs.name() {
                    parquet_tables::register(context, &name, self.runs()?)?;
                } else if let Some(table) = Table::ALL.into_iter().find(|t| t.name() == name) {
                    self.ensure_table(version, table)?;
                    parquet_tables::register_table(context, version, table)?;
                } else {
                    self.reject_misspelled(&name)?;
                }
            }
            Ok(())
        })
    }

    fn runs(&self) -> Result<Arc<dyn TableProvider>> {
        runs_table::provider(&self.settings.run_history)
    }

    /// Rejects an unknown name that is similar to a known one. The engine rejects all other unknown names,
    /// with their position in the SQL.
    pub(super) fn reject_misspelled(&self, name: &str) -> Result<()> {
        match self.views.hint_for_sql(name) {
            Some(hint) => bail!("unknown table or view {name:?}; {hint}"),
            None => Ok(()),
        }
    }

    /// Plans a view, with the relations that it reads.
    pub(super) async fn plan_view(
        &self,
        context: &SessionContext,
        version: &Version,
        view: &View,
    ) -> Result<DataFrame> {
        let place = |error| view.placed(error);
        let parsed = session::parse(context, &view.sql).map_err(place)?;
        self.register(context, version, parsed.relations.clone()).await.map_err(place)?;
        session::plan(context, parsed).await.map_err(place)
    }

    /// The stored result of a view: its file, its number of rows, and whether it was current already.
    /// A missing or outdated result is computed first.
    pub(super) fn result(
        &self,
        version: &Version,
        view: &View,
        refresh: bool,
    ) -> Result<(PathBuf, u64, bool)> {
        let path = version.result(&view.view, &self.fingerprint(view)?);
        if !refresh && let Some((_, rows)) = view_results::describe(&path) {
            return Ok((path, rows, true));
        }
        let count =
            self.compute(version, view, &path, refresh).map_err(|error| view.placed(error))?;
        Ok((path, count, false))
    }

    /// A relation as a frame, with rows in the default order of the relation.
    pub(super) fn frame(&self, context: &SessionContext, relation: Relation) -> Result<DataFrame> {
        if let Relation::Table(Table::Runs) = relation {
            // runs exist before the first load
            return context.read_table(self.runs()?).map_err(session::explain);
        }
        let version = self.version()?;
        let provider = match relation {
            Relation::View(view) => {
                let path = match self.result(&version, view, false) {
                    Ok((path, _, _)) => path,
                    Err(error) if temporary_results::is_read_only(&error) => {
                        let path = self.temporary.path(&version, view, &self.fingerprint(view)?)?;
                        if view_results::describe(&path).is_none() {
                            self.compute(&version, view, &path, false)?;
                        }
                        path
                    }
                    Err(error) => return Err(error),
                };
                let (schema, _) = view_results::describe(&path)
                    .with_context(|| format!("{} was removed", path.display()))?;
                parquet_tables::file(&path, &schema)?
            }
            Relation::Table(table) => {
                let name = vec![table.name().to_owned()];
                let registered = self.register(context, &version, name);
                cancellation::block_on(&self.runtime, registered)??;
                let table = cancellation::block_on(&self.runtime, context.table(table.name()))?;
                return table.map_err(session::explain);
            }
        };
        context.read_table(provider).map_err(session::explain)
    }
}

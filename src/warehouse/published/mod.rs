//! What a public reader sees in place of the warehouse: the released views, and the LAUs. Apache DataFusion reads
//! them from the Parquet files of the store of released tables, and from nothing else.

mod files;
mod list;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use arrow::datatypes::SchemaRef;
use chrono::NaiveDate;
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::prelude::{DataFrame, SessionContext};
use tokio::runtime::Runtime;

use super::embedded::filter::{filtered, limited, sorted};
use super::embedded::rows::StreamRows;
use super::embedded::{parquet_tables, session};
use super::{
    Deployed, ExpiredRows, LoadRequest, Loaded, Relation, Releases, Rows, Select, Warehouse,
};
use crate::config::Publish;
use crate::datasets::published::{Published, Store};
use crate::domain::tables::Table;
use crate::errors::UsageError;
use crate::progress::Progress;
use crate::runtime::cancellation;
use crate::views::{OrderBy, Registry};
use list::CurrentList;

/// The store of released tables as a warehouse that is only read.
pub struct ReleasedTables {
    store: Store,
    list: CurrentList,
    views: Arc<Registry>,
    runtime: Arc<Runtime>,
}

/// The views that were released, of those of a registry, with the columns that they have in the store.
///
/// # Errors
/// A store that cannot be read; a view of which all files are damaged.
pub fn released_views(all: &Registry, publish: &Publish) -> Result<Registry> {
    let store = Store::new(&publish.store);
    let Some(published) = store.read()? else {
        return Ok(all.released(&BTreeMap::new(), vec![Table::Lau]));
    };
    let mut columns = BTreeMap::new();
    for (view, released) in &published.views {
        // a file that is damaged is reported where its rows are read, unless there is no other with the columns
        let mut paths = released.files.values().rev().map(|name| store.rows_file(view, name));
        match paths.clone().map(|path| files::columns(&path)).find_map(Result::ok) {
            Some(schema) => drop(columns.insert(view.clone(), schema)),
            None => paths.try_for_each(|path| {
                store.verify(&published, &path).and_then(|()| files::columns(&path).map(drop))
            })?,
        }
    }
    let cells = (publish.cells && published.cells.is_some()).then_some(Table::CellPlan);
    Ok(all.released(&columns, cells.into_iter().chain([Table::Lau]).collect()))
}

impl ReleasedTables {
    /// Opens a store, in which nothing need have been published yet; `views` are the released ones.
    ///
    /// # Errors
    /// Threads that cannot be started.
    pub fn open(publish: &Publish, views: Arc<Registry>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .build()
            .context("cannot start the threads that read released tables")?;
        let store = Store::new(&publish.store);
        let list = CurrentList::new(store.list());
        Ok(ReleasedTables { store, list, views, runtime: Arc::new(runtime) })
    }

    fn published(&self) -> Result<Arc<Published>> {
        self.list.read(&self.store)?.ok_or_else(|| anyhow!(self.nothing_yet()))
    }

    /// A relation as a frame, of a view the rows of the periods that may have dates between two.
    fn frame(
        &self,
        context: &SessionContext,
        relation: Relation,
        days: (Option<NaiveDate>, Option<NaiveDate>),
    ) -> Result<DataFrame> {
        let table = self.current_table(relation, days)?;
        context.read_table(table).map_err(session::explain)
    }

    /// The table of a relation by the current list. Where the list is replaced meanwhile, it is read again, since the
    /// files of the one before may be gone.
    fn current_table(
        &self,
        relation: Relation,
        days: (Option<NaiveDate>, Option<NaiveDate>),
    ) -> Result<Arc<dyn TableProvider>> {
        let published = self.published()?;
        self.table(&published, relation, days).or_else(|error| {
            let now = self.published()?;
            match now.newest == published.newest {
                true => Err(error),
                false => self.table(&now, relation, days),
            }
        })
    }

    fn table(
        &self,
        published: &Published,
        relation: Relation,
        days: (Option<NaiveDate>, Option<NaiveDate>),
    ) -> Result<Arc<dyn TableProvider>> {
        let name = relation.sql_name();
        let not_released = || anyhow!(UsageError(format!("{name} was not released")));
        match relation {
            Relation::View(view) => {
                // the registry of the caller may hold more than what was released
                let view = self.views.by_sql_name(&view.view).ok_or_else(not_released)?;
                let released = published.views.get(&view.view).ok_or_else(not_released)?;
                files::table((&self.store, published), view, released, days)
            }
            Relation::Table(table) => {
                let file = match table {
                    Table::Lau => published.lau.as_ref(),
                    Table::CellPlan => published.cells.as_ref(),
                    _ => None,
                };
                let file = file.filter(|_| self.views.tables().contains(&table));
                let path = self.store.tables().join(file.ok_or_else(not_released)?);
                self.store.verify(published, &path)?;
                parquet_tables::file(&path, &table.schema())
            }
        }
    }

    /// The order of rows: that of the view, and then that of all its keys, so that there is only one.
    fn order(&self, relation: Relation, chosen: Vec<OrderBy>) -> Result<Vec<OrderBy>> {
        let Relation::View(view) = relation else { return Ok(chosen) };
        let mut order = if chosen.is_empty() { view.order.clone() } else { chosen };
        let published = self.published()?;
        let keys = published.views.get(&view.view).map(|released| released.keys.clone());
        for column in keys.unwrap_or_default() {
            if order.iter().all(|o| o.column != column) {
                order.push(OrderBy { column, descending: false });
            }
        }
        Ok(order)
    }

    fn rows(&self, frame: DataFrame) -> Result<Rows> {
        let stream = cancellation::block_on(&self.runtime, frame.execute_stream())?;
        let stream = stream.map_err(session::explain)?;
        Ok(Box::new(StreamRows::new(Arc::clone(&self.runtime), stream)))
    }

    fn refused<T>(&self, what: &str) -> Result<T> {
        bail!(UsageError(format!(
            "{what} is not possible in {}, which is only read; `mobility publish` writes it",
            self.location()
        )))
    }
}

impl Warehouse for ReleasedTables {
    fn location(&self) -> String {
        format!("the store of released tables {}", self.store.folder().display())
    }

    fn loaded(&self) -> Result<Option<Loaded>> {
        let Some(published) = self.list.read(&self.store)? else { return Ok(None) };
        Ok(Some(Loaded {
            fingerprint: published.newest.clone(),
            loaded_at: self.list.written_at(),
            rows: BTreeMap::new(),
        }))
    }

    fn nothing_yet(&self) -> String {
        "nothing has been published yet; run `mobility publish DIR`".to_owned()
    }

    fn releases(&self) -> Result<Option<Releases>> {
        let Some(published) = self.list.read(&self.store)? else {
            return Ok(Some(Releases::default()));
        };
        let mut dates = BTreeSet::new();
        for view in self.views.views().iter().filter(|view| files::has_rows_by_date(view)) {
            // views without numbers can be about dates without data
            let released = published.views.get(&view.view).filter(|r| !r.measures.is_empty());
            let periods = released.into_iter().flat_map(|released| released.files.keys());
            dates.extend(periods.filter_map(|period| files::day(period)));
        }
        Ok(Some(Releases { dates, min_devices: published.thresholds.min_devices }))
    }

    fn verify(&self) -> Result<()> {
        Ok(())
    }

    fn load(&self, _: &LoadRequest, _: &Progress) -> Result<Loaded> {
        self.refused("a load")
    }

    fn deploy(&self, _: bool, _: &Progress) -> Result<Vec<Deployed>> {
        self.refused("a computation of views")
    }

    fn columns(&self, relation: Relation) -> Result<SchemaRef> {
        match relation {
            Relation::Table(table) if self.views.tables().contains(&table) => Ok(table.schema()),
            Relation::View(view) => self
                .views
                .by_sql_name(&view.view)
                .and_then(|view| view.columns.clone())
                .ok_or_else(|| anyhow!(UsageError(format!("{} was not released", view.view)))),
            Relation::Table(table) => {
                bail!(UsageError(format!("{} was not released", table.name())))
            }
        }
    }

    fn select(&self, select: &Select) -> Result<Rows> {
        let frame = self.frame(&session::new(true), select.relation, (select.from, select.to))?;
        let (frame, order) = filtered(frame, select)?;
        let frame = sorted(frame, &self.order(select.relation, order)?)?;
        self.rows(limited(frame, select)?)
    }

    fn count(&self, select: &Select) -> Result<u64> {
        let frame = self.frame(&session::new(true), select.relation, (select.from, select.to))?;
        let (frame, _) = filtered(frame, select)?;
        let count = cancellation::block_on(&self.runtime, frame.count())?;
        Ok(count.map_err(session::explain)? as u64)
    }

    fn sql(&self, _: &str) -> Result<Rows> {
        self.refused("a SELECT of your own")
    }

    /// Only the program's own queries, over released views and `lau`.
    fn sql_with(&self, statement: &str, texts: &[&str]) -> Result<Rows> {
        let context = session::new(false);
        let parsed = session::parse(&context, statement)?;
        for name in &parsed.relations {
            let relation = match (self.views.by_sql_name(name), Table::from_name(name)) {
                (Some(view), _) => Relation::View(view),
                (None, Some(table)) => Relation::Table(table),
                (None, None) => bail!(UsageError(format!("{name} was not released"))),
            };
            let table = self.current_table(relation, (None, None))?;
            parquet_tables::register(&context, name, table)?;
        }
        let planned = session::plan(&context, parsed);
        let mut frame = cancellation::block_on(&self.runtime, planned)??;
        if !texts.is_empty() {
            let values: Vec<ScalarValue> = texts.iter().map(|t| ScalarValue::from(*t)).collect();
            frame = frame.with_param_values(values).map_err(session::explain)?;
        }
        self.rows(frame)
    }

    fn expired(&self, _: NaiveDate) -> Result<ExpiredRows> {
        Ok(ExpiredRows::default())
    }

    fn purge(&self, _: NaiveDate, _: &Progress) -> Result<()> {
        self.refused("a purge")
    }
}

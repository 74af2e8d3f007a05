//! The tables and views of the contract as DataFusion relations.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use datafusion::catalog::TableProvider;
use datafusion::prelude::{DataFrame, SessionContext, ident};
use futures::future::BoxFuture;

use super::files_table::FilesTable;
use super::filter::day_literal;
use super::parquet_files::describe_unverified;
use super::parquet_tables::with_views;
use super::stored_results::{Piece, StoredResults};
use super::versions::Version;
use super::view_results::{Stored, day_column};
use super::{Embedded, parquet_tables, raw_events_table, runs_table, session, sums};
use crate::config::SnapshotDate;
use crate::domain::tables::Table;
use crate::runtime::cancellation;
use crate::views::{NEWEST_DATE, View, reads_valid_cells_only};
use crate::warehouse::Relation;

/// The tables with files of dates.
const OF_DATES: [Table; 4] =
    [Table::MobileEventsCompressed, Table::MobileEventsPlaced, Table::Segments, Table::Trips];

/// What a view is computed over, if not over all rows.
#[derive(Clone, Copy)]
pub struct Within<'a> {
    /// The first and the last date that are read.
    pub days: (NaiveDate, NaiveDate),
    /// The folder with results of views.
    pub folder: &'a Path,
    /// The view that is computed.
    pub view: &'a View,
    /// The windows that it reads of other views, if those are not the ones with the dates.
    pub windows: Option<&'a BTreeSet<NaiveDate>>,
}

/// The periods of a stored result that are read.
enum Chosen<'a> {
    /// Those with any of the dates from a first to a last one.
    Days((NaiveDate, NaiveDate)),
    Starts(&'a BTreeSet<NaiveDate>),
}

impl Embedded {
    /// Registers the relations that a statement names, and those that their views read. `within` restricts them
    /// to the dates from a first to a last one, with the results of views in a folder.
    pub(super) fn register<'a>(
        &'a self,
        context: &'a SessionContext,
        version: &'a Version,
        names: Vec<String>,
        within: Option<Within<'a>>,
    ) -> BoxFuture<'a, Result<()>> {
        let days = within.map(|within| within.days);
        Box::pin(async move {
            for name in names {
                if context.table_exist(name.as_str()).map_err(session::explain)? {
                    continue;
                }
                if let Some(view) = self.views.by_sql_name(&name) {
                    let stored = match within {
                        Some(Within { folder, .. }) => Some(Stored {
                            folder: folder.to_owned(),
                            results: StoredResults::read(folder, &view.view),
                            kept: true,
                        }),
                        None => self.stored(version, view)?,
                    };
                    let chosen = within.map(|within| match within.windows {
                        Some(windows) if within.view.reads_named_windows_of(view) => {
                            Chosen::Starts(windows)
                        }
                        _ => Chosen::Days(within.days),
                    });
                    let provider = match (stored, days, &view.split) {
                        (Some(stored), Some(days), Some(split)) => {
                            let table = results_table(&stored, view, None)?;
                            let frame = context.read_table(table).map_err(session::explain)?;
                            let (first, last) = split.periods(days);
                            let start = || ident(&split.column);
                            let seen = start()
                                .gt_eq(day_literal(first))
                                .and(start().lt_eq(day_literal(last)));
                            frame.filter(seen).map_err(session::explain)?.into_view()
                        }
                        (Some(stored), ..) => results_table(&stored, view, chosen)?,
                        (None, ..) => {
                            self.plan_view(context, version, view, None).await?.into_view()
                        }
                    };
                    parquet_tables::register(context, &name, provider)?;
                } else if name == Table::MobileEventsUncompressed.name() {
                    let raw_events = &self.settings.raw_events;
                    let table = raw_events_table::provider(context, raw_events)?;
                    parquet_tables::register(context, &name, table)?;
                } else if name == Table::Runs.name() {
                    parquet_tables::register(context, &name, self.runs()?)?;
                } else if let Some(table) = Table::ALL.into_iter().find(|t| t.name() == name) {
                    // files of some dates were verified before
                    if days.is_none() || !OF_DATES.contains(&table) {
                        self.ensure_table(version, table)?;
                    }
                    let files = self.table_files(version)?;
                    let of_valid_cells = within.filter(|within| {
                        table == Table::CellPlan && reads_valid_cells_only(&within.view.sql)
                    });
                    match of_valid_cells {
                        Some(Within { days, .. }) => {
                            parquet_tables::register_valid_cells(context, &files, days)?;
                        }
                        None => parquet_tables::register_table(context, &files, table, days)?,
                    }
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
        within: Option<Within<'_>>,
    ) -> Result<DataFrame> {
        let place = |error| view.placed(error);
        let mut sql = Cow::Borrowed(&view.sql);
        if let (Some(SnapshotDate::Newest), Some((newest, _))) =
            (view.snapshot, self.table_files(version)?.presence.last_key_value())
        {
            // as a literal, so that only the results of this date are read
            sql = Cow::Owned(view.sql.replace(NEWEST_DATE, &format!("DATE '{newest}'")));
        }
        let parsed = session::parse(context, &sql).map_err(place)?;
        let relations = parsed.relations.clone();
        self.register(context, version, relations, within).await.map_err(place)?;
        session::plan(context, parsed).await.map_err(place)
    }

    /// A relation as a frame. Its rows are in the default order of the relation, unless a view is returned:
    /// they have to be sorted in the order of that view.
    pub(super) fn frame<'v>(
        &self,
        context: &SessionContext,
        relation: Relation<'v>,
    ) -> Result<(DataFrame, Option<&'v View>)> {
        if let Relation::Table(Table::Runs) = relation {
            // runs exist before the first load
            return Ok((context.read_table(self.runs()?).map_err(session::explain)?, None));
        }
        let version = self.version()?;
        match relation {
            Relation::View(view) => {
                let stored = self.result(&version, view)?;
                let unordered = (!is_in_order(&stored, view)).then_some(view);
                let table = results_table(&stored, view, None)?;
                Ok((context.read_table(table).map_err(session::explain)?, unordered))
            }
            Relation::Table(table) => {
                let name = vec![table.name().to_owned()];
                let registered = self.register(context, &version, name, None);
                cancellation::block_on(&self.runtime, registered)??;
                let table = cancellation::block_on(&self.runtime, context.table(table.name()))?;
                Ok((table.map_err(session::explain)?, None))
            }
        }
    }
}

/// A stored result as a table, restricted to the chosen periods.
fn results_table(
    stored: &Stored,
    view: &View,
    chosen: Option<Chosen>,
) -> Result<Arc<dyn TableProvider>> {
    if let Some(sum) = sums::table(stored, view)? {
        return Ok(sum);
    }
    let names = stored.results.current_files();
    let first = names.first().with_context(|| format!("{} has no stored result", view.place()))?;
    let path = stored.folder.join(&view.view).join(first);
    let (schema, _) = describe_unverified(&path)
        .with_context(|| format!("{} was removed or is damaged", path.display()))?;
    let day = day_column(view, &schema);
    let is_chosen = |start: NaiveDate| match &chosen {
        None => true,
        Some(Chosen::Days(days)) => view.overlaps(start, *days),
        Some(Chosen::Starts(starts)) => starts.contains(&start),
    };
    let parts = stored.results.parts(&stored.folder, view, is_chosen);
    Ok(Arc::new(FilesTable::new(with_views(&schema), false, parts, day).verified()))
}

/// True if the periods one after the other are in the order of the view.
fn is_in_order(stored: &Stored, view: &View) -> bool {
    if let Some(sum) = &view.accumulate {
        return view.order.iter().all(|order| order.column != *sum);
    }
    let pieces: Vec<_> =
        stored.results.current.iter().filter(|piece| piece.range.rows > 0).collect();
    let (Some(first), true) = (view.order.first(), pieces.len() > 1) else { return true };
    let by_day = ["date", "hour", "timestamp"].contains(&first.column.as_str())
        || view.period.as_ref() == Some(&first.column);
    // the days of the ranges are those of this column
    let is_day = by_day
        && view.columns.as_ref().and_then(|c| day_column(view, c)).as_ref() == Some(&first.column);
    let follow = |pair: &[&Piece]| match (pair[0].range.days, pair[1].range.days) {
        (Some((_, last)), Some((first, _))) => last < first,
        _ => false,
    };
    is_day && !first.descending && pieces.windows(2).all(follow)
}

//! Computes views over the loaded tables, day by day if the view allows it, so that memory use does not
//! grow with the number of days.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::NaiveDate;
use datafusion::prelude::DataFrame;

use super::filter::sorted;
use super::rows::StreamRows;
use super::session::Memory;
use super::versions::Version;
use super::{Embedded, parquet_tables, session, view_results};
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;
use crate::runtime::cancellation;
use crate::views::View;
use crate::warehouse::Rows;

/// Start of the engine's message for an exceeded memory limit.
const EXHAUSTED: &str = "Resources exhausted";

impl Embedded {
    /// Computes a view and writes its rows, in the order of the view, to `path`; returns their number.
    ///
    /// # Errors
    /// A view that the engine rejects, with file, line and reason.
    pub(super) fn compute(
        &self,
        version: &Version,
        view: &View,
        path: &Path,
        refresh: bool,
    ) -> Result<u64> {
        match self.compute_within(version, view, path, (Memory::OneDay, refresh)) {
            Err(error) if format!("{error:#}").contains(EXHAUSTED) => {
                self.compute_within(version, view, path, (Memory::Maximum, refresh))
            }
            done => done,
        }
    }

    fn compute_within(
        &self,
        version: &Version,
        view: &View,
        path: &Path,
        (memory, refresh): (Memory, bool),
    ) -> Result<u64> {
        // the stored results that a view over other views reads are small
        let dates = if view.is_by_date() && self.views.dependencies(view)?.is_empty() {
            self.dates(version)?
        } else {
            Vec::new()
        };
        if dates.len() < 2 {
            return view_results::store(path, [self.compute_day(version, view, None, memory)]);
        }
        let days = self.daily_results(version, view, path, (memory, refresh))?;
        // concatenated days are in order already if the first sort key is the time
        let by_time = |column: &str| ["date", "hour"].contains(&column);
        if view.order.first().is_none_or(|o| by_time(&o.column) && !o.descending) {
            return view_results::store(path, days.iter().map(|day| view_results::read(day)));
        }
        let first = days.first().context("no day")?;
        let (schema, _) = view_results::describe(first)
            .with_context(|| format!("{} was removed", first.display()))?;
        let context = session::with_memory(false, memory);
        let days = parquet_tables::files(&days, &schema)?;
        let frame = context.read_table(days).map_err(session::explain)?;
        view_results::store(path, [self.rows(sorted(frame, &view.order)?)])
    }

    /// The rows of a view over the events of one day, or of all days.
    pub(super) fn compute_day(
        &self,
        version: &Version,
        view: &View,
        day: Option<NaiveDate>,
        memory: Memory,
    ) -> Result<Rows> {
        let days = day.map(|day| (day, day));
        let frame = self.plan_days(version, view, days, memory)?;
        self.rows(sorted(frame, &view.order).map_err(|error| view.placed(error))?)
    }

    /// Plans a view over the events of a period, or of all days, whose files are verified first.
    pub(super) fn plan_days(
        &self,
        version: &Version,
        view: &View,
        days: Option<(NaiveDate, NaiveDate)>,
        memory: Memory,
    ) -> Result<DataFrame> {
        let reads = |table: Table| self.views.reads(view, table.name());
        if reads(Table::MobileEventsCompressed)? || reads(Table::MobileEventsPlaced)? {
            let files = match days {
                Some((first, last)) if first == last => {
                    self.presence_files(version, Some(first))?
                }
                _ => self.presence_files(version, None)?,
            };
            let is_read =
                |date: NaiveDate| days.is_none_or(|(from, to)| from <= date && date <= to);
            let files = files.into_iter().filter(|file| is_read(file.date));
            checksum::verify(files.map(|file| file.path))?;
        }
        let context = session::with_memory(false, memory);
        if let Some(days) = days {
            parquet_tables::register_days(&context, version, days)?;
        }
        let planned = self.plan_view(&context, version, view);
        cancellation::block_on(&self.runtime, planned)?
    }

    /// Runs a planned query.
    pub(super) fn rows(&self, frame: DataFrame) -> Result<Rows> {
        let stream = cancellation::block_on(&self.runtime, frame.execute_stream())?;
        let stream = stream.map_err(session::explain)?;
        Ok(Box::new(StreamRows::new(Arc::clone(&self.runtime), stream)))
    }
}

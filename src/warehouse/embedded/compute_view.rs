//! Computes views over the loaded tables, period by period if the view allows it, so that memory use does not
//! grow with the number of dates.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::RecordBatchIterator;
use datafusion::prelude::{DataFrame, ident};

use super::filter::{day_literal, sorted};
use super::parquet_files::ResultFile;
use super::period_batches::{MAX_BYTES, MAX_ROWS};
use super::presence_views::{DatedPeriod, PresenceView};
use super::relations::Within;
use super::rows::StreamRows;
use super::rows_by_period::OfNoPeriod;
use super::session::Memory;
use super::signed_merge::key_order;
use super::stored_results::{Period, Piece, Span};
use super::versions::Version;
use super::view_results::{day_column, new_file_name};
use super::{Embedded, session};
use crate::datasets::file_list::ListedFile;
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;
use crate::runtime::cancellation;
use crate::storage::atomic::sync_folder;
use crate::views::View;
use crate::warehouse::Rows;
use crate::warehouse::batches::batches;

/// Start of the engine's message for an exceeded memory limit.
pub const EXHAUSTED: &str = "Resources exhausted";

impl Embedded {
    /// Computes runs of consecutive periods of a view, and writes their rows, in the order of the view, into
    /// new files in the folder of the view in `folder`.
    ///
    /// # Errors
    /// A view that the engine rejects, with file, line and reason.
    pub(super) fn compute(
        &self,
        version: &Version,
        view: &View,
        folder: &Path,
        runs: &[Vec<Period>],
    ) -> Result<Vec<(Piece, ListedFile)>> {
        let files = self.table_files(version)?;
        let own = folder.join(&view.view);
        let mut pieces = Vec::new();
        let presence_view = PresenceView::of(&self.views, view);
        let mut is_proven = false;
        // results of months do not fit into the memory for a day
        let (memory, most, rows) = match self.reads_dates(view) {
            true => (Memory::OneDay, MAX_BYTES, None),
            false => (Memory::Maximum, MAX_ROWS, Some(self.rows_by_date(view, folder))),
        };
        let size = |period: &Period| match (period.reads, &rows) {
            (None, _) => u64::MAX,
            (Some(reads), None) => files.bytes_of(reads),
            (Some((first, last)), Some(rows)) => {
                rows.range(first..=last).map(|(_, rows)| rows).sum()
            }
        };
        for periods in runs.iter().flat_map(|run| batches(run, most, size)) {
            let path = own.join(new_file_name());
            if let Some(presence_view) = &presence_view
                && let Some(rows) = self
                    .rows_of_users(version, presence_view, periods)
                    .map_err(|error| view.placed(error))?
            {
                pieces.extend(write(&path, view, periods, rows.into_iter().map(Ok))?);
                continue;
            }
            let source = (version, view, folder);
            let computed = match self.compute_batch(source, &path, periods, (memory, is_proven)) {
                Err(error)
                    if memory == Memory::OneDay && format!("{error:#}").contains(EXHAUSTED) =>
                {
                    self.compute_batch(source, &path, periods, (Memory::Maximum, is_proven))
                }
                done => done,
            };
            let (computed, together) = computed.map_err(|error| view.placed(error))?;
            is_proven |= together;
            pieces.extend(computed);
        }
        if !pieces.is_empty() {
            sync_folder(&own.join("any"))?;
        }
        Ok(pieces)
    }

    /// Computes consecutive periods into a file, together if that is possible, which the result also tells.
    fn compute_batch(
        &self,
        (version, view, folder): (&Version, &View, &Path),
        path: &Path,
        periods: &[Period],
        (memory, is_proven): (Memory, bool),
    ) -> Result<(Vec<(Piece, ListedFile)>, bool)> {
        let source = (version, view, folder);
        let together = match periods.len() {
            1 => None,
            // parts of a sum have an order of their own
            _ if view.accumulate.is_some() => None,
            _ => self.compute_together(source, periods, (memory, is_proven))?,
        };
        if let Some(together) = together {
            let rows = together.map(|rows| {
                let rows = rows?;
                let schema = rows.schema();
                Ok(Box::new(RecordBatchIterator::new([Ok(rows)], schema)) as Rows)
            });
            match write(path, view, periods, rows) {
                Err(error) if error.is::<OfNoPeriod>() => {}
                written => return Ok((written?, true)),
            }
        }
        let rows = periods.iter().map(|period| {
            self.compute_span(source, Span::of(std::slice::from_ref(period)), memory)
        });
        Ok((write(path, view, periods, rows)?, false))
    }

    /// The rows of consecutive periods of a view that the program computes itself; `None` if the engine has to.
    fn rows_of_users(
        &self,
        version: &Version,
        view: &PresenceView,
        periods: &[Period],
    ) -> Result<Option<Vec<Rows>>> {
        let dated: Option<Vec<DatedPeriod>> =
            periods.iter().map(|period| Some((period.start?, period.reads?))).collect();
        let (Some(dated), Some(span)) = (dated, Span::of(periods)) else { return Ok(None) };
        let files = self.presence_files(version, Some(span.reads))?;
        checksum::verify(files.into_iter().map(|(_, file)| file.path))?;
        self.ensure_table(version, Table::CellPlan)?;
        let files = self.table_files(version)?;
        view.rows(&files, &dated)
    }

    /// The rows of consecutive periods of a view, or of the view as a whole, in order.
    pub(super) fn compute_span(
        &self,
        source: (&Version, &View, &Path),
        span: Option<Span>,
        memory: Memory,
    ) -> Result<Rows> {
        let view = source.1;
        let frame = self.plan_span(source, span, memory)?;
        let order = match &view.accumulate {
            Some(sum) => key_order(frame.schema().as_arrow(), &view.order, sum),
            None => view.order.clone(),
        };
        self.rows(sorted(frame, &order).map_err(|error| view.placed(error))?)
    }

    /// Plans a view over the dates that some of its periods read, or over all dates. The files of the dates
    /// are verified first. The results of the views that it reads are in `folder`.
    pub(super) fn plan_span(
        &self,
        (version, view, folder): (&Version, &View, &Path),
        span: Option<Span>,
        memory: Memory,
    ) -> Result<DataFrame> {
        if self.reads_presence(view) {
            let files = self.presence_files(version, span.map(|span| span.reads))?;
            checksum::verify(files.into_iter().map(|(_, file)| file.path))?;
        }
        for table in Table::MOVEMENT.into_iter().filter(|t| self.views.names(view, *t)) {
            let files = self.movement_files(version, table, span.map(|span| span.reads))?;
            checksum::verify(files.into_iter().map(|file| file.path))?;
        }
        let context = session::with_memory(false, memory);
        let windows = span.map(|span| self.named_windows(view, folder, span.reads)).transpose()?;
        let windows = windows.flatten();
        let within =
            span.map(|span| Within { days: span.reads, folder, view, windows: windows.as_ref() });
        let planned = self.plan_view(&context, version, view, within);
        let frame = cancellation::block_on(&self.runtime, planned)??;
        let (Some(span), Some(period)) = (span, &view.period) else { return Ok(frame) };
        let (first, last) = span.periods;
        let start = || ident(period);
        // where both are the same, <= would tell the engine that the column is constant, and it aggregates rows
        // that are partly sorted in a slower way
        let next = last.succ_opt().unwrap_or(last);
        let own = start().gt_eq(day_literal(first)).and(start().lt(day_literal(next)));
        frame.filter(own).map_err(session::explain)
    }

    /// True if the SQL of the view names tables with files by date.
    fn reads_dates(&self, view: &View) -> bool {
        self.reads_presence(view) || Table::MOVEMENT.iter().any(|t| self.views.names(view, *t))
    }

    /// True if the SQL of the view names hourly presence.
    fn reads_presence(&self, view: &View) -> bool {
        let names = |table| self.views.names(view, table);
        names(Table::MobileEventsCompressed) || names(Table::MobileEventsPlaced)
    }

    /// Runs a planned query.
    pub(super) fn rows(&self, frame: DataFrame) -> Result<Rows> {
        let stream = cancellation::block_on(&self.runtime, frame.execute_stream())?;
        let stream = stream.map_err(session::explain)?;
        Ok(Box::new(StreamRows::new(Arc::clone(&self.runtime), stream)))
    }
}

/// Writes the rows of consecutive periods of a view, each in order, into a file.
fn write(
    path: &Path,
    view: &View,
    periods: &[Period],
    rows: impl Iterator<Item = Result<Rows>>,
) -> Result<Vec<(Piece, ListedFile)>> {
    let mut file = ResultFile::create(path)?;
    let mut ranges = Vec::with_capacity(periods.len());
    for rows in rows {
        let rows = rows?;
        let day = day_column(view, &rows.schema());
        ranges.push(file.add(rows, day.as_deref())?);
    }
    let listed = file.finish(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let piece = |(period, range): (&Period, _)| {
        let piece = Piece { of: period.clone(), file: name.clone().into_owned(), range };
        (piece, listed.clone())
    };
    Ok(periods.iter().zip(ranges).map(piece).collect())
}

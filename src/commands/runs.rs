//! `mobility runs`.

use anyhow::Result;
use arrow::record_batch::RecordBatchIterator;

use super::{Session, print, stdout, terminal_style};
use crate::cli::{Runs, RunsFormat};
use crate::output::formats;
use crate::output::formats::{Format, Options};
use crate::output::run_details::text;
use crate::run_history::{Run, find, newest_first, overview, read, rows};
use crate::storage::sync;

pub fn run(session: &Session, args: &Runs) -> Result<()> {
    let spreadsheet_safe = args.csv.spreadsheet_safe(args.format == RunsFormat::Csv)?;
    if let Err(error) = sync::download_runs(&session.config.data) {
        session.progress.warn(&format!("showing only the runs known to this machine: {error:#}"));
    }
    let file = session.config.data.runs();
    let all = read(&file, None)?;
    if let Some(id) = &args.run_id {
        return one(find(&all, id)?, args.format, spreadsheet_safe);
    }
    if all.is_empty() {
        let text = format!("no runs are recorded in {} yet", file.display());
        session.progress.note(&text);
    }
    let runs = newest_first(&all, args.limit);
    let batch = match args.format {
        RunsFormat::Table | RunsFormat::Markdown => overview(&runs, &all)?,
        _ => rows(&runs)?,
    };
    write(args.format, batch, spreadsheet_safe)
}

/// JSON has the whole record with its nested parts; a row of the table has them as text.
fn one(run: &Run, format: RunsFormat, spreadsheet_safe: bool) -> Result<()> {
    match format {
        RunsFormat::Table => print(&text(run)?),
        RunsFormat::Json => print(&format!("{}\n", serde_json::to_string_pretty(run)?)),
        format => write(format, rows(std::slice::from_ref(run))?, spreadsheet_safe),
    }
}

fn write(
    format: RunsFormat,
    batch: arrow::array::RecordBatch,
    spreadsheet_safe: bool,
) -> Result<()> {
    let format = match format {
        RunsFormat::Table => Format::Table,
        RunsFormat::Csv => Format::Csv,
        RunsFormat::Json => Format::Json,
        RunsFormat::Ndjson => Format::Ndjson,
        RunsFormat::Markdown => Format::Markdown,
    };
    let style = terminal_style(true);
    let options = Options {
        width: style.width,
        color: style.color,
        how_to_see_all: Some("use --format csv, or name a run"),
        spreadsheet_safe,
        ..Options::default()
    };
    let schema = batch.schema();
    let rows = Box::new(RecordBatchIterator::new([Ok(batch)], schema));
    formats::write(format, rows, stdout(), &options).map(drop)
}

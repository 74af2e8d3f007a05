//! `mobility report`.

use anyhow::{Result, anyhow};

use super::{Session, extension};
use crate::cli::{Report, ReportFormat};
use crate::errors::UsageError;
use crate::output::charts::{self, ChartOptions};
use crate::output::documents::Period;
use crate::output::html::report::{self, ReportOptions};
use crate::stages::quality::Expectation;
use crate::storage::atomic::write_file;

pub fn run(session: &Session, args: &Report) -> Result<()> {
    let format = format_of(args)?;
    let bytes = match &args.view {
        None => {
            let (registry, warehouse) = session.readable(args.readers.audience)?;
            let (from, to) = args.dates.bounds()?;
            let expectation = Expectation::of(&session.config);
            let options = ReportOptions {
                period: Period { from, to },
                title: args.title.clone(),
                note: args.note.clone(),
                people: args.people.then(|| (&session.config).into()),
            };
            let time = &session.config.time;
            report::report(&registry, warehouse.as_ref(), time, &expectation, &options)?
                .into_bytes()
        }
        Some(name) => {
            let svg = chart(session, args, name)?;
            match format {
                ReportFormat::Png => charts::png(&svg)?,
                ReportFormat::Pdf => charts::pdf(&svg)?,
                ReportFormat::Html | ReportFormat::Svg => svg.into_bytes(),
            }
        }
    };
    write_file(&args.output, &bytes)?;
    let (size, file) = (bytes.len().div_ceil(1_024), args.output.display());
    session.progress.note(&format!("{file} written, {size} KiB"));
    Ok(())
}

fn chart(session: &Session, args: &Report, name: &str) -> Result<String> {
    let (registry, warehouse) = session.readable(args.readers.audience)?;
    let view = registry.find(name)?;
    let (from, to) = args.dates.bounds()?;
    let options = ChartOptions {
        from,
        to,
        title: args.title.clone(),
        note: args.note.clone(),
        per_km2: args.per_km2,
    };
    charts::svg(&registry, warehouse.as_ref(), view, &options)
}

/// The dashboard is written as HTML, a chart as SVG, PNG or PDF.
fn format_of(args: &Report) -> Result<ReportFormat> {
    let (default, ending) = match &args.view {
        None => (ReportFormat::Html, "html"),
        Some(_) => (ReportFormat::Svg, "svg"),
    };
    let by_name = match extension(&args.output).as_deref() {
        Some("html" | "htm") => Some(ReportFormat::Html),
        Some("svg") => Some(ReportFormat::Svg),
        Some("png") => Some(ReportFormat::Png),
        Some("pdf") => Some(ReportFormat::Pdf),
        Some(_) => None,
        None => Some(default),
    };
    let is_possible =
        |format: &ReportFormat| (*format == ReportFormat::Html) == args.view.is_none();
    if let Some(format) = args.format.or(by_name).filter(is_possible) {
        return Ok(format);
    }
    let what = args.view.as_deref().map_or("the whole dashboard", |view| view);
    Err(anyhow!(UsageError(format!(
        "{what} is written as {ending}: use --output FILE.{ending}, or --format {ending} with any \
         other name; single charts (--view) are SVG, PNG or PDF, and the dashboard is HTML"
    ))))
}

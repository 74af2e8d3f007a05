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
    check_format(args)?;
    let text = match &args.view {
        None => {
            let (registry, warehouse) = session.warehouse()?;
            let (from, to) = args.dates.bounds()?;
            let expectation = Expectation::of(&session.config);
            let options = ReportOptions {
                period: Period { from, to },
                title: args.title.clone(),
                note: args.note.clone(),
            };
            let time = &session.config.time;
            report::report(&registry, warehouse.as_ref(), time, &expectation, &options)?
        }
        Some(name) => chart(session, args, name)?,
    };
    write_file(&args.output, text.as_bytes())?;
    let (size, file) = (text.len().div_ceil(1_024), args.output.display());
    session.progress.note(&format!("{file} written, {size} KiB"));
    Ok(())
}

fn chart(session: &Session, args: &Report, name: &str) -> Result<String> {
    let (registry, warehouse) = session.warehouse()?;
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

/// The dashboard is written as HTML, a chart as SVG.
fn check_format(args: &Report) -> Result<()> {
    let (expected, ending) = match &args.view {
        None => (ReportFormat::Html, "html"),
        Some(_) => (ReportFormat::Svg, "svg"),
    };
    let by_name = match extension(&args.output).as_deref() {
        Some("html" | "htm") => Some(ReportFormat::Html),
        Some("svg") => Some(ReportFormat::Svg),
        Some(_) => None,
        None => Some(expected),
    };
    if args.format.or(by_name) == Some(expected) {
        return Ok(());
    }
    let what = args.view.as_deref().map_or("the whole dashboard", |view| view);
    Err(anyhow!(UsageError(format!(
        "{what} is written as {ending}: use --output FILE.{ending}, or --format {ending} with any \
         other name; single charts (--view) are SVG, the dashboard is HTML, and there are no \
         bitmap formats"
    ))))
}

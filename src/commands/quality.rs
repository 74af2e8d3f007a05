//! `mobility quality`.

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use arrow::record_batch::RecordBatchIterator;

use super::{Session, extension, print, stdout, terminal_style};
use crate::cli::{Quality, QualityFormat};
use crate::domain::numbers::counted;
use crate::errors::UsageError;
use crate::output::formats;
use crate::output::formats::{Format, Options};
use crate::output::html::quality_page;
use crate::output::quality_report;
use crate::output::quality_report::{Look, Report};
use crate::stages::quality;
use crate::stages::quality::{Expectation, Level};
use crate::storage::atomic::write_file;
use crate::storage::sync::Outputs;

pub fn run(session: &Session, args: &Quality) -> Result<()> {
    let format = output_format(args)?;
    args.csv.spreadsheet_safe(format == QualityFormat::Csv)?;
    let bounds = args.dates.bounds()?;
    let outputs = Outputs::acquire(&session.config.data, &session.progress)?;
    let expectation = Expectation::of(&session.config);
    quality::run(&session.config.data, &expectation, &session.progress, args.force)?;
    outputs.upload(&session.progress)?;
    drop(outputs);
    let all = Report::read(&session.config.data, session.config.checks.limits())?;
    let Some((first, last)) = all.dates.first().zip(all.dates.last()) else {
        bail!(
            "no date is recorded in {}; run `mobility compress` first",
            session.config.data.day_records().display()
        );
    };
    let available = format!("available dates: {} to {}", first.date, last.date);
    let report = all.within(bounds, &expectation)?;
    if report.dates.is_empty() {
        session.progress.note(&format!("no records for these dates; {available}"));
    }
    write(session, args, format, &report)?;
    fail_if_worse(&report, args.fail_on)
}

fn write(session: &Session, args: &Quality, format: QualityFormat, report: &Report) -> Result<()> {
    let text = match format {
        QualityFormat::Table => quality_report::table(report, look(args.output.as_deref())),
        QualityFormat::Json => report.json()?,
        QualityFormat::Html => quality_page::file(report)?,
        QualityFormat::Markdown => quality_report::markdown(report),
        QualityFormat::Csv => return csv(session, args, report),
    };
    match &args.output {
        None => print(&text),
        Some(path) => {
            write_file(path, text.as_bytes())?;
            written(session, report, path);
            Ok(())
        }
    }
}

fn csv(session: &Session, args: &Quality, report: &Report) -> Result<()> {
    let batch = report.daily()?;
    let schema = batch.schema();
    let rows = Box::new(RecordBatchIterator::new([Ok(batch)], schema));
    let options = Options { spreadsheet_safe: args.csv.csv_safe, ..Options::default() };
    let Some(path) = &args.output else {
        return formats::write(Format::Csv, rows, stdout(), &options).map(drop);
    };
    let file = crate::storage::atomic::AtomicFile::new(path)?;
    formats::write(Format::Csv, rows, Box::new(file.create()?), &options)?;
    file.commit()?;
    written(session, report, path);
    Ok(())
}

fn written(session: &Session, report: &Report, path: &Path) {
    let dates = counted(report.dates.len() as u64, "date");
    session.progress.note(&format!("{dates} written to {}", path.display()));
}

/// Fails where `--fail-on` asks for it, after the report is written.
fn fail_if_worse(report: &Report, fail_on: Option<Level>) -> Result<()> {
    let Some(level) = fail_on else { return Ok(()) };
    let count = report.at_least(level).count();
    let Some(worst) = report.by_weight().into_iter().next().filter(|_| count > 0) else {
        return Ok(());
    };
    let dates = counted(report.dates.len() as u64, "date");
    let more = match count {
        1 => String::new(),
        n => format!(", and {} more", n - 1),
    };
    bail!(
        "{dates} checked; --fail-on {} fails because of {}: {}{more}",
        level.name(),
        worst.date,
        worst.text
    )
}

fn look(output: Option<&Path>) -> Look {
    let style = terminal_style(output.is_none());
    Look { width: style.width, color: style.color }
}

fn output_format(args: &Quality) -> Result<QualityFormat> {
    if let Some(format) = args.format {
        return Ok(format);
    }
    let Some(ending) = args.output.as_deref().and_then(extension) else {
        return Ok(QualityFormat::Table);
    };
    Ok(match ending.as_str() {
        "txt" => QualityFormat::Table,
        "json" => QualityFormat::Json,
        "html" | "htm" => QualityFormat::Html,
        "csv" => QualityFormat::Csv,
        "md" => QualityFormat::Markdown,
        _ => {
            return Err(anyhow!(UsageError(format!(
                "no format has the extension .{ending}; choose one with --format"
            ))));
        }
    })
}

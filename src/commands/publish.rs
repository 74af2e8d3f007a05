//! `mobility publish`.

use std::cell::RefCell;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::RecordBatch;
use arrow::record_batch::RecordBatchIterator;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use super::{Session, print};
use crate::cli::{Publish, PublishFormat};
use crate::datasets::published::{Detail, Release, Store};
use crate::domain::numbers::grouped;
use crate::errors::UsageError;
use crate::output::formats::{self, Format, LauShapes, Options};
use crate::output::query::{geometry_options, lau_shapes};
use crate::progress::Progress;
use crate::stages::publish::{
    self, Alternative, Figures, FileFormat, GateReport, Request, Settings,
};
use crate::warehouse::{Relation, Warehouse};

/// Publishes, or shows what would be withheld.
pub fn run(session: &Session, args: &Publish) -> Result<()> {
    let mut settings = Settings::from(&session.config);
    settings.publish.areas = args.areas.unwrap_or(settings.publish.areas);
    settings.publish.period = args.period.unwrap_or(settings.publish.period);
    let request = Request { views: args.views.clone(), range: args.dates.bounds()? };
    let (registry, warehouse) = session.warehouse()?;
    let warehouse = warehouse.as_ref();
    let progress = &session.progress;
    if args.dry_run {
        // JSON has the figures of what was asked for
        let is_table = args.format == PublishFormat::Table;
        let what = (&settings, &request);
        let preview = publish::dry_run(warehouse, &registry, what, is_table, progress)?;
        print_gate_report(&preview.gate_report, args.format)?;
        progress.note(&publish::sentence(preview.gate_report.total()));
        if is_table {
            print_alternatives(&preview.alternatives, progress)?;
        }
        return Ok(());
    }
    let dir = args.dir.as_deref().context("name the folder of the release")?;
    let shapes = Shapes { warehouse, laus: RefCell::default() };
    let write_rows = |relation: Relation, format, rows: &RecordBatch, path: &Path| {
        write(&shapes, relation, format, rows, path)
    };
    let mut outcome = None;
    session.stage("publish", || {
        let what = (&settings, &request);
        let done = publish::run(warehouse, &registry, what, dir, &write_rows, progress)?;
        let report = done.report.clone();
        outcome = Some(done);
        Ok(report)
    })?;
    let outcome = outcome.context("nothing was released")?;
    print_gate_report(&outcome.gate_report, args.format)?;
    progress.note(&publish::sentence(outcome.gate_report.total()));
    progress.note(&format!("release {} is in {}", outcome.id, dir.display()));
    let [figures, reasons] = outcome.beside.each_ref().map(|path| path.display());
    progress.note(&format!("for analysts alone: {figures} and {reasons}"));
    Ok(())
}

/// Boundaries of the LAUs, which are read once.
struct Shapes<'a> {
    warehouse: &'a dyn Warehouse,
    laus: RefCell<Option<Arc<LauShapes>>>,
}

fn write(
    shapes: &Shapes,
    relation: Relation,
    format: FileFormat,
    rows: &RecordBatch,
    path: &Path,
) -> Result<()> {
    let format = match format {
        FileFormat::Csv => Format::Csv,
        FileFormat::Parquet => Format::Parquet,
        FileFormat::Geojson => Format::Geojson,
    };
    let laus = |form| {
        let mut kept = shapes.laus.borrow_mut();
        match &*kept {
            Some(laus) => Ok(Arc::clone(laus)),
            None => Ok(Arc::clone(kept.insert(lau_shapes(shapes.warehouse, form)?))),
        }
    };
    let mut options = Options::default();
    let schema = rows.schema();
    geometry_options(laus, Some(relation), &schema, format, &mut options)?;
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let rows = Box::new(RecordBatchIterator::new([Ok(rows.clone())], schema));
    formats::write(format, rows, Box::new(BufWriter::new(file)), &options).map(drop)
}

fn print_gate_report(report: &GateReport, format: PublishFormat) -> Result<()> {
    let by_view = report.by_view();
    if format == PublishFormat::Json {
        let view = |(view, figures): (&&str, &Figures)| {
            json!({
                "view": view,
                "cells": figures.cells,
                "primary": figures.primary,
                "secondary": figures.secondary,
                "value_lost_share": figures.lost_share(),
            })
        };
        let views: Vec<Value> = by_view.iter().map(view).collect();
        return print_json(&Value::from(views));
    }
    let mut table = table(&["view", "cells", "primary", "secondary", "value lost"]);
    for (view, figures) in by_view {
        table.add_row([
            view.to_owned(),
            grouped(figures.cells),
            grouped(figures.primary),
            grouped(figures.secondary),
            format!("{:.2} %", 100.0 * figures.lost_share()),
        ]);
    }
    align(&mut table, 1..5);
    print(&format!("{table}\n"))
}

/// Prints what coarser areas and periods would withhold, and which loses least.
fn print_alternatives(alternatives: &[Alternative], progress: &Progress) -> Result<()> {
    let [asked, coarser @ ..] = alternatives else { return Ok(()) };
    if coarser.is_empty() {
        progress.note(
            "there is nothing coarser to compare with: the dates hold no whole week or month, and larger areas need \
             data.nuts",
        );
        return Ok(());
    }
    let mut table =
        table(&["areas", "period", "views", "numbers", "withheld", "share", "value lost"]);
    for alternative in alternatives {
        let names = [alternative.areas.name().to_owned(), alternative.period.name().to_owned()];
        let figures = match &alternative.figures {
            Ok((views, figures)) => {
                let withheld = figures.primary + figures.secondary;
                let share = withheld as f64 / figures.cells.max(1) as f64;
                [
                    views.to_string(),
                    grouped(figures.cells),
                    grouped(withheld),
                    format!("{:.2} %", 100.0 * share),
                    format!("{:.2} %", 100.0 * figures.lost_share()),
                ]
            }
            Err(_) => ["-"; 5].map(str::to_owned),
        };
        table.add_row(names.into_iter().chain(figures));
    }
    align(&mut table, 2..7);
    print(&format!("numbers about areas, as asked for and coarser:\n{table}\n"))?;
    for alternative in coarser {
        if let Err(reason) = &alternative.figures {
            let Alternative { areas, period, .. } = alternative;
            progress.note(&format!(
                "--areas {} --period {}: {reason}",
                areas.name(),
                period.name()
            ));
        }
    }
    let least = alternatives.iter().filter_map(|a| Some((a.lost_share()?, a)));
    let least = least.min_by(|(a, _), (b, _)| a.total_cmp(b));
    let Some((share, Alternative { areas, period, .. })) = least else { return Ok(()) };
    progress.note(&match (*areas, *period) == (asked.areas, asked.period) {
        true => "nothing coarser loses less".to_owned(),
        false => format!(
            "least is lost with --areas {} --period {}: {:.2} % of the value",
            areas.name(),
            period.name(),
            100.0 * share
        ),
    });
    Ok(())
}

/// Attacks a release from outside.
pub fn audit(session: &Session, args: &Publish) -> Result<()> {
    let dir = args.dir.as_deref().context("name the folder of the release")?;
    let audited = publish::audit(dir, &args.with, &session.progress)?;
    match args.format {
        PublishFormat::Json => {
            let kinds = audited.kinds.iter().map(|kind| {
                let (low, high) = kind.narrowest.map_or((None, None), |(low, high)| (Some(low), high));
                json!({ "kind": kind.name, "numbers": kind.numbers, "least": low, "greatest": high })
            });
            print_json(&json!({ "kinds": kinds.collect::<Vec<_>>(), "faults": audited.faults }))?;
        }
        PublishFormat::Table => {
            let mut table = table(&["numbers that are not shown", "count", "narrowest interval"]);
            for kind in &audited.kinds {
                let narrowest = kind.narrowest.map(|(low, high)| publish::range(low, high));
                table.add_row([
                    kind.name.clone(),
                    grouped(kind.numbers),
                    narrowest.unwrap_or_else(|| "none may be small".to_owned()),
                ]);
            }
            align(&mut table, 1..2);
            print(&format!("{table}\n"))?;
        }
    }
    session.progress.note(&audited.sentence());
    match &audited.faults[..] {
        [] => Ok(()),
        [first, others @ ..] => {
            let folders = std::iter::once(dir).chain(args.with.iter().map(PathBuf::as_path));
            let folders: Vec<String> = folders.map(|dir| dir.display().to_string()).collect();
            bail!(
                "{first}, as anybody can derive who has {}{}; do not hand the release over, and report the fault",
                folders.join(" and "),
                match others.len() {
                    0 => String::new(),
                    more => format!(", and {more} more numbers"),
                }
            )
        }
    }
}

/// Lists the releases.
pub fn list(session: &Session, format: PublishFormat) -> Result<()> {
    let store = Store::new(&session.config.publish.store);
    let mut releases = Vec::new();
    if let Some(published) = store.read()? {
        for id in &published.releases {
            releases.push((id.clone(), store.read_release(&published, id)?));
        }
    }
    if format == PublishFormat::Json {
        let release = |(id, release): &(String, Release)| {
            let views: Vec<&String> = release.views.keys().collect();
            json!({
                "id": id, "from": release.from, "to": release.to, "first": release.first,
                "last": release.last, "views": views,
            })
        };
        return print_json(&releases.iter().map(release).collect());
    }
    if releases.is_empty() {
        let text = format!("nothing was released into {} yet", store.folder().display());
        session.progress.note(&text);
    }
    let mut table = table(&["id", "dates", "views", "rows"]);
    for (id, release) in &releases {
        let rows = release.views.values().map(|view| view.rows).sum();
        table.add_row([
            id.clone(),
            dates(release),
            grouped(release.views.len() as u64),
            grouped(rows),
        ]);
    }
    align(&mut table, 2..4);
    print(&format!("{table}\n"))
}

/// Shows what a release holds.
pub fn show(session: &Session, prefix: &str, format: PublishFormat) -> Result<()> {
    let store = Store::new(&session.config.publish.store);
    let published = store.read()?;
    let ids = published.iter().flat_map(|published| &published.releases);
    let matching: Vec<&String> = ids.filter(|id| id.starts_with(prefix)).collect();
    let (id, published) = match (&matching[..], &published) {
        ([id], Some(published)) => (*id, published),
        ([], _) | (_, None) => {
            return Err(anyhow!(UsageError(format!(
                "there is no release {prefix}; `mobility publish list` shows the IDs of all releases"
            ))));
        }
        _ => {
            return Err(anyhow!(UsageError(format!(
                "{} releases begin with {prefix}; give more of the ID",
                matching.len()
            ))));
        }
    };
    let release = store.read_release(published, id)?;
    if format == PublishFormat::Json {
        let mut value = serde_json::to_value(&release)?;
        value["id"] = Value::from(id.as_str());
        return print_json(&value);
    }
    let mut table = table(&["view", "rows", "periods"]);
    for view in release.views.values() {
        table.add_row([view.name.clone(), grouped(view.rows), grouped(view.periods.len() as u64)]);
    }
    align(&mut table, 1..3);
    let thresholds = release.thresholds;
    print(&format!(
        "release {id}, {}\nsmallest number of devices: {}, zeros: {}{}\n{table}\n",
        dates(&release),
        thresholds.min_devices,
        serde_json::to_value(thresholds.zeros)?.as_str().unwrap_or_default(),
        match release.detail {
            usual if usual == Detail::default() => String::new(),
            Detail { areas, period, min_area_devices } => format!(
                "\nareas: {}, with at least {min_area_devices} devices; shortest period: {}",
                areas.name(),
                period.name()
            ),
        }
    ))
}

fn dates(release: &Release) -> String {
    match release.first.zip(release.last) {
        Some((first, last)) => format!("{first} to {last}"),
        None => "no dates".to_owned(),
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(header);
    table
}

fn align(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn print_json(value: &Value) -> Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

//! `mobility views`.

use std::path::Path;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};

use super::Session;
use crate::domain::numbers::{counted, grouped};
use crate::progress::Progress;
use crate::stages::{verify_views, views};
use crate::views::{self as view_files, Registry};
use crate::warehouse::{Deployed, Warehouse};

/// Brings the results of all views up to date; `verify` also compares them.
pub fn run(session: &Session, refresh: bool, verify: bool) -> Result<()> {
    let (registry, warehouse) = session.warehouse()?;
    let mut deployed = Vec::new();
    session.stage("views", || {
        let (report, views) =
            views::run(warehouse.as_ref(), &registry, &session.progress, refresh)?;
        deployed = views;
        Ok(report)
    })?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(["view", "rows", "seconds", ""]);
    for view in deployed {
        let how = how(&registry, &view);
        table.add_row([
            view.view,
            grouped(view.rows),
            format!("{:.3}", view.elapsed.as_secs_f64()),
            how.to_owned(),
        ]);
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    super::print(&format!("{table}\n"))?;
    if verify { verify_all(session, &registry, warehouse.as_ref()) } else { Ok(()) }
}

/// How a view got its result.
fn how(registry: &Registry, deployed: &Deployed) -> &'static str {
    let is_whole = registry.by_sql_name(&deployed.view).is_none_or(|view| view.growth.is_none());
    match (deployed.fresh, is_whole) {
        (true, _) => "kept",
        (false, true) => "computed as a whole",
        (false, false) => "computed",
    }
}

/// Compares some periods of all views that are computed by period.
fn verify_all(session: &Session, registry: &Registry, warehouse: &dyn Warehouse) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(["view", "compared", "rows"]);
    for view in registry.views() {
        let Some(verified) = verify_views::verify(warehouse, view)? else { continue };
        let periods = match verified.periods {
            Some(periods) => counted(periods as u64, "period"),
            None => "all dates".to_owned(),
        };
        table.add_row([verified.view, periods, grouped(verified.rows)]);
    }
    session.progress.note("views: the compared rows are equal");
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    super::print(&format!("{table}\n"))
}

/// Writes the built-in view files into a folder.
pub fn export(folder: &Path, progress: &Progress) -> Result<()> {
    let written = view_files::export(folder)?;
    let (files, folder) = (counted(written.len() as u64, "view file"), folder.display());
    progress.note(&format!("{files} written to {folder}"));
    Ok(())
}

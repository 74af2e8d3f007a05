//! `mobility views`.

use std::path::Path;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};

use super::Session;
use crate::domain::numbers::{counted, grouped};
use crate::progress::Progress;
use crate::stages::views;
use crate::views as view_files;

pub fn run(session: &Session, refresh: bool) -> Result<()> {
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
        table.add_row([
            view.view,
            grouped(view.rows),
            format!("{:.3}", view.elapsed.as_secs_f64()),
            if view.fresh { "kept" } else { "computed" }.to_owned(),
        ]);
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
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

//! `mobility views`.

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};

use super::{Session, tell};
use crate::cli;
use crate::report::grouped;
use crate::views::{self, Registry};

pub fn run(session: &Session, args: &cli::Views) -> Result<()> {
    if args.list {
        return list(&Registry::read(&session.config)?);
    }
    let (_, warehouse) = session.warehouse()?;
    let (report, deployed) = views::run(warehouse.as_ref(), &session.progress, args.refresh)?;
    tell(session, &report);
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

/// The registry as a table: query name, view name, aliases, what it tells.
pub fn list(registry: &Registry) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table.set_header(["query name", "view", "also", "title"]);
    for view in registry.views() {
        table.add_row([
            view.name.as_str(),
            view.view.as_str(),
            &view.aliases.join("\n"),
            view.title.as_str(),
        ]);
    }
    super::print(&format!("{table}\n"))
}

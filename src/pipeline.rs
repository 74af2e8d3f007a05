//! The stages in their order, and the table that closes a run.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use chrono::NaiveDate;
use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};

use crate::config::Config;
use crate::progress::Progress;
use crate::report::{StageReport, grouped, peak_memory_bytes};
use crate::views::Registry;
use crate::{compress, geojoin, load, quality, views, warehouse};

/// A stage of `run-all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Stage {
    Compress,
    Geojoin,
    Quality,
    Load,
    Views,
}

/// Which stages run, and whether unchanged work is done again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plan {
    pub from: Option<Stage>,
    pub only: Option<Stage>,
    pub force: bool,
    /// Leaves dates before this one as they are.
    pub since: Option<NaiveDate>,
}

impl Plan {
    fn extent(&self) -> compress::Extent {
        compress::Extent { force: self.force, since: self.since }
    }

    fn wants(&self, stage: Stage) -> bool {
        self.only.is_none_or(|only| only == stage) && self.from.is_none_or(|from| stage >= from)
    }
}

/// Runs the wanted stages.
///
/// # Errors
/// The first stage that fails; what earlier stages wrote stands, and a second run goes on there.
pub fn run(config: &Config, plan: Plan, progress: &Progress) -> Result<Vec<StageReport>> {
    let mut reports = Vec::new();
    let mut done = |report: StageReport| {
        // what was said when the work was done need not be said again
        for note in report.notes.iter().filter(|_| !report.skipped) {
            progress.note(&format!("{}: {note}", report.stage));
        }
        reports.push(report);
    };
    // a broken view file should not wait for an hour of compressing
    let registry = Arc::new(Registry::read(config)?);
    let warehouse = warehouse::open(config, registry)?;
    if plan.wants(Stage::Views) {
        warehouse.verify()?;
    }
    if plan.wants(Stage::Compress) {
        done(compress::run(config, progress, plan.extent())?);
    }
    if plan.wants(Stage::Geojoin) {
        done(geojoin::run(config, progress, plan.force)?);
    }
    if plan.wants(Stage::Quality) {
        done(quality::run(config, progress, plan.force)?);
    }
    if plan.wants(Stage::Load) {
        done(load::run(config, warehouse.as_ref(), progress, plan.force)?);
    }
    if plan.wants(Stage::Views) {
        done(views::run(warehouse.as_ref(), progress, plan.force)?.0);
    }
    Ok(reports)
}

/// The closing table: stages, rows in and out, seconds, and the peak memory of the process.
pub fn summary(reports: &[StageReport], started: Instant) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(["stage", "rows in", "rows out", "seconds", "rows/s", ""]);
    for report in reports {
        let seconds = report.elapsed.as_secs_f64();
        let rate = if report.skipped || seconds < 0.001 {
            String::new()
        } else {
            grouped((report.rows_in as f64 / seconds) as u64)
        };
        table.add_row([
            report.stage.to_owned(),
            grouped(report.rows_in),
            grouped(report.rows_out),
            format!("{seconds:.2}"),
            rate,
            if report.skipped { "unchanged, skipped" } else { "done" }.to_owned(),
        ]);
    }
    for column in 1..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let memory = peak_memory_bytes()
        .map(|b| format!(", peak memory {} MiB", grouped(b / (1024 * 1024))))
        .unwrap_or_default();
    format!("{table}\n{:.2} seconds in all{memory}", started.elapsed().as_secs_f64())
}

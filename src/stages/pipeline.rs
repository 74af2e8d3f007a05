//! The stages in their order, and the table that closes a run.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use chrono::NaiveDate;
use clap::ValueEnum;

use super::{compress, geojoin, load, quality, views};
use crate::config::Config;
use crate::domain::numbers::grouped;
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::progress::StageRun;
use crate::run_history::stages_table;
use crate::runtime::memory::peak_memory_bytes;
use crate::storage::sync::Processed;
use crate::views::Registry;
use crate::warehouse;

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

/// Runs the wanted stages; what each makes goes to where `outputs` are kept.
///
/// # Errors
/// The first stage that fails; what earlier stages wrote stands, and a second run goes on there.
pub fn run(
    config: &Config,
    plan: Plan,
    progress: &Progress,
    outputs: &Processed,
) -> Result<Vec<StageReport>> {
    let mut reports = Vec::new();
    let mut stage = |name, work: &mut dyn FnMut() -> Result<StageReport>| -> Result<()> {
        progress.begin(name);
        let report = work()?;
        outputs.put(progress)?;
        // what was said when the work was done need not be said again
        for note in report.notes.iter().filter(|_| !report.skipped) {
            progress.warn(&format!("{}: {note}", report.stage));
        }
        progress.done(&report, false);
        reports.push(report);
        Ok(())
    };
    // a broken view file should not wait for an hour of compressing
    let registry = Arc::new(Registry::read(&config.views, &config.time)?);
    let warehouse = warehouse::open(config, registry)?;
    if plan.wants(Stage::Views) {
        warehouse.verify()?;
    }
    if plan.wants(Stage::Compress) {
        stage("compress", &mut || compress::run(config.into(), progress, plan.extent()))?;
    }
    if plan.wants(Stage::Geojoin) {
        stage("geojoin", &mut || geojoin::run(config.into(), progress, plan.force))?;
    }
    if plan.wants(Stage::Quality) {
        stage("quality", &mut || quality::run(&config.data, progress, plan.force))?;
    }
    if plan.wants(Stage::Load) {
        let warehouse = warehouse.as_ref();
        stage("load", &mut || load::run(config, warehouse, progress, plan.force))?;
    }
    if plan.wants(Stage::Views) {
        let warehouse = warehouse.as_ref();
        stage("views", &mut || Ok(views::run(warehouse, progress, plan.force)?.0))?;
    }
    Ok(reports)
}

/// The closing table: stages, rows in and out, seconds, and the peak memory of the process.
pub fn summary(reports: &[StageReport], started: Instant) -> String {
    let stages: Vec<StageRun> = reports.iter().map(StageRun::from).collect();
    let table = stages_table(&stages);
    let memory = peak_memory_bytes()
        .map(|b| format!(", peak memory {} MiB", grouped(b / (1024 * 1024))))
        .unwrap_or_default();
    format!("{table}\n{:.2} seconds in all{memory}", started.elapsed().as_secs_f64())
}

//! `mobility run-all`.

use std::time::Instant;

use anyhow::Result;

use super::{Session, terminal_style};
use crate::cli::RunAll;
use crate::domain::numbers::grouped;
use crate::output::run_details::stages_table;
use crate::progress::{StageReport, StageRun};
use crate::runtime::memory::peak_memory_bytes;
use crate::stages::pipeline::{self, Options};
use crate::storage::sync::Outputs;

pub fn run(session: &Session, args: &RunAll, outputs: &Outputs) -> Result<()> {
    let started = Instant::now();
    let options =
        Options { from: args.from, only: args.only, force: args.force, since: args.since };
    let reports = pipeline::run(&session.config, options, &session.progress, outputs)?;
    if session.quiet {
        return Ok(());
    }
    super::print(&format!("{}\n", summary(&reports, started)))
}

/// The stages as a table, with the total time and the peak memory of the process.
fn summary(reports: &[StageReport], started: Instant) -> String {
    let stages: Vec<StageRun> = reports.iter().map(StageRun::from).collect();
    let mut table = stages_table(&stages);
    if let Some(width) = terminal_style(true).width {
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic).set_width(width);
    }
    let memory = peak_memory_bytes()
        .map(|b| format!(", peak memory {} MiB", grouped(b / (1024 * 1024))))
        .unwrap_or_default();
    format!("{table}\n{:.2} seconds in total{memory}", started.elapsed().as_secs_f64())
}

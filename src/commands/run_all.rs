//! `mobility run-all`.

use std::time::Instant;

use anyhow::Result;

use super::Session;
use crate::cli::RunAll;
use crate::stages::pipeline;
use crate::stages::pipeline::Plan;
use crate::storage::sync::Processed;

pub fn run(session: &Session, args: &RunAll, outputs: &Processed) -> Result<()> {
    let started = Instant::now();
    let plan = Plan { from: args.from, only: args.only, force: args.force, since: args.since };
    let reports = pipeline::run(&session.config, plan, &session.progress, outputs)?;
    if session.quiet {
        return Ok(());
    }
    super::print(&format!("{}\n", pipeline::summary(&reports, started)))
}

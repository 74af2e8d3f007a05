//! `run-all`: the stages in their order.

use std::sync::Arc;

use anyhow::Result;
use chrono::NaiveDate;
use clap::ValueEnum;

use super::{compress, geojoin, load, movement, quality, views};
use crate::config::Config;
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::storage::sync::Outputs;
use crate::views::Registry;
use crate::warehouse;

/// A stage of `run-all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Stage {
    Compress,
    Geojoin,
    Movement,
    Quality,
    Load,
    Views,
}

/// Which stages run, and on which inputs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The first stage to run.
    pub from: Option<Stage>,
    /// The only stage to run.
    pub only: Option<Stage>,
    /// Also process unchanged inputs.
    pub force: bool,
    /// Do not process dates before this one.
    pub since: Option<NaiveDate>,
}

impl Options {
    fn extent(&self) -> compress::Extent {
        compress::Extent { force: self.force, since: self.since }
    }

    fn includes(&self, stage: Stage) -> bool {
        self.only.is_none_or(|only| only == stage) && self.from.is_none_or(|from| stage >= from)
    }
}

/// Runs the selected stages; after each stage its files are uploaded to the object store of
/// `outputs`, if there is one.
///
/// # Errors
/// The error of the first stage that fails. The outputs of the stages before it are complete, so a
/// second run continues with the failed stage.
pub fn run(
    config: &Config,
    options: Options,
    progress: &Progress,
    outputs: &Outputs,
) -> Result<Vec<StageReport>> {
    let mut reports = Vec::new();
    let mut stage = |name, work: &mut dyn FnMut() -> Result<StageReport>| -> Result<()> {
        progress.begin(name);
        let report = work()?;
        outputs.upload(progress)?;
        // a skipped stage has the notes of the run that did the work
        for note in report.notes_of_run() {
            progress.warn(&format!("{}: {note}", report.stage));
        }
        progress.done(&report, false);
        reports.push(report);
        Ok(())
    };
    // report missing privileges and invalid view files before the long stages run
    let registry = Arc::new(Registry::read(config.into())?);
    let warehouse = warehouse::open(config, Arc::clone(&registry))?;
    warehouse.warnings().iter().for_each(|warning| progress.warn(warning));
    if options.includes(Stage::Load) {
        warehouse.prepare()?;
    }
    if options.includes(Stage::Views) {
        warehouse.verify()?;
    }
    if options.includes(Stage::Compress) {
        stage("compress", &mut || compress::run(config.into(), progress, options.extent()))?;
    }
    if options.includes(Stage::Geojoin) {
        stage("geojoin", &mut || geojoin::run(config.into(), progress, options.force))?;
    }
    if options.includes(Stage::Movement) {
        stage("movement", &mut || movement::run(config.into(), progress, options.force))?;
    }
    if options.includes(Stage::Quality) {
        let expectation = quality::Expectation::of(config);
        stage("quality", &mut || {
            quality::run(&config.data, &expectation, progress, options.force)
        })?;
    }
    if options.includes(Stage::Load) {
        let warehouse = warehouse.as_ref();
        stage("load", &mut || load::run(config.into(), warehouse, progress, options.force))?;
    }
    if options.includes(Stage::Views) {
        let warehouse = warehouse.as_ref();
        stage("views", &mut || Ok(views::run(warehouse, &registry, progress, options.force)?.0))?;
    }
    Ok(reports)
}

//! `compress`: raw events to hourly presence, one row per (user, cell, clock hour).
//!
//! Only dates whose inputs, settings or cell plan changed are made; the others are linked from the
//! earlier output. `native` makes them on this machine, `spark` on a cluster: the same rows.

pub mod cells;
pub mod combine;
mod days;
pub mod details;
pub mod findings;
pub mod group;
pub mod judge;
mod native;
mod output;
mod parts;
pub mod places;
pub mod plan;
mod quarantine;
pub mod rows;
mod spark;
mod survey;
pub mod tally;
pub mod users;
pub mod worker;

use std::time::Instant;

use anyhow::{Result, bail};
use chrono::NaiveDate;

use crate::datasets::manifest::Manifest;

use crate::cell_plan;
use crate::cell_plan::PlannedCells;
use crate::checks::Code;
use crate::config::{Config, Engine};
use crate::domain::numbers::counted;
use crate::domain::time::{LocalDate, repeated_hour};
use crate::events::input;
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::storage::inputs::{InputFile, unchanged};
use crate::storage::lock;
use crate::storage::object_store::StoreError;
use judge::Rules;
use output::Output;
use plan::RowGroup;
use survey::{Now, Survey, Wanted, survey};

/// What is asked of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extent {
    /// Make every date anew.
    pub force: bool,
    /// Leave earlier dates as they are.
    pub since: Option<NaiveDate>,
}

/// What changes the rows of every date.
fn settings(config: &Config) -> String {
    format!(
        "compress {} {:?} {} {:?}",
        config.columns.of_events(),
        config.time.zone,
        config.strict,
        config.checks
    )
}

/// Runs the stage.
///
/// # Errors
/// Inputs that cannot be read, no usable row, rejected rows when `strict`, an output folder that
/// cannot be written. The earlier output then stands.
pub fn run(config: &Config, progress: &Progress, extent: Extent) -> Result<StageReport> {
    let _lock = lock::to_write(&config.data.processed)?;
    let inputs = input::inputs(&config.data.events)?;
    // a file that is replaced meanwhile looks damaged; that it changed says more
    let listed = inputs.clone();
    let made = make(config, progress, extent, inputs);
    made.map_err(|error| unchanged(&listed).err().unwrap_or(error))
}

fn make(
    config: &Config,
    progress: &Progress,
    extent: Extent,
    inputs: Vec<InputFile>,
) -> Result<StageReport> {
    let started = Instant::now();
    let listed = inputs.clone();
    let bytes_in = inputs.iter().map(|f| f.bytes).sum();
    let target = config.data.compressed_events();
    let report = |manifest: &Manifest, skipped| StageReport {
        stage: "compress",
        rows_in: manifest.rows_in,
        rows_out: manifest.rows_out(),
        bytes_in,
        elapsed: started.elapsed(),
        skipped,
        notes: manifest.notes.clone(),
    };
    let rules = Rules::new(&config.checks);
    let (plan, mut notes) = planned(config)?;
    let settings = settings(config);
    let before = Manifest::read_unverified(&target).map(|m| m.retain_verified(&target));
    let before = before.map(|m| output::with_records(m, config));
    let now = Now::of(config);
    let wanted = Wanted {
        config,
        plan: plan.as_ref(),
        settings: &settings,
        force: extent.force,
        since: extent.since,
        now,
    };
    let survey = survey(inputs, before.as_ref(), &wanted)?;
    if let Some(before) = &before
        && survey.is_done(before, now)
        && Manifest::read(&target).is_some()
    {
        return Ok(report(before, true));
    }
    notes.extend(survey.remarks());
    let groups: Vec<RowGroup> = survey.sources.iter().flat_map(|s| s.groups.clone()).collect();
    let mut output = Output::create(config, &survey)?;
    let work = Work {
        progress,
        config,
        rules: &rules,
        plan: plan.as_ref(),
        now,
        survey: &survey,
        groups: &groups,
    };
    let findings = match config.engine {
        Engine::Native => work.natively(&mut output)?,
        Engine::Spark => spark::make(&work, &mut output)?,
    };
    let usable = |code: Code| code != Code::Duplicate;
    let limits = config.checks.limits();
    let unusable = findings.sentences(&limits, usable);
    if config.strict && !unusable.is_empty() {
        bail!("{}; strict = true makes this fatal", unusable.join("; "));
    }
    notes.extend(findings.sentences(&limits, |_| true));
    let dates: Vec<NaiveDate> = survey.open.iter().copied().collect();
    notes.extend(repeated_hours(config, &dates));
    let manifest = output.finish(&survey, settings, now, notes)?;
    if manifest.rows_in > 0 && manifest.rows_out() == 0 && survey.kept.is_empty() {
        bail!(
            "none of {} can be used: {}",
            counted(manifest.rows_in, "row"),
            findings.sentences(&limits, |_| true).join("; ")
        );
    }
    unchanged(&listed)?;
    output.commit(&manifest, &target)?;
    Ok(report(&manifest, false))
}

/// The cell plan for the checks on places; a plan that cannot be read is geojoin's to refuse, but one
/// that a store does not give now would be there the next time, and make other rows.
fn planned(config: &Config) -> Result<(Option<PlannedCells>, Vec<String>)> {
    if !Code::ALL.iter().any(|code| code.about_places() && config.checks.on(*code)) {
        return Ok((None, Vec::new()));
    }
    Ok(match cell_plan::planned_cells(&config.data.cells, &config.columns) {
        Ok(plan) => (Some(plan), Vec::new()),
        Err(error) if error.is::<StoreError>() => return Err(error),
        Err(error) => {
            let first = error.to_string();
            (None, vec![format!("without a cell plan no checks on places are made ({first})")])
        }
    })
}

/// What is to be made, and by which rules; the same for every engine.
struct Work<'a> {
    progress: &'a Progress,
    config: &'a Config,
    rules: &'a Rules,
    plan: Option<&'a PlannedCells>,
    now: Now,
    survey: &'a Survey,
    groups: &'a [RowGroup],
}

/// Says which hours occur twice, and how they are told apart.
fn repeated_hours(config: &Config, dates: &[NaiveDate]) -> Vec<String> {
    let Some(zone) = config.time.tz() else { return Vec::new() };
    let hours = dates.iter().filter_map(|d| repeated_hour(zone, LocalDate::from_calendar(*d)));
    hours
        .map(|hour| {
            format!(
                "{hour} occurs twice in {zone}: the second stands as {}",
                hour + chrono::TimeDelta::microseconds(1)
            )
        })
        .collect()
}

//! `compress`: raw events to hourly presence, one row per (user, cell, clock hour).
//!
//! Only dates with changed inputs, settings or cell plan are computed; the others are linked from the
//! previous output. `native` computes them on this machine, `spark` on a cluster, with the same rows.
//! What is wrong with an event is decided in [`crate::checks`].

mod as_of;
pub mod batches;
pub mod cell_ids;
mod cell_locations;
pub mod combined;
mod date_counts;
pub mod date_rows;
pub mod date_totals;
mod day_records;
pub mod duplicate_events;
pub mod findings;
mod first_values;
mod memory;
mod native;
mod output;
mod plan_fingerprints;
mod presence_file;
mod presence_files;
pub mod presence_rows;
mod previous;
mod quarantine;
mod readings;
pub mod reread;
pub mod run_buffer;
mod settings;
mod spark;
pub mod spill;
mod spilled_runs;
mod survey;
mod time_notes;
pub mod user_filter;
pub mod user_ids;
pub mod user_order;
pub mod user_read;
mod visits_file;
mod work;
pub mod worker_state;
mod write_dates;

use std::time::Instant;

use anyhow::{Result, bail};
use chrono::NaiveDate;

use crate::cell_plan;
use crate::cell_plan::PlannedCells;
use crate::checks::Code;
use crate::checks::sequence::Rules;
use crate::config::Engine;
use crate::datasets::day_record::DigestKey;
use crate::datasets::manifest::Manifest;
use crate::domain::numbers::counted;
use crate::domain::time::{ClockHour, LocalDate, LocalHour, repeated_hour};
use crate::events;
use crate::events::retention;
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::storage::inputs::{InputFile, Listed, ensure_unchanged};
use crate::storage::lock::{self, FolderLock};
use crate::storage::object_store::StoreError;
use as_of::AsOf;
use batches::RowGroup;
use day_records::DayRecords;
use output::Output;
use previous::Previous;
pub use settings::Settings;
use survey::{SurveyOptions, survey};
use work::Work;

/// Which dates are computed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extent {
    /// Compute every date.
    pub force: bool,
    /// Leave earlier dates unchanged.
    pub since: Option<NaiveDate>,
}

/// Runs the stage.
///
/// # Errors
/// Inputs that cannot be read, no usable row, rejected rows if `strict`, an output folder that cannot be
/// written. The previous output then stays.
pub fn run(settings: Settings, progress: &Progress, extent: Extent) -> Result<StageReport> {
    let lock = lock::to_write(&settings.data.processed)?;
    let Listed { files: inputs, passed_over } = events::list_files(&settings.data.events)?;
    // a file that is replaced while it is read looks damaged; the true reason is that it changed
    let listed = inputs.clone();
    let mut report = compress(settings, progress, extent, inputs, &lock);
    if let Ok(report) = &mut report {
        report.notes.extend(passed_over);
    }
    report.map_err(|error| ensure_unchanged(&listed).err().unwrap_or(error))
}

fn compress(
    settings: Settings,
    progress: &Progress,
    extent: Extent,
    inputs: Vec<InputFile>,
    lock: &FolderLock,
) -> Result<StageReport> {
    let started = Instant::now();
    let listed = inputs.clone();
    let bytes_in = inputs.iter().map(|f| f.bytes).sum();
    let target = settings.data.compressed_events();
    let report = |manifest: &Manifest, skipped| StageReport {
        stage: "compress",
        rows_in: manifest.rows_in,
        rows_out: manifest.rows_out(),
        bytes_in,
        elapsed: started.elapsed(),
        skipped,
        notes: manifest.notes.clone(),
        standing_notes: Vec::new(),
    };
    let rules = Rules::new(settings.checks);
    let (plan, mut notes) = planned(&settings)?;
    let fingerprint = settings.fingerprint();
    let previous = Previous::read(&settings, extent.since, &target)?;
    let before = previous.manifest.as_ref();
    let records = DayRecords::of(before, &settings.data.day_records());
    let as_of = AsOf::now(&settings);
    let options = SurveyOptions {
        settings,
        plan: plan.as_ref(),
        fingerprint: &fingerprint,
        force: extent.force,
        since: extent.since,
        retained_from: retention::read(&settings.data.retention())?,
        as_of,
    };
    let survey = survey(inputs, before, &options)?;
    let key_file = settings.data.users_key();
    let key = records.key(&key_file, survey.kept.keys())?;
    if let Some(before) = before
        && survey.kept.keys().all(|date| records.has_key(*date))
        && survey.is_done(before, as_of)
        && previous.is_intact()
    {
        return Ok(report(before, true));
    }
    notes.extend(previous.messages());
    notes.extend(survey.messages());
    let groups: Vec<RowGroup> = survey.inputs.iter().flat_map(|s| s.groups.clone()).collect();
    let key = match key {
        Some(key) => key,
        None => DigestKey::create(&key_file)?,
    };
    let mut output = Output::create(&settings, &survey, &records, &key)?;
    let work = Work {
        progress,
        settings,
        rules: &rules,
        plan: plan.as_ref(),
        as_of,
        survey: &survey,
        groups: &groups,
        key: &key,
    };
    let mut findings = match settings.engine {
        Engine::Native => native::run(&work, &mut output)?,
        Engine::Spark => spark::run(&work, &mut output)?,
    };
    first_values::explain(&mut findings, &survey, &groups, &settings, as_of.belief);
    let usable = |code: Code| code != Code::Duplicate;
    let limits = settings.checks.limits();
    let unusable = findings.messages(&limits, usable);
    if settings.strict && !unusable.is_empty() {
        bail!("{}; strict = true makes this fatal", unusable.join("; "));
    }
    notes.extend(findings.messages(&limits, |_| true));
    let dates: Vec<NaiveDate> = survey.pending.iter().copied().collect();
    notes.extend(repeated_hours(&settings, &dates));
    let mut manifest = output.finish(&survey, fingerprint, as_of, notes)?;
    let read_as = |input: usize| {
        let file = survey.inputs.get(input)?.file.as_ref()?;
        Some(file.read_as(settings.columns))
    };
    let inputs = &manifest.inputs;
    let mut time_notes = time_notes::unlikely_dates(inputs, read_as, as_of.belief);
    time_notes.extend(time_notes::bare_dates(inputs));
    manifest.notes.extend(time_notes);
    if manifest.rows_in > 0
        && manifest.rows_out() == 0
        && survey.kept.is_empty()
        && survey.purged.is_empty()
    {
        bail!(
            "none of {} can be used: {}",
            counted(manifest.rows_in, "row"),
            findings.messages(&limits, |_| true).join("; ")
        );
    }
    ensure_unchanged(&listed)?;
    lock.ensure_held()?;
    output.commit(&manifest, &target)?;
    Ok(report(&manifest, false))
}

/// The cell plan for visits and the checks on places, or a message why there is none: an invalid plan is
/// reported by geojoin. If an object store cannot be reached, the run ends, since the next one would compute other
/// rows.
fn planned(settings: &Settings) -> Result<(Option<PlannedCells>, Vec<String>)> {
    Ok(match cell_plan::planned_cells(settings.data, settings.columns, settings.time.tz()) {
        Ok(plan) => (Some(plan), Vec::new()),
        Err(error) if error.is::<StoreError>() => return Err(error),
        Err(error) => {
            let first = error.to_string();
            let skipped = Code::ALL.iter().any(|c| c.about_places() && settings.checks.on(*c));
            let skipped =
                if skipped { "checks on places are skipped" } else { "there are no visits" };
            (None, vec![format!("without a cell plan, {skipped} ({first})")])
        }
    })
}

/// Messages that name the repeated hours and their time stamps.
fn repeated_hours(settings: &Settings, dates: &[NaiveDate]) -> Vec<String> {
    let Some(zone) = settings.time.tz() else { return Vec::new() };
    let hours = dates.iter().filter_map(|d| repeated_hour(zone, LocalDate::from_calendar(*d)));
    hours
        .map(|first| {
            let hour = LocalHour::of(first.and_utc().timestamp_micros());
            let label_us = ClockHour { hour, repeated: true }.label_us();
            let label = chrono::DateTime::from_timestamp_micros(label_us).unwrap_or_default();
            format!("{first} occurs twice in {zone}: the second one is {}", label.naive_utc())
        })
        .collect()
}

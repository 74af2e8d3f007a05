//! `compress`: raw events to hourly presence, one row per (user, cell, clock hour).
//!
//! Only dates whose inputs, settings or cell plan changed are made; the others are linked from the
//! earlier output. Days are worked on in batches, so memory follows one day and not the whole
//! period. Within a batch every thread numbers the user and cell ids it meets and counts on those
//! numbers; ids turn back into text when the rows are written, once a user and not once a row.

pub mod cells;
mod columns;
pub mod combine;
mod days;
pub mod details;
pub mod findings;
pub mod group;
pub mod judge;
mod manifest;
mod output;
mod parts;
pub mod places;
pub mod plan;
mod quarantine;
pub mod rows;
mod survey;
pub mod tally;
mod text_columns;
pub mod users;
pub mod worker;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use hashbrown::HashMap;

pub use manifest::Manifest;

use crate::checks::{Code, Fate};
use crate::config::Config;
use crate::geojoin::{self, PlannedCells};
use crate::io::event_input;
use crate::io::inputs::{InputFile, unchanged};
use crate::io::lock;
use crate::io::source::StoreError;
use crate::parallel::{Tasks, on_all_cores};
use crate::progress::{Progress, StageBar};
use crate::report::{StageReport, counted};
use crate::time::{DayShift, LocalDate, repeated_hour};
use combine::{Bench, Combined};
use details::{Details, MOST_EVENTS};
use findings::Findings;
use judge::{Day, Rules};
use output::Output;
use places::Places;
use plan::{Batch, RowGroup};
use survey::{Now, Survey, Wanted, survey};
use tally::Tally;
use users::Order;
use worker::{Reading, Share};

/// Rows of a batch of days. Small days go together, since every batch numbers its ids anew; the day
/// of a whole country has about 40 million and goes alone.
const BATCH_ROWS: u64 = 8_000_000;

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
    let inputs = event_input::inputs(config)?;
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
    let before = Manifest::before(&target).map(|m| m.sound(&target));
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
    let sources = &survey.sources;
    let groups: Vec<RowGroup> = sources.iter().flat_map(|s| s.groups.clone()).collect();
    let mut output = Output::create(config, &survey)?;
    let open: BTreeSet<LocalDate> =
        survey.open.iter().map(|d| LocalDate::from_calendar(*d)).collect();
    let batches = plan::batches(&groups, &open, BATCH_ROWS);
    let total = sources.iter().filter_map(|s| s.file.as_ref().map(|f| (s, f)));
    let total = total.flat_map(|(s, f)| s.groups.iter().map(|g| f.bytes(g.index))).sum();
    let bar = progress.bar("compress", total);
    let work = Work {
        progress,
        config,
        rules: &rules,
        plan: plan.as_ref(),
        now,
        survey: &survey,
        groups: &groups,
    };
    let mut findings = Findings::default();
    for batch in &batches {
        findings.merge(work.batch(batch, &bar, &mut output)?);
    }
    bar.finish();
    let usable = |code: Code| code != Code::Duplicate;
    if config.strict && !findings.sentences(usable).is_empty() {
        bail!("{}; strict = true makes this fatal", findings.sentences(usable).join("; "));
    }
    notes.extend(findings.sentences(|_| true));
    let dates: Vec<NaiveDate> = survey.open.iter().copied().collect();
    notes.extend(repeated_hours(config, &dates));
    let manifest = output.finish(&survey, settings, now, notes)?;
    if manifest.rows_in > 0 && manifest.rows_out() == 0 && survey.kept.is_empty() {
        bail!(
            "none of {} can be used: {}",
            counted(manifest.rows_in, "row"),
            findings.sentences(|_| true).join("; ")
        );
    }
    unchanged(&listed)?;
    output.commit(&manifest, &target)?;
    Ok(report(&manifest, false))
}

/// The cell plan for the checks on places; a plan that cannot be read is geojoin's to refuse, but one
/// that a store does not give now would be there the next time, and make other rows.
fn planned(config: &Config) -> Result<(Option<PlannedCells>, Vec<String>)> {
    let of_places = |code: &Code| {
        code.fate() == Fate::Unplaced
            || matches!(code, Code::TooFastBoth | Code::TooFastOnce | Code::PingPong)
    };
    if !Code::ALL.iter().filter(|c| of_places(c)).any(|code| config.checks.on(*code)) {
        return Ok((None, Vec::new()));
    }
    Ok(match geojoin::planned_cells(config) {
        Ok(plan) => (Some(plan), Vec::new()),
        Err(error) if error.is::<StoreError>() => return Err(error),
        Err(error) => {
            let first = error.to_string();
            (None, vec![format!("without a cell plan no checks on places are made ({first})")])
        }
    })
}

/// What the batches share.
struct Work<'a> {
    progress: &'a Progress,
    config: &'a Config,
    rules: &'a Rules,
    plan: Option<&'a PlannedCells>,
    now: Now,
    survey: &'a Survey,
    groups: &'a [RowGroup],
}

impl Work<'_> {
    /// Reads, judges and writes a batch; returns what was found.
    fn batch(&self, batch: &Batch, bar: &StageBar, output: &mut Output) -> Result<Findings> {
        let order = match self.rules {
            rules if rules.on(Code::Duplicate) => Order::Once,
            rules if rules.need_order() && self.plan.is_some() => Order::Rising,
            _ => Order::Any,
        };
        let reading = Reading {
            batch,
            zone: self.config.time.tz(),
            checks: &self.config.checks,
            order,
            latest_us: self.now.latest_us,
            only: None,
            bar,
        };
        let mut shares = self.read(&reading)?;
        let mut findings = Findings::default();
        let mut rows = HashMap::new();
        for share in &mut shares {
            findings.merge(std::mem::take(&mut share.findings));
            for (place, more) in std::mem::take(&mut share.rows) {
                *rows.entry(place).or_default() += more;
            }
        }
        bar.message("grouping and writing");
        let combined = combine::combine(shares);
        let places = self.plan.map(|plan| Places::of(plan, &combined.cells));
        let zone = self.config.time.tz();
        let day = |number: i32| {
            let date = LocalDate(number);
            Day { date, shift: DayShift::of(zone, date), places: places.as_ref() }
        };
        let bench = Bench {
            rules: self.rules,
            days: (batch.first.0..=batch.last.0).map(day).collect(),
            groups: self.groups,
            keep_rejected: self.config.checks.quarantine,
        };
        let unclear = if order == Order::Any {
            Vec::new()
        } else {
            combined.unclear(self.config.checks.quarantine)?
        };
        if !unclear.is_empty() {
            self.progress.detail(&format!(
                "compress: {} of {} read again, event by event",
                counted(unclear.iter().map(|(_, events)| events).sum(), "event"),
                counted(unclear.len() as u64, "user")
            ));
        }
        let events: u64 = rows.values().sum();
        let mut tallies: BTreeMap<u32, Tally> = BTreeMap::new();
        let parts: Vec<_> = parts::cut(combined.users(), events).into_iter().enumerate().collect();
        for (parts, unclear) in details::turns(&parts, &unclear, MOST_EVENTS) {
            let details = self.details(&reading, &combined, &unclear)?;
            let write = |folder: &Output| -> Result<_> {
                let tasks = Tasks::new(parts);
                on_all_cores(parts.len(), || {
                    let (mut tallies, mut findings) = (BTreeMap::new(), Findings::default());
                    tasks.each(|(number, users)| {
                        let (days, found) = combined.judge(users.clone(), &details, &bench);
                        findings.merge(found);
                        for (day, mut rows) in days {
                            let date = LocalDate(batch.first.0 + day as i32);
                            let bytes = folder.part(date, *number, &combined, &rows, batch)?;
                            rows.tally.bytes = bytes;
                            tallies.entry(day).or_insert_with(Tally::default).merge(rows.tally);
                        }
                        Ok(())
                    })?;
                    Ok((tallies, findings))
                })
            };
            for (some, found) in write(output)? {
                findings.merge(found);
                for (day, tally) in some {
                    tallies.entry(day).or_default().merge(tally);
                }
            }
        }
        output.note(
            batch,
            rows,
            &findings,
            (&tallies, &combined.cells),
            &bench.days,
            self.now,
            self.survey,
        )?;
        Ok(findings)
    }

    /// Reads the row groups of a batch, on all cores.
    fn read(&self, reading: &Reading) -> Result<Vec<Share>> {
        let opened = |number: &usize| {
            let group = &self.groups[*number];
            let file = self.survey.sources[group.file].file.as_ref();
            file.context("a file that is to be read was not opened").map(|file| (file, group))
        };
        let groups = &reading.batch.groups;
        let in_order = groups.iter().map(|(n, _)| opened(n).map(|(file, g)| (file, g.index)));
        let ahead = event_input::parts_ahead(in_order.collect::<Result<Vec<_>>>()?)?;
        let tasks: Vec<_> = groups.iter().enumerate().collect();
        let tasks = Tasks::new(&tasks);
        let work = || -> Result<Share> {
            let mut share = Share::default();
            tasks.each(|(turn, (number, first_read))| {
                let (file, group) = opened(number)?;
                let source = ahead.source(*turn).with_context(|| group.place())?;
                share.read(file, source, *number as u32, group, *first_read, reading)
            })?;
            share.close();
            Ok(share)
        };
        on_all_cores(reading.batch.groups.len(), work)
    }

    /// The second reading of some users.
    fn details(&self, reading: &Reading, first: &Combined, users: &[u32]) -> Result<Details> {
        if users.is_empty() {
            return Ok(Details::default());
        }
        reading.bar.message("looking at overlapping events one by one");
        let only: HashSet<String> = users.iter().map(|u| first.user(*u).into_owned()).collect();
        let again = Reading { only: Some(&only), ..*reading };
        Ok(Details::new(first, users, combine::combine(self.read(&again)?)))
    }
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

//! On this machine: dates in batches, so that memory depends on one date and not on the whole period.
//!
//! Within a batch every thread numbers the user and cell ids that it reads, and counts by these numbers;
//! numbers turn back into ids when the rows are written, once per user and not once per row. What does not
//! fit into the memory that the stage may use goes to disk, sorted by user.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use hashbrown::HashMap;

use super::batches;
use super::batches::Batch;
use super::cell_locations::cell_locations;
use super::date_rows::JudgeContext;
use super::date_totals::DateTotals;
use super::findings::Findings;
use super::memory::MemoryBound;
use super::output::Output;
use super::readings::Reader;
use super::work::Work;
use super::worker_state::ReadOptions;
use super::write_dates::WriteDates;
use crate::checks::Code;
use crate::checks::duplicates::Touching;
use crate::checks::open_run::{RunLimits, RunPolicy};
use crate::checks::sequence::CheckedDate;
use crate::config::Stays;
use crate::domain::numbers::counted;
use crate::domain::time::{DayShift, LocalDate};
use crate::progress::StageBar;

/// Rows of a batch. Small dates share a batch, since every batch numbers its ids again; a date of a whole
/// country has about 40 million rows and a batch of its own.
const BATCH_ROWS: u64 = 8_000_000;

/// Computes all pending dates; returns what the checks found.
///
/// # Errors
/// Damaged inputs; outputs that cannot be written; a bound on memory that cannot be kept.
pub fn run(work: &Work, output: &mut Output) -> Result<Findings> {
    let pending: BTreeSet<LocalDate> =
        work.survey.pending.iter().map(|d| LocalDate::from_calendar(*d)).collect();
    let batches = batches::batches(work.groups, &pending, BATCH_ROWS);
    let opened = work.survey.inputs.iter().filter_map(|s| s.file.as_ref().map(|f| (s, f)));
    let total = opened.flat_map(|(s, f)| s.groups.iter().map(|g| f.bytes(g.index))).sum();
    let bar = work.progress.bar("compress", total);
    let planned_cells = work.plan.map_or(0, |plan| plan.cells.len());
    let memory = MemoryBound::new(work.settings.memory, work.groups.len(), planned_cells);
    let mut findings = Findings::default();
    for batch in &batches {
        findings.merge(run_batch(work, batch, &bar, &memory, output)?);
    }
    bar.finish();
    Ok(findings)
}

/// Reads, checks and writes a batch; returns what the checks found.
fn run_batch(
    work: &Work,
    batch: &Batch,
    bar: &StageBar,
    memory: &MemoryBound,
    output: &mut Output,
) -> Result<Findings> {
    let settings = &work.settings;
    let policy = RunPolicy::of(work.rules, work.plan.is_some());
    let options = ReadOptions {
        batch,
        zone: settings.time.tz(),
        checks: settings.checks,
        limits: RunLimits { policy, max_gap_us: max_gap_us(settings.stays) },
        latest_us: work.as_of.latest_us,
        only_users: None,
        state_bytes: u64::MAX,
        scratch: output.scratch(),
        bar,
    };
    let in_order = policy != RunPolicy::Unordered;
    let keep_rejected = settings.checks.quarantine;
    let touching = Touching::of(work.rules.on(Code::Duplicate), keep_rejected);
    let reader = Reader { work, memory, in_order, touching };
    let mut workers = reader.read(&options, 0)?;
    let mut findings = Findings::default();
    let mut rows = HashMap::new();
    for worker in &mut workers {
        findings.merge(std::mem::take(&mut worker.findings));
        for (file_date, more) in std::mem::take(&mut worker.rows) {
            *rows.entry(file_date).or_default() += more;
        }
    }
    bar.message("grouping and writing");
    let events: u64 = rows.values().sum();
    let (readings, overlaps) = reader.combine(workers, &options, events)?;
    let locations = work.plan.map(|plan| cell_locations(plan, readings.cells()));
    let checked = |number: i32| {
        let date = LocalDate(number);
        let shift = DayShift::of(settings.time.tz(), date);
        CheckedDate { date, shift, locations: locations.as_ref() }
    };
    let context = JudgeContext {
        rules: work.rules,
        dates: (batch.first.0..=batch.last.0).map(checked).collect(),
        groups: work.groups,
        has_overlaps: overlaps.users > 0,
        visit_gap_us: settings.stays.stored_gap_us(),
        touching,
        keep_rejected,
        key: work.key,
    };
    if overlaps.users > 0 {
        work.progress.detail(&format!(
            "compress: {} of {} read again, event by event",
            counted(overlaps.events, "event"),
            counted(overlaps.users, "user")
        ));
        bar.message("reading overlapping events again, one by one");
    }
    let reread = reader.reread(&readings, &overlaps, &options, events)?;
    let write =
        WriteDates { context: &context, readings: &readings, reread: &reread, batch, output };
    let written = write.all(memory, events)?;
    let mut totals = BTreeMap::new();
    for (of_thread, found) in written {
        findings.merge(found);
        for (day, more) in of_thread {
            totals.entry(day).or_insert_with(DateTotals::default).merge(more);
        }
    }
    let results = (totals, readings.cells());
    output.record_batch(
        batch,
        rows,
        &mut findings,
        results,
        &context.dates,
        work.as_of,
        work.survey,
    )?;
    Ok(findings)
}

/// Longest time between two events of a run, µs, so that no visit ends within a run.
fn max_gap_us(stays: &Stays) -> u32 {
    u32::try_from(stays.stored_gap_us()).unwrap_or(u32::MAX)
}

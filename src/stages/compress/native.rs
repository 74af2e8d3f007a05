//! On this machine: dates in batches, so that memory depends on one date and not on the whole period.
//!
//! Within a batch every thread numbers the user and cell ids that it reads, and counts by these numbers;
//! numbers turn back into ids when the rows are written, once per user and not once per row.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::{Context, Result};
use hashbrown::HashMap;

use super::batches;
use super::batches::Batch;
use super::cell_locations::cell_locations;
use super::combined;
use super::combined::Combined;
use super::date_rows::JudgeContext;
use super::date_totals::DateTotals;
use super::findings::Findings;
use super::output::Output;
use super::presence_files;
use super::reread::{MAX_EVENTS, Reread, reread_batches};
use super::work::Work;
use super::worker_state::{ReadOptions, WorkerState};
use crate::checks::open_run::RunPolicy;
use crate::checks::sequence::CheckedDate;
use crate::domain::numbers::counted;
use crate::domain::time::{DayShift, LocalDate};
use crate::events;
use crate::progress::StageBar;
use crate::runtime::parallel::{Tasks, on_all_cores};

/// Rows of a batch. Small dates share a batch, since every batch numbers its ids again; a date of a whole
/// country has about 40 million rows and a batch of its own.
const BATCH_ROWS: u64 = 8_000_000;

/// Computes all pending dates; returns what the checks found.
///
/// # Errors
/// Damaged inputs; outputs that cannot be written.
pub fn run(work: &Work, output: &mut Output) -> Result<Findings> {
    let pending: BTreeSet<LocalDate> =
        work.survey.pending.iter().map(|d| LocalDate::from_calendar(*d)).collect();
    let batches = batches::batches(work.groups, &pending, BATCH_ROWS);
    let opened = work.survey.inputs.iter().filter_map(|s| s.file.as_ref().map(|f| (s, f)));
    let total = opened.flat_map(|(s, f)| s.groups.iter().map(|g| f.bytes(g.index))).sum();
    let bar = work.progress.bar("compress", total);
    let mut findings = Findings::default();
    for batch in &batches {
        findings.merge(run_batch(work, batch, &bar, output)?);
    }
    bar.finish();
    Ok(findings)
}

/// Reads, checks and writes a batch; returns what the checks found.
fn run_batch(work: &Work, batch: &Batch, bar: &StageBar, output: &mut Output) -> Result<Findings> {
    let settings = &work.settings;
    let policy = RunPolicy::of(work.rules, work.plan.is_some());
    let options = ReadOptions {
        batch,
        zone: settings.time.tz(),
        checks: settings.checks,
        policy,
        latest_us: work.as_of.latest_us,
        only_users: None,
        bar,
    };
    let mut workers = read(work, &options)?;
    let mut findings = Findings::default();
    let mut rows = HashMap::new();
    for worker in &mut workers {
        findings.merge(std::mem::take(&mut worker.findings));
        for (file_date, more) in std::mem::take(&mut worker.rows) {
            *rows.entry(file_date).or_default() += more;
        }
    }
    bar.message("grouping and writing");
    let combined = combined::combine(workers)?;
    let locations = work.plan.map(|plan| cell_locations(plan, &combined.cells));
    let checked = |number: i32| {
        let date = LocalDate(number);
        let shift = DayShift::of(settings.time.tz(), date);
        CheckedDate { date, shift, locations: locations.as_ref() }
    };
    let context = JudgeContext {
        rules: work.rules,
        dates: (batch.first.0..=batch.last.0).map(checked).collect(),
        groups: work.groups,
        keep_rejected: settings.checks.quarantine,
        key: work.key,
    };
    let overlapping = match policy {
        RunPolicy::Unordered => Vec::new(),
        _ => combined.users_with_overlap(settings.checks.quarantine)?,
    };
    if !overlapping.is_empty() {
        work.progress.detail(&format!(
            "compress: {} of {} read again, event by event",
            counted(overlapping.iter().map(|(_, events)| events).sum(), "event"),
            counted(overlapping.len() as u64, "user")
        ));
    }
    let events: u64 = rows.values().sum();
    let mut totals: BTreeMap<u32, DateTotals> = BTreeMap::new();
    let ranges = presence_files::user_ranges(combined.users(), events);
    let files: Vec<_> = ranges.into_iter().enumerate().collect();
    for (files, users) in reread_batches(&files, &overlapping, MAX_EVENTS) {
        let reread = reread(work, &options, &combined, &users)?;
        let folder = &*output;
        let tasks = Tasks::new(files);
        let written = on_all_cores(files.len(), || {
            let (mut totals, mut findings) = (BTreeMap::new(), Findings::default());
            tasks.each(|(number, users)| {
                let (dates, found) = context.rows(&combined, users.clone(), &reread);
                findings.merge(found);
                for (day, mut rows) in dates {
                    let date = LocalDate(batch.first.0 + day as i32);
                    rows.totals.bytes =
                        folder.write_rows(date, *number, &combined, &rows, batch)?;
                    totals.entry(day).or_insert_with(DateTotals::default).merge(rows.totals);
                }
                Ok(())
            })?;
            Ok((totals, findings))
        })?;
        for (of_thread, found) in written {
            findings.merge(found);
            for (day, more) in of_thread {
                totals.entry(day).or_default().merge(more);
            }
        }
    }
    let results = (&totals, combined.cells.as_slice());
    output.record_batch(
        batch,
        rows,
        &findings,
        results,
        &context.dates,
        work.as_of,
        work.survey,
    )?;
    Ok(findings)
}

/// Reads the row groups of a batch on all cores.
fn read(work: &Work, options: &ReadOptions) -> Result<Vec<WorkerState>> {
    let opened = |number: &usize| {
        let group = &work.groups[*number];
        let file = work.survey.inputs[group.file].file.as_ref();
        file.context("a file that is to be read was not opened").map(|file| (file, group))
    };
    let groups = &options.batch.groups;
    let in_order = groups.iter().map(|(n, _)| opened(n).map(|(file, g)| (file, g.index)));
    let ahead = events::prefetch(in_order.collect::<Result<Vec<_>>>()?)?;
    let tasks: Vec<_> = groups.iter().enumerate().collect();
    let tasks = Tasks::new(&tasks);
    let read = || -> Result<WorkerState> {
        let mut worker = WorkerState::default();
        tasks.each(|(turn, (number, first_read))| {
            let (file, group) = opened(number)?;
            let source = ahead.take(*turn).with_context(|| group.place())?;
            worker.read(file, source, *number as u32, group, *first_read, options)
        })?;
        worker.close();
        Ok(worker)
    };
    on_all_cores(groups.len(), read)
}

/// Reads the events of some users again, one by one.
fn reread(work: &Work, options: &ReadOptions, first: &Combined, users: &[u32]) -> Result<Reread> {
    if users.is_empty() {
        return Ok(Reread::default());
    }
    options.bar.message("reading overlapping events again, one by one");
    let only: HashSet<String> = users.iter().map(|u| first.user(*u).into_owned()).collect();
    let options = ReadOptions { only_users: Some(&only), ..*options };
    Ok(Reread::new(first, users, combined::combine(read(work, &options)?)?))
}

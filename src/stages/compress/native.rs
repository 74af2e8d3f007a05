//! On this machine: days in batches, so memory follows one day and not the whole period.
//!
//! Within a batch every thread numbers the user and cell ids it meets and counts on those numbers;
//! ids turn back into text when the rows are written, once a user and not once a row.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::{Context, Result};
use hashbrown::HashMap;

use super::Work;
use super::combine;
use super::combine::{Bench, Combined};
use super::details;
use super::details::{Details, MOST_EVENTS};
use super::findings::Findings;
use super::judge::Day;
use super::output::Output;
use super::parts;
use super::places::Places;
use super::plan;
use super::plan::Batch;
use super::tally::Tally;
use super::users::Order;
use super::worker::{Reading, Share};
use crate::checks::Code;
use crate::domain::numbers::counted;
use crate::domain::time::{DayShift, LocalDate};
use crate::events::input;
use crate::progress::StageBar;
use crate::runtime::parallel::{Tasks, on_all_cores};

/// Rows of a batch of days. Small days go together, since every batch numbers its ids anew; the day
/// of a whole country has about 40 million and goes alone.
const BATCH_ROWS: u64 = 8_000_000;

impl Work<'_> {
    /// Makes all open dates; returns what was found.
    pub(super) fn natively(&self, output: &mut Output) -> Result<Findings> {
        let open: BTreeSet<LocalDate> =
            self.survey.open.iter().map(|d| LocalDate::from_calendar(*d)).collect();
        let batches = plan::batches(self.groups, &open, BATCH_ROWS);
        let total = self.survey.sources.iter().filter_map(|s| s.file.as_ref().map(|f| (s, f)));
        let total = total.flat_map(|(s, f)| s.groups.iter().map(|g| f.bytes(g.index))).sum();
        let bar = self.progress.bar("compress", total);
        let mut findings = Findings::default();
        for batch in &batches {
            findings.merge(self.batch(batch, &bar, output)?);
        }
        bar.finish();
        Ok(findings)
    }

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
        let ahead = input::parts_ahead(in_order.collect::<Result<Vec<_>>>()?)?;
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

//! From what was read of users to checked rows of hourly presence by date.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::Result;

use super::batches::RowGroup;
use super::date_totals::DateTotals;
use super::findings::{Findings, RejectedRow};
use super::presence_rows;
use super::presence_rows::PresenceRow;
use super::reread::{Reread, RereadReader};
use super::user_read::UserRead;
use crate::checks::Code;
use crate::checks::duplicates::{Touching, is_in_order, remove_touching};
use crate::checks::sequence::{CheckedDate, Rules, SequenceChecker};
use crate::datasets::day_record::DigestKey;
use crate::domain::ids::user_text;
use crate::movement::{Visit, VisitBuilder};

/// What the checks on a batch need.
pub struct JudgeContext<'a> {
    pub rules: &'a Rules,
    /// The dates of the batch, in order.
    pub dates: Vec<CheckedDate<'a>>,
    pub groups: &'a [RowGroup],
    /// Whether some users have overlapping runs and were reread.
    pub has_overlaps: bool,
    /// Which runs may touch without a reread.
    pub touching: Touching,
    /// Whether rejected rows are recorded one by one.
    pub keep_rejected: bool,
    /// The key of the digests of users.
    pub key: &'a DigestKey,
    /// Longest time between two events of a visit, µs.
    pub visit_gap_us: i64,
}

/// Checks users one after the other, in the order of their ids, on some dates of the batch.
pub struct Judge<'a> {
    context: &'a JudgeContext<'a>,
    /// Dates of the batch, from 0.
    dates: Range<u32>,
    reread: RereadReader<'a>,
    checker: SequenceChecker,
    rows: Vec<PresenceRow>,
    visits: VisitBuilder,
    pub findings: Findings,
    /// By date of the batch, from 0.
    pub totals: BTreeMap<u32, DateTotals>,
}

impl<'a> Judge<'a> {
    pub fn new(context: &'a JudgeContext<'a>, dates: Range<u32>, reread: &'a Reread) -> Self {
        Judge {
            context,
            dates,
            reread: reread.reader(),
            checker: SequenceChecker::default(),
            rows: Vec::new(),
            visits: VisitBuilder::new(context.visit_gap_us),
            findings: Findings::default(),
            totals: BTreeMap::new(),
        }
    }

    /// Checks a user; `write` gets date, user, rows by hour and cell, without repetition, and visits in order of
    /// time. Users whose runs overlap are taken from the reread.
    ///
    /// # Errors
    /// Those of `write`; a temporary file that cannot be read.
    pub fn add(
        &mut self,
        user: UserRead,
        mut write: impl FnMut(u32, &str, &[PresenceRow], &[Visit]) -> Result<()>,
    ) -> Result<()> {
        let Judge { context, dates, reread, checker, rows, visits, findings, totals } = self;
        let UserRead { key, runs, duplicates } = user;
        let rules = context.rules;
        let mut add_duplicate = |date: u32, row_group, row| {
            if dates.contains(&date) {
                context.add_duplicate(findings, date, row_group, row);
            }
        };
        let overlap = context.has_overlaps && !is_in_order(runs, context.touching);
        let removed = if overlap { reread.runs_of(key, runs, rules)? } else { None };
        if let Some(removed) = removed {
            for event in removed {
                add_duplicate(event.key.hour().date(), event.row_group, Some(event.row));
            }
        } else {
            if rules.on(Code::Duplicate) {
                remove_touching(runs, |date, row_group| add_duplicate(date, row_group, None));
            }
            for duplicate in duplicates {
                add_duplicate(duplicate.hour.date(), duplicate.row_group, Some(duplicate.row));
            }
        }
        let name = user_text(key);
        for of_date in runs.chunk_by_mut(|a, b| a.hour().date() == b.hour().date()) {
            let number = of_date[0].hour().date();
            if !dates.contains(&number) {
                continue;
            }
            let checked = &context.dates[number as usize];
            checker.check(rules, checked, of_date);
            for &(row_group, code, rows) in &checker.codes {
                let file = context.groups[row_group as usize].file as u32;
                findings.add((file, Some(checked.date)), code, rows);
            }
            visits.clear();
            for (site, first_us, last_us, run) in checker.located() {
                visits.add(site, first_us, last_us, of_date[run].count);
            }
            rows.clear();
            presence_rows::merge(of_date, rows);
            presence_rows::mark_two_places(of_date, &checker.two_places, rows);
            totals.entry(number).or_default().add(&name, context.key, rows);
            write(number, &name, rows, visits.visits())?;
        }
        Ok(())
    }
}

impl JudgeContext<'_> {
    /// Counts a duplicate, with its row in the row group if that is known.
    fn add_duplicate(&self, findings: &mut Findings, date: u32, row_group: u32, row: Option<u32>) {
        let group = &self.groups[row_group as usize];
        let date = Some(self.dates[date as usize].date);
        let file = group.file as u32;
        findings.add((file, date), Code::Duplicate, 1);
        let at = (row_group, row.map_or(u64::MAX, u64::from));
        findings.note_first(Code::Duplicate, Some(at), || match row {
            Some(row) => group.place_of(u64::from(row)),
            None => group.place(),
        });
        if let Some(row) = row.filter(|_| self.keep_rejected) {
            let row = group.first_row + u64::from(row) + 1;
            findings.rows.push(RejectedRow { date, file, row, code: Code::Duplicate });
        }
    }
}

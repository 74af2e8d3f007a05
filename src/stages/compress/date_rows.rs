//! From the runs of users to checked rows of hourly presence by date.

use std::collections::BTreeMap;
use std::ops::Range;

use super::batches::RowGroup;
use super::combined::Combined;
use super::date_totals::DateTotals;
use super::findings::{Findings, FirstRow, RejectedRow};
use super::presence_rows;
use super::presence_rows::PresenceRow;
use super::reread::Reread;
use crate::checks::Code;
use crate::checks::duplicates::remove_touching;
use crate::checks::sequence::{CheckedDate, Rules, SequenceChecker};
use crate::datasets::day_record::DigestKey;

/// Rows of one date by user, hour and cell, without repetition.
#[derive(Debug, Default)]
pub struct DateRows {
    pub rows: Vec<PresenceRow>,
    /// Users and where their rows end.
    pub users: Vec<(u32, usize)>,
    pub totals: DateTotals,
}

/// What the checks on a batch need.
pub struct JudgeContext<'a> {
    pub rules: &'a Rules,
    /// The dates of the batch, in order.
    pub dates: Vec<CheckedDate<'a>>,
    pub groups: &'a [RowGroup],
    /// Whether rejected rows are recorded one by one.
    pub keep_rejected: bool,
    /// The key of the digests of users.
    pub key: &'a DigestKey,
}

/// Rows by date of the batch, from 0.
pub type RowsByDate = BTreeMap<u32, DateRows>;

impl JudgeContext<'_> {
    /// The checked rows of some users, and what the checks found. Users in `reread` are taken from there.
    pub fn rows(
        &self,
        combined: &Combined,
        users: Range<usize>,
        reread: &Reread,
    ) -> (RowsByDate, Findings) {
        let mut dates = RowsByDate::new();
        let mut findings = Findings::default();
        let (mut runs, mut checker) = (Vec::new(), SequenceChecker::default());
        for user in users {
            let user = user as u32;
            if let Some(duplicates) = reread.runs_of(user, &mut runs, self.rules) {
                for event in duplicates {
                    let date = event.key.hour().date();
                    self.add_duplicate(&mut findings, date, event.row_group, Some(event.row));
                }
            } else {
                combined.runs_of(user, &mut runs);
                if self.rules.on(Code::Duplicate) {
                    remove_touching(&mut runs, |date, row_group| {
                        self.add_duplicate(&mut findings, date, row_group, None);
                    });
                }
                for duplicate in combined.duplicates_of(user) {
                    let (date, row) = (duplicate.hour.date(), Some(duplicate.row));
                    self.add_duplicate(&mut findings, date, duplicate.row_group, row);
                }
            }
            let name = combined.user(user);
            for of_date in runs.chunk_by_mut(|a, b| a.hour().date() == b.hour().date()) {
                let number = of_date[0].hour().date();
                let checked = &self.dates[number as usize];
                checker.check(self.rules, checked, of_date);
                for &(row_group, code, rows) in &checker.codes {
                    let file = self.groups[row_group as usize].file as u32;
                    findings.add((file, Some(checked.date)), code, rows);
                }
                let date = dates.entry(number).or_default();
                let start = date.rows.len();
                presence_rows::merge(of_date, &mut date.rows);
                let added = &mut date.rows[start..];
                for &(hour, cell, events) in &checker.two_places {
                    if let Ok(at) = added.binary_search_by_key(&(hour, cell), |r| (r.hour, r.cell))
                    {
                        added[at].two_places += events;
                    }
                }
                date.totals.add(&name, self.key, added);
                date.users.push((user, date.rows.len()));
            }
        }
        (dates, findings)
    }

    /// Counts a duplicate, with its row in the row group if that is known.
    fn add_duplicate(&self, findings: &mut Findings, date: u32, row_group: u32, row: Option<u32>) {
        let group = &self.groups[row_group as usize];
        let date = Some(self.dates[date as usize].date);
        let file = group.file as u32;
        findings.add((file, date), Code::Duplicate, 1);
        let row_of = |row: Option<u32>| match row {
            Some(row) => group.place_of(u64::from(row)),
            None => group.place(),
        };
        findings.note_first(Code::Duplicate, || FirstRow { place: row_of(row), at: None });
        if let Some(row) = row.filter(|_| self.keep_rejected) {
            let row = group.first_row + u64::from(row) + 1;
            findings.rows.push(RejectedRow { date, file, row, code: Code::Duplicate });
        }
    }
}

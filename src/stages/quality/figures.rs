//! The figures of one date, from its record, its users and the cell plan that holds on it.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::BEFORE;
use super::plan::Plan;
use super::warnings::{Level, warnings};
use crate::checks::Disposition;
use crate::datasets::day_record::{DayRecord, FileRecord};

/// One row of `quality_daily`; docs/quality.md explains the figures. Fields stand in the order of
/// the table's columns and have their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DayFigures {
    pub date: NaiveDate,
    pub provisional: bool,
    pub rows_in: u64,
    pub rows_kept: u64,
    pub rows_rejected: u64,
    pub rows_unplaced: u64,
    pub rows_flagged: u64,
    pub files_expected: Option<u64>,
    pub files_read: u64,
    pub files_late: u64,
    pub users: u64,
    pub new_users: Option<u64>,
    pub users_1_hour: u64,
    pub users_8_hours: u64,
    pub users_20_hours: u64,
    pub events_per_user_p50: Option<u64>,
    pub events_per_user_p95: Option<u64>,
    pub events_per_user_p99: Option<u64>,
    pub events_per_user_max: Option<u64>,
    pub events_per_hour_min: u64,
    pub events_per_hour_mean: f64,
    pub events_per_hour_max: u64,
    pub empty_hours: u64,
    pub cells_planned: u64,
    pub cells_active: u64,
    pub cells_silent: u64,
    pub cells_unplanned: u64,
    pub events_within: u64,
    pub events_boundary: u64,
    pub events_nearest: u64,
    pub events_outside: u64,
    pub events_unmapped: u64,
    pub laus_without_cells: u64,
    pub laus_without_users: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub rows_out: u64,
    pub compression_ratio: Option<f64>,
    pub compression_ratio_rows: Option<f64>,
    pub warnings: u64,
    pub criticals: u64,
}

/// Users of a date, by their digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub all: u64,
    /// Those who were seen on none of the dates before; `None` where there is none.
    pub new: Option<u64>,
}

/// The figures of a date, without those that [`look_back`] adds.
///
/// # Errors
/// A record whose numbers contradict each other: names the numbers.
pub fn figures(record: &DayRecord, users: Seen, plan: &Plan) -> Result<DayFigures> {
    let by_disposition = |disposition: Disposition| -> u64 {
        let codes = record.files.iter().flat_map(|f| &f.codes);
        codes.filter(|(code, _)| code.disposition() == disposition).map(|(_, rows)| rows).sum()
    };
    let rows_in: u64 = record.files.iter().map(|f| f.rows).sum();
    let rows_rejected = by_disposition(Disposition::Rejected);
    let rows_kept: u64 = record.hours.values().sum();
    agree(record, rows_in, rows_rejected, rows_kept, users.all)?;

    let seen_for = |hours: u32| record.users_by_hours.range(hours..).map(|(_, users)| users).sum();
    let quantile = |percent: u64| quantile(&record.users_by_events, percent);
    let with_events = record.hours.values().filter(|events| **events > 0).count() as u64;
    let empty_hours = u64::from(record.clock_hours).saturating_sub(with_events);
    let least = record.hours.values().min().copied().unwrap_or(0);
    let on = plan.on(record.date, &record.cells);
    let bytes_in: u64 = record.files.iter().map(|f| f.bytes).sum();
    Ok(DayFigures {
        date: record.date,
        provisional: record.provisional,
        rows_in,
        rows_kept,
        rows_rejected,
        rows_unplaced: by_disposition(Disposition::Unplaced),
        rows_flagged: by_disposition(Disposition::Flagged),
        files_expected: None,
        files_read: record.files.len() as u64,
        files_late: record.files.iter().filter(|f| f.is_late(record.date)).count() as u64,
        users: users.all,
        new_users: users.new,
        users_1_hour: seen_for(1),
        users_8_hours: seen_for(8),
        users_20_hours: seen_for(20),
        events_per_user_p50: quantile(50),
        events_per_user_p95: quantile(95),
        events_per_user_p99: quantile(99),
        events_per_user_max: quantile(100),
        events_per_hour_min: if empty_hours > 0 { 0 } else { least },
        events_per_hour_mean: ratio(rows_kept, u64::from(record.clock_hours)).unwrap_or(0.0),
        events_per_hour_max: record.hours.values().max().copied().unwrap_or(0),
        empty_hours,
        cells_planned: on.planned,
        cells_active: on.active,
        cells_silent: on.planned - on.active,
        cells_unplanned: on.unplanned,
        events_within: on.events_within,
        events_boundary: on.events_boundary,
        events_nearest: on.events_nearest,
        events_outside: on.events_outside,
        events_unmapped: on.events_outside + on.events_unplanned,
        laus_without_cells: on.laus_without_cells,
        laus_without_users: on.laus_without_users,
        bytes_in,
        bytes_out: record.bytes_out,
        rows_out: record.rows_out,
        compression_ratio: ratio(bytes_in, record.bytes_out),
        compression_ratio_rows: ratio(rows_kept, record.rows_out),
        warnings: 0,
        criticals: 0,
    })
}

impl DayFigures {
    /// Files that are not late: of a folder with the date's own name, or of one without a date.
    pub fn files_own(&self) -> u64 {
        self.files_read.saturating_sub(self.files_late)
    }
}

/// Adds what the dates before say: the number of files, and how much is unusual. `days` are in
/// order of date.
pub fn look_back(days: &mut [DayFigures]) {
    for number in 0..days.len() {
        let before = &days[number.saturating_sub(BEFORE)..number];
        let files: Vec<u64> = before.iter().map(DayFigures::files_own).collect();
        days[number].files_expected = most_frequent(&files);
    }
    for day in &mut *days {
        (day.warnings, day.criticals) = (0, 0);
    }
    for warning in warnings(days) {
        let Some(day) = days.iter_mut().find(|day| day.date == warning.date) else { continue };
        match warning.level {
            Level::Warning => day.warnings += 1,
            Level::Critical => day.criticals += 1,
        }
    }
}

/// Numbers that were counted apart and have to be one.
fn agree(record: &DayRecord, rows: u64, rejected: u64, kept: u64, users: u64) -> Result<()> {
    let wrong = |what: String| {
        format!(
            "{}: the record contradicts itself: {what}; `mobility compress --force` makes it anew, \
             and if that gives the same, the numbers of the date are not to be trusted",
            record.date
        )
    };
    if rows != kept + rejected {
        bail!(wrong(format!("{rows} rows in, but {kept} kept and {rejected} rejected")));
    }
    for file in &record.files {
        let coded: u64 = file.codes.values().sum();
        if coded > file.rows {
            bail!(wrong(format!("{} rows of {} and {coded} codes", file.rows, file.path)));
        }
    }
    let by_cells: u64 = record.cells.values().sum();
    let by_users: u64 = record.users_by_events.iter().map(|(events, users)| events * users).sum();
    for (counted, over) in [(by_cells, "cells"), (by_users, "users")] {
        let said = || wrong(format!("{kept} events over the hours, but {counted} over the {over}"));
        ensure!(counted == kept, said());
    }
    for (counts, by) in
        [(sum(&record.users_by_events), "events"), (sum(&record.users_by_hours), "hours")]
    {
        let said = || wrong(format!("{users} users, but {counts} by their {by}"));
        ensure!(counts == users, said());
    }
    Ok(())
}

/// Rows that belong to no date are in no date's kept rows either.
///
/// # Errors
/// A file with other rows: names it.
pub fn all_rejected(undated: &[FileRecord]) -> Result<()> {
    for file in undated {
        let codes =
            file.codes.iter().filter(|(code, _)| code.disposition() == Disposition::Rejected);
        let rejected: u64 = codes.map(|(_, rows)| rows).sum();
        ensure!(
            rejected == file.rows,
            "{} has {} rows without a date, but {rejected} of them rejected; \
             `mobility compress --force` makes the record anew",
            file.path,
            file.rows
        );
    }
    Ok(())
}

fn sum<K>(counts: &BTreeMap<K, u64>) -> u64 {
    counts.values().sum()
}

/// The smallest number of events that at least `percent` of the users do not exceed; `None`
/// without users.
fn quantile(users_by_events: &BTreeMap<u64, u64>, percent: u64) -> Option<u64> {
    let all: u64 = users_by_events.values().sum();
    let mut users = 0;
    let reached = users_by_events.iter().find(|(_, more)| {
        users += **more;
        u128::from(users) * 100 >= u128::from(all) * u128::from(percent)
    });
    reached.filter(|_| all > 0).map(|(events, _)| *events)
}

/// The number that occurs most often, of equals the greatest.
fn most_frequent(numbers: &[u64]) -> Option<u64> {
    let mut times: BTreeMap<u64, usize> = BTreeMap::new();
    numbers.iter().for_each(|n| *times.entry(*n).or_default() += 1);
    times.into_iter().max_by_key(|(n, times)| (*times, *n)).map(|(n, _)| n)
}

/// Rounded, so that a number survives being written as text and read again.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn ratio(of: u64, to: u64) -> Option<f64> {
    (to > 0).then(|| rounded(of as f64 / to as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_smallest_number_that_enough_users_do_not_exceed() {
        // 1 1 1 1 2 2 2 3 3 50
        let users = BTreeMap::from([(1, 4), (2, 3), (3, 2), (50, 1)]);
        let at = |percent| quantile(&users, percent).unwrap();
        assert_eq!(
            [at(40), at(41), at(50), at(70), at(90), at(91), at(100)],
            [1, 2, 2, 2, 3, 50, 50]
        );
        assert_eq!(quantile(&BTreeMap::new(), 50), None);
        assert_eq!(quantile(&BTreeMap::from([(7, 1)]), 50), Some(7));
    }

    #[test]
    fn the_expected_number_of_files_is_the_most_frequent_and_of_equals_the_greatest() {
        assert_eq!(most_frequent(&[24, 24, 23, 24, 1, 1]), Some(24));
        assert_eq!(most_frequent(&[23, 24]), Some(24));
        assert_eq!(most_frequent(&[]), None);
    }
}

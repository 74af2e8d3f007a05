//! The figures of one date, from its record, its users and the cell plan.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};

use super::cells_on_date::CellLaus;
use crate::checks::Disposition;
use crate::datasets::day_record::{DayRecord, FileRecord};
use crate::datasets::quality_tables::{DayFigures, rounded};

/// Number of users of a date, from the list of their digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserCounts {
    pub all: u64,
    /// Users that were not seen on the previous dates; `None` for the first date.
    pub new: Option<u64>,
    /// Users that are seen again seven days later; `None` where that date is not there.
    pub returning: Option<u64>,
}

/// The figures of a date, without those that depend on the figures of previous dates, and without those about
/// movement.
///
/// # Errors
/// A record whose numbers are inconsistent; the error names the numbers.
pub fn figures(record: &DayRecord, users: UserCounts, cells: &CellLaus) -> Result<DayFigures> {
    let by_disposition = |disposition: Disposition| -> u64 {
        let codes = record.files.iter().flat_map(|f| &f.codes);
        codes.filter(|(code, _)| code.disposition() == disposition).map(|(_, rows)| rows).sum()
    };
    let rows_in: u64 = record.files.iter().map(|f| f.rows).sum();
    let rows_rejected = by_disposition(Disposition::Rejected);
    let rows_kept: u64 = record.hours.values().sum();
    check_consistency(record, rows_in, rows_rejected, rows_kept, users.all)?;

    let seen_for = |hours: u32| record.users_by_hours.range(hours..).map(|(_, users)| users).sum();
    let percentile = |percent: u64| percentile(&record.users_by_events, percent);
    let with_events = record.hours.values().filter(|events| **events > 0).count() as u64;
    let empty_hours = u64::from(record.clock_hours).saturating_sub(with_events);
    let min = record.hours.values().min().copied().unwrap_or(0);
    let cells = cells.on(record.date, &record.cells);
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
        events_per_user_p50: percentile(50),
        events_per_user_p95: percentile(95),
        events_per_user_p99: percentile(99),
        events_per_user_max: percentile(100),
        events_per_hour_min: if empty_hours > 0 { 0 } else { min },
        events_per_hour_mean: ratio(rows_kept, u64::from(record.clock_hours)).unwrap_or(0.0),
        events_per_hour_max: record.hours.values().max().copied().unwrap_or(0),
        empty_hours,
        cells_planned: cells.planned,
        cells_active: cells.active,
        cells_silent: cells.planned - cells.active,
        cells_unplanned: cells.unplanned,
        events_within: cells.events_within,
        events_boundary: cells.events_boundary,
        events_nearest: cells.events_nearest,
        events_outside: cells.events_outside,
        events_unmapped: cells.events_outside + cells.events_unplanned,
        laus_without_cells: cells.laus_without_cells,
        laus_without_users: cells.laus_without_users,
        bytes_in,
        bytes_out: record.bytes_out,
        rows_out: record.rows_out,
        compression_ratio: ratio(bytes_in, record.bytes_out),
        compression_ratio_rows: ratio(rows_kept, record.rows_out),
        warnings: 0,
        criticals: 0,
        returning_share: users.returning.map(|users_again| share(users_again, users.all)),
        stay_share: None,
        move_share: None,
        pass_share: None,
        unknown_share: None,
        returning_trips_share: None,
    })
}

/// A share with four decimal places, rounded half up.
pub fn share(part: u64, whole: u64) -> f64 {
    // the exact half of a unit is rounded up, whatever the fraction is in floating-point numbers
    let units = (u128::from(part) * 20_000 + u128::from(whole)) / (2 * u128::from(whole.max(1)));
    units as f64 / 10_000.0
}

/// Compares totals that were counted separately and must be equal.
fn check_consistency(
    record: &DayRecord,
    rows: u64,
    rejected: u64,
    kept: u64,
    users: u64,
) -> Result<()> {
    let inconsistent = |what: String| {
        format!(
            "{}: the record is inconsistent: {what}; run `mobility compress --force`, and if the \
             error remains, do not use the numbers of this date",
            record.date
        )
    };
    if rows != kept + rejected {
        bail!(inconsistent(format!("{rows} rows in, but {kept} kept and {rejected} rejected")));
    }
    for file in &record.files {
        let coded: u64 = file.codes.values().sum();
        if coded > file.rows {
            bail!(inconsistent(format!("{} rows of {} and {coded} codes", file.rows, file.path)));
        }
    }
    let by_cells: u64 = record.cells.values().sum();
    let by_users: u64 = record.users_by_events.iter().map(|(events, users)| events * users).sum();
    for (counted, over) in [(by_cells, "cells"), (by_users, "users")] {
        let message =
            || inconsistent(format!("{kept} events over the hours, but {counted} over the {over}"));
        ensure!(counted == kept, message());
    }
    for (counts, by) in
        [(sum(&record.users_by_events), "events"), (sum(&record.users_by_hours), "hours")]
    {
        let message = || inconsistent(format!("{users} users, but {counts} by their {by}"));
        ensure!(counts == users, message());
    }
    Ok(())
}

/// Checks that all rows that belong to no date are rejected.
///
/// # Errors
/// A file with other rows; the error names the file.
pub fn refuse_undated_not_rejected(undated: &[FileRecord]) -> Result<()> {
    for file in undated {
        let codes =
            file.codes.iter().filter(|(code, _)| code.disposition() == Disposition::Rejected);
        let rejected: u64 = codes.map(|(_, rows)| rows).sum();
        ensure!(
            rejected == file.rows,
            "{} has {} rows without a date, but {rejected} of them are rejected; \
             `mobility compress --force` rewrites the record",
            file.path,
            file.rows
        );
    }
    Ok(())
}

fn sum<K>(counts: &BTreeMap<K, u64>) -> u64 {
    counts.values().sum()
}

/// Percentile of the events per user: the smallest number of events that at least `percent` of the
/// users do not exceed (nearest-rank method); `None` without users.
fn percentile(users_by_events: &BTreeMap<u64, u64>, percent: u64) -> Option<u64> {
    let all: u64 = users_by_events.values().sum();
    let mut users = 0;
    let reached = users_by_events.iter().find(|(_, count)| {
        users += **count;
        u128::from(users) * 100 >= u128::from(all) * u128::from(percent)
    });
    reached.filter(|_| all > 0).map(|(events, _)| *events)
}

fn ratio(of: u64, to: u64) -> Option<f64> {
    (to > 0).then(|| rounded(of as f64 / to as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_the_smallest_number_that_enough_users_do_not_exceed() {
        // 1 1 1 1 2 2 2 3 3 50
        let users = BTreeMap::from([(1, 4), (2, 3), (3, 2), (50, 1)]);
        let at = |percent| percentile(&users, percent).unwrap();
        assert_eq!(
            [at(40), at(41), at(50), at(70), at(90), at(91), at(100)],
            [1, 2, 2, 2, 3, 50, 50]
        );
        assert_eq!(percentile(&BTreeMap::new(), 50), None);
        assert_eq!(percentile(&BTreeMap::from([(7, 1)]), 50), Some(7));
    }
}

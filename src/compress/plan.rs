//! Which row groups hold which days, and how many days are worked on at once.

use anyhow::{Context, Result};
use arrow::datatypes::DataType;
use chrono_tz::Tz;

use super::group::MOST_HOURS;
use crate::io::events::EventFile;
use crate::time::columns::{Times, believable};
use crate::time::{LocalDate, LocalHour, MICROS_PER_HOUR};

/// Rows of time stamps read at a time where a footer does not state their range.
const SCAN_ROWS: usize = 1 << 16;

/// A row group and the days it can hold events of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowGroup {
    /// Index into the list of files.
    pub file: usize,
    pub index: usize,
    pub rows: u64,
    /// First and last day; `None` where no time stamp can be used.
    pub days: Option<(LocalDate, LocalDate)>,
}

/// Days that are worked on together, and the row groups to read for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub first: LocalDate,
    pub last: LocalDate,
    /// Indices into the list of row groups, with true where this is the first batch to read it:
    /// rows without a usable time stamp are counted then.
    pub groups: Vec<(usize, bool)>,
}

/// Lists the row groups of a file with their days.
///
/// # Errors
/// A time column that cannot be read.
pub fn row_groups(number: usize, file: &EventFile, zone: Option<Tz>) -> Result<Vec<RowGroup>> {
    let mut times = Times::new(zone, file.timestamp_type())
        .with_context(|| format!("events file {}", file.input.path.display()))?;
    (0..file.row_groups())
        .map(|index| {
            let days = match (file.timestamp_type(), file.timestamp_range(index)) {
                (DataType::Timestamp(unit, _), Some((min, max))) => {
                    // where clocks go back, a later instant can have an earlier wall time
                    let slack = if zone.is_some() { MICROS_PER_HOUR } else { 0 };
                    let low = times.local_us(min, *unit) - slack;
                    let high = times.local_us(max, *unit) + slack;
                    if believable(low) && believable(high) {
                        Some((LocalHour::of(low).date(), LocalHour::of(high).date()))
                    } else {
                        scan(file, index, &mut times)?
                    }
                }
                _ => scan(file, index, &mut times)?,
            };
            Ok(RowGroup { file: number, index, rows: file.rows(index), days })
        })
        .collect()
}

/// Reads the time stamps of a row group to learn its days.
fn scan(
    file: &EventFile,
    index: usize,
    times: &mut Times,
) -> Result<Option<(LocalDate, LocalDate)>> {
    let place = || file.place(index);
    let mut days: Option<(LocalDate, LocalDate)> = None;
    let mut local = Vec::new();
    for batch in file.read_timestamps(index, SCAN_ROWS)? {
        let batch = batch.with_context(place)?;
        times.convert(batch.column(0), &mut local).with_context(place)?;
        for us in local.iter().copied().filter(|us| believable(*us)) {
            let day = LocalHour::of(us).date();
            let (low, high) = days.unwrap_or((day, day));
            days = Some((low.min(day), high.max(day)));
        }
    }
    Ok(days)
}

/// Cuts the days into batches of at most `max_rows` rows, or of one day where a day has more.
///
/// Memory follows the batch, not the number of days. The price: a row group that reaches over
/// several batches is read once for each of them.
pub fn batches(groups: &[RowGroup], max_rows: u64) -> Vec<Batch> {
    let Some(first) = groups.iter().filter_map(|g| g.days).map(|d| d.0).min() else {
        // nothing has a day; the rows are still read, to be counted as rejected
        let all: Vec<_> = (0..groups.len()).map(|i| (i, true)).collect();
        let day = LocalDate(0);
        return if all.is_empty() {
            vec![]
        } else {
            vec![Batch { first: day, last: day, groups: all }]
        };
    };
    let last = groups.iter().filter_map(|g| g.days).map(|d| d.1).max().unwrap_or(first);
    let mut seen = vec![false; groups.len()];
    let mut batches: Vec<Batch> = Vec::new();
    let mut start = first;
    while start <= last {
        let mut end = start;
        while end < last
            && i64::from(end.0 - start.0 + 2) * 24 <= MOST_HOURS
            && rows_between(groups, start, LocalDate(end.0 + 1)) <= max_rows
        {
            end = LocalDate(end.0 + 1);
        }
        let mut inside = Vec::new();
        for (i, group) in groups.iter().enumerate() {
            // row groups without any day go with the first batch
            let days = group.days.unwrap_or((first, first));
            if days.0 <= end && days.1 >= start {
                inside.push((i, !seen[i]));
                seen[i] = true;
            }
        }
        if !inside.is_empty() {
            batches.push(Batch { first: start, last: end, groups: inside });
        }
        start = LocalDate(end.0 + 1);
    }
    batches
}

fn rows_between(groups: &[RowGroup], first: LocalDate, last: LocalDate) -> u64 {
    groups
        .iter()
        .filter(|g| g.days.is_some_and(|d| d.0 <= last && d.1 >= first))
        .map(|g| g.rows)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(rows: u64, days: Option<(i32, i32)>) -> RowGroup {
        RowGroup { file: 0, index: 0, rows, days: days.map(|(a, b)| (LocalDate(a), LocalDate(b))) }
    }

    fn spans(batches: &[Batch]) -> Vec<(i32, i32)> {
        batches.iter().map(|b| (b.first.0, b.last.0)).collect()
    }

    #[test]
    fn small_days_go_together_and_large_days_alone() {
        let groups = [group(10, Some((1, 1))), group(10, Some((2, 2))), group(90, Some((3, 3)))];
        assert_eq!(spans(&batches(&groups, 50)), [(1, 2), (3, 3)]);
    }

    #[test]
    fn a_row_group_over_two_batches_is_read_twice_and_counted_once() {
        let groups = [group(40, Some((1, 2))), group(40, Some((2, 2)))];
        let batches = batches(&groups, 50);
        assert_eq!(spans(&batches), [(1, 1), (2, 2)]);
        assert_eq!(batches[0].groups, [(0, true)]);
        assert_eq!(batches[1].groups, [(0, false), (1, true)]);
    }

    #[test]
    fn rows_without_a_day_are_read_once() {
        let lone = batches(&[group(5, None)], 50);
        assert_eq!(lone[0].groups, [(0, true)]);
        let mixed =
            batches(&[group(5, None), group(60, Some((4, 4))), group(60, Some((9, 9)))], 50);
        assert_eq!(mixed[0].groups, [(0, true), (1, true)]);
        assert_eq!(mixed.last().map(|b| b.groups.clone()), Some(vec![(2, true)]));
    }

    #[test]
    fn gaps_between_days_cost_no_batch() {
        let groups = [group(60, Some((1, 1))), group(60, Some((4000, 4000)))];
        assert!(batches(&groups, 50).len() <= 3);
    }
}

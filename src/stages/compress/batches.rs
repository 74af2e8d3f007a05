//! The row groups (in CSV, blocks) of the event files with their dates, and the dates that are processed
//! together.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::datatypes::DataType;
use chrono_tz::Tz;

use crate::checks::event_run::MAX_CLOCK_HOURS;
use crate::domain::time::columns::Times;
use crate::domain::time::seen::Seen;
use crate::domain::time::{EventTime, LocalDate, LocalHour, MICROS_PER_HOUR, is_in_range};
use crate::events::EventFile;
use crate::events::csv::BLOCK_BYTES;
use crate::events::parquet::ParquetEvents;

/// Time stamps that are read at once if the footer does not determine the date.
const SCAN_ROWS: usize = 1 << 16;

/// A row group and the dates of its events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowGroup {
    /// Index into the list of files.
    pub file: usize,
    /// The file, for messages.
    pub name: Arc<str>,
    pub index: usize,
    /// A block of CSV, whose rows are numbered through the file.
    pub of_text: bool,
    pub rows: u64,
    /// Rows of the file before it.
    pub first_row: u64,
    /// Dates of its usable time stamps, in order.
    pub dates: Vec<LocalDate>,
    /// Time stamps that are a date without a time of day.
    pub bare_dates: u64,
    /// Smallest and largest usable time stamp, local µs.
    pub range_us: Option<(i64, i64)>,
    /// The date in the names of the file's folders.
    pub folder: Option<LocalDate>,
    /// The date of rows without a usable time stamp: that of the folder, else the first in the file.
    pub fallback_date: Option<LocalDate>,
}

impl RowGroup {
    /// Names file and row group, for messages.
    pub fn place(&self) -> String {
        match self.of_text {
            true => self.name.to_string(),
            false => format!("{}, row group {}", self.name, self.index),
        }
    }

    /// Names a row, from 0 within the row group, for messages.
    pub fn place_of(&self, row: u64) -> String {
        let before = if self.of_text { self.first_row } else { 0 };
        format!("{}, row {}", self.place(), before + row + 1)
    }

    /// True if it may have rows of the dates from `first` to `last`.
    fn overlaps(&self, first: LocalDate, last: LocalDate) -> bool {
        self.dates.iter().chain(&self.fallback_date).any(|date| (first..=last).contains(date))
    }
}

/// Dates that are processed together, and the row groups to read for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub first: LocalDate,
    pub last: LocalDate,
    /// The batch consists of the rows that have no date.
    pub undated: bool,
    /// Indices into the list of row groups, with true if this is the first batch that reads it.
    pub groups: Vec<(usize, bool)>,
}

/// Lists the row groups of a file with their dates, ignoring times after `latest_us`, local µs.
///
/// # Errors
/// A time column that cannot be read.
pub fn row_groups(
    number: usize,
    file: &mut EventFile,
    zone: Option<Tz>,
    latest_us: i64,
    folder: Option<LocalDate>,
) -> Result<Vec<RowGroup>> {
    let name: Arc<str> = format!("events file {}", file.input().location).into();
    let mut times = file.times(zone).with_context(|| name.to_string())?;
    let of_text = matches!(file, EventFile::Csv(_));
    let parts: Vec<(u64, u64, DatesAndRange)> = match file {
        EventFile::Csv(file) => {
            let blocks = file.scan(&times, latest_us, BLOCK_BYTES)?;
            blocks.into_iter().map(|b| (b.rows, b.bare_dates, (b.dates, b.range_us))).collect()
        }
        EventFile::Parquet(file) => (0..file.row_groups())
            .map(|index| {
                let before = times.bare_dates();
                let dates = match date_by_footer(file, index, zone, latest_us, &mut times) {
                    Some((date, range)) => (vec![date], Some(range)),
                    None => scan(file, index, latest_us, &mut times)?,
                };
                Ok((file.rows(index), times.bare_dates() - before, dates))
            })
            .collect::<Result<_>>()?,
    };
    let mut first_row = 0;
    let mut groups = Vec::new();
    for (index, (rows, bare_dates, (dates, range_us))) in parts.into_iter().enumerate() {
        let name = Arc::clone(&name);
        let fallback_date = folder;
        groups.push(RowGroup {
            file: number,
            name,
            index,
            of_text,
            rows,
            first_row,
            dates,
            bare_dates,
            range_us,
            folder,
            fallback_date,
        });
        first_row += rows;
    }
    let fallback_date = folder.or(groups.iter().flat_map(|group| &group.dates).min().copied());
    groups.iter_mut().for_each(|group| group.fallback_date = fallback_date);
    Ok(groups)
}

/// The date and range of a row group, if its footer shows that all time stamps have one date.
fn date_by_footer(
    file: &ParquetEvents,
    index: usize,
    zone: Option<Tz>,
    latest_us: i64,
    times: &mut Times,
) -> Option<(LocalDate, (i64, i64))> {
    let DataType::Timestamp(unit, _) = file.timestamp_type() else { return None };
    let (min, max) = file.timestamp_range(index)?;
    let (low, high) = (times.local_us(min, *unit), times.local_us(max, *unit));
    // when clocks go back, a later instant can have an earlier local time
    let slack = if zone.is_some() { MICROS_PER_HOUR } else { 0 };
    let usable = is_in_range(low) && is_in_range(high) && high <= latest_us;
    let day = |us: i64| LocalHour::of(us).date();
    (usable && day(low - slack) == day(high + slack)).then(|| (day(low), (low, high)))
}

type DatesAndRange = (Vec<LocalDate>, Option<(i64, i64)>);

/// Reads the time stamps of a row group to determine its dates.
fn scan(
    file: &ParquetEvents,
    index: usize,
    latest_us: i64,
    times: &mut Times,
) -> Result<DatesAndRange> {
    let place = || file.place(index);
    let mut seen = Seen::default();
    let mut local = Vec::new();
    for batch in file.read_timestamps(index, SCAN_ROWS)? {
        let [column] = batch.with_context(place)?;
        times.convert(&column, &mut local).with_context(place)?;
        local.iter().copied().filter_map(EventTime::us).for_each(|us| seen.add(us, latest_us));
    }
    Ok(seen.result())
}

/// Groups the `pending` dates into batches of at most `max_rows` rows, or of one date if that has more.
/// Rows without a date form one more batch.
///
/// Memory depends on the batch, not on the number of dates. In return, a row group that spans several
/// batches is read once for each of them.
pub fn batches(groups: &[RowGroup], pending: &BTreeSet<LocalDate>, max_rows: u64) -> Vec<Batch> {
    let mut seen = vec![false; groups.len()];
    let mut batches: Vec<Batch> = Vec::new();
    let mut dates = pending.iter().copied().peekable();
    while let Some(first) = dates.next() {
        let mut last = first;
        while let Some(next) = dates.next_if(|next| {
            next.0 == last.0 + 1
                && i64::from(next.0 - first.0 + 1) * 24 <= MAX_CLOCK_HOURS
                && rows_between(groups, first, *next) <= max_rows
        }) {
            last = next;
        }
        let mut inside = Vec::new();
        for i in (0..groups.len()).filter(|i| groups[*i].overlaps(first, last)) {
            inside.push((i, !seen[i]));
            seen[i] = true;
        }
        batches.push(Batch { first, last, undated: false, groups: inside });
    }
    let undated: Vec<_> = (0..groups.len())
        .filter(|i| groups[*i].fallback_date.is_none())
        .map(|i| (i, true))
        .collect();
    if !undated.is_empty() {
        // an empty range of dates
        let (first, last) = (LocalDate(0), LocalDate(-1));
        batches.push(Batch { first, last, undated: true, groups: undated });
    }
    batches
}

fn rows_between(groups: &[RowGroup], first: LocalDate, last: LocalDate) -> u64 {
    groups.iter().filter(|g| g.overlaps(first, last)).map(|g| g.rows).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(rows: u64, days: &[i32]) -> RowGroup {
        let dates: Vec<_> = days.iter().copied().map(LocalDate).collect();
        let fallback_date = dates.first().copied();
        let name = Arc::from("f");
        let first_row = 0;
        RowGroup {
            file: 0,
            name,
            index: 0,
            of_text: false,
            rows,
            first_row,
            dates,
            bare_dates: 0,
            range_us: None,
            folder: None,
            fallback_date,
        }
    }

    fn batched(groups: &[RowGroup], max_rows: u64) -> Vec<Batch> {
        let pending = groups.iter().flat_map(|g| g.dates.clone()).collect();
        batches(groups, &pending, max_rows)
    }

    fn spans(batches: &[Batch]) -> Vec<(i32, i32)> {
        batches.iter().map(|b| (b.first.0, b.last.0)).collect()
    }

    #[test]
    fn small_dates_share_a_batch_and_large_dates_do_not() {
        let groups = [group(10, &[1]), group(10, &[2]), group(90, &[3])];
        assert_eq!(spans(&batched(&groups, 50)), [(1, 2), (3, 3)]);
    }

    #[test]
    fn row_group_of_two_batches_is_read_twice() {
        let groups = [group(40, &[1, 2]), group(40, &[2])];
        let batches = batched(&groups, 50);
        assert_eq!(spans(&batches), [(1, 1), (2, 2)]);
        assert_eq!(batches[0].groups, [(0, true)]);
        assert_eq!(batches[1].groups, [(0, false), (1, true)]);
    }

    #[test]
    fn undated_rows_are_read_once() {
        let lone = batched(&[group(5, &[])], 50);
        assert_eq!((lone.len(), lone[0].undated, lone[0].groups.len()), (1, true, 1));
        let mixed = batched(&[group(5, &[]), group(60, &[4]), group(60, &[9])], 50);
        assert_eq!(spans(&mixed), [(4, 4), (9, 9), (0, -1)]);
        assert_eq!(mixed[2].groups, [(0, true)]);
    }

    #[test]
    fn dates_that_are_not_pending_are_not_read() {
        let groups = [group(10, &[1]), group(10, &[2]), group(10, &[2, 3])];
        let batches = batches(&groups, &[LocalDate(1), LocalDate(3)].into(), 50);
        assert_eq!(spans(&batches), [(1, 1), (3, 3)]);
        assert_eq!(batches[1].groups, [(2, true)]);
    }
}

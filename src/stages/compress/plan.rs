//! Which row groups (in CSV, pieces of a file) hold which days, and how many days are worked on at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::datatypes::DataType;
use chrono_tz::Tz;

use super::group::MOST_HOURS;
use crate::domain::time::columns::{Times, is_in_range};
use crate::domain::time::seen::Seen;
use crate::domain::time::{LocalDate, LocalHour, MICROS_PER_HOUR};
use crate::events::csv::BLOCK_BYTES;
use crate::events::input::EventInput;
use crate::events::parquet::EventFile;

/// Rows of time stamps read at a time where a footer does not tell the day.
const SCAN_ROWS: usize = 1 << 16;

/// A row group and the days that it holds events of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowGroup {
    /// Index into the list of files.
    pub file: usize,
    /// The file, for messages.
    pub name: Arc<str>,
    pub index: usize,
    /// It is a piece of text, whose rows are numbered through the file.
    pub of_text: bool,
    pub rows: u64,
    /// Rows of the file before it.
    pub first_row: u64,
    /// Days of its usable time stamps, in order.
    pub days: Vec<LocalDate>,
    /// Smallest and largest of these, local µs.
    pub range_us: Option<(i64, i64)>,
    /// The day that the file's folders name.
    pub folder: Option<LocalDate>,
    /// The day for rows without a usable time stamp: that of the folder, else the file's first.
    pub home: Option<LocalDate>,
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

    /// True where rows of it can belong to one of the days.
    fn touches(&self, first: LocalDate, last: LocalDate) -> bool {
        self.days.iter().chain(&self.home).any(|day| (first..=last).contains(day))
    }
}

/// Days that are worked on together, and the row groups to read for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub first: LocalDate,
    pub last: LocalDate,
    /// The batch is of rows that have no day, and of no others.
    pub of_no_date: bool,
    /// Indices into the list of row groups, with true where this is the first batch to read it.
    pub groups: Vec<(usize, bool)>,
}

/// Lists the row groups of a file with their days up to `latest_us`.
///
/// # Errors
/// A time column that cannot be read.
pub fn row_groups(
    number: usize,
    file: &mut EventInput,
    zone: Option<Tz>,
    latest_us: i64,
    folder: Option<LocalDate>,
) -> Result<Vec<RowGroup>> {
    let name: Arc<str> = format!("events file {}", file.input().location).into();
    let mut times = file.times(zone).with_context(|| name.to_string())?;
    let of_text = matches!(file, EventInput::Csv(_));
    let parts: Vec<(u64, DaysAndRange)> = match file {
        EventInput::Csv(file) => {
            let blocks = file.survey(&times, latest_us, BLOCK_BYTES)?;
            blocks.into_iter().map(|b| (b.rows, (b.days, b.range_us))).collect()
        }
        EventInput::Parquet(file) => (0..file.row_groups())
            .map(|index| {
                let days = match days_by_footer(file, index, zone, latest_us, &mut times) {
                    Some((day, range)) => (vec![day], Some(range)),
                    None => scan(file, index, latest_us, &mut times)?,
                };
                Ok((file.rows(index), days))
            })
            .collect::<Result<_>>()?,
    };
    let mut first_row = 0;
    let mut groups = Vec::new();
    for (index, (rows, (days, range_us))) in parts.into_iter().enumerate() {
        let name = Arc::clone(&name);
        let home = folder;
        groups.push(RowGroup {
            file: number,
            name,
            index,
            of_text,
            rows,
            first_row,
            days,
            range_us,
            folder,
            home,
        });
        first_row += rows;
    }
    let home = folder.or(groups.iter().flat_map(|group| &group.days).min().copied());
    groups.iter_mut().for_each(|group| group.home = home);
    Ok(groups)
}

/// The day and range of a row group whose footer says that it holds one day alone.
fn days_by_footer(
    file: &EventFile,
    index: usize,
    zone: Option<Tz>,
    latest_us: i64,
    times: &mut Times,
) -> Option<(LocalDate, (i64, i64))> {
    let DataType::Timestamp(unit, _) = file.timestamp_type() else { return None };
    let (min, max) = file.timestamp_range(index)?;
    let (low, high) = (times.local_us(min, *unit), times.local_us(max, *unit));
    // where clocks go back, a later instant can have an earlier wall time
    let slack = if zone.is_some() { MICROS_PER_HOUR } else { 0 };
    let usable = is_in_range(low) && is_in_range(high) && high <= latest_us;
    let day = |us: i64| LocalHour::of(us).date();
    (usable && day(low - slack) == day(high + slack)).then(|| (day(low), (low, high)))
}

type DaysAndRange = (Vec<LocalDate>, Option<(i64, i64)>);

/// Reads the time stamps of a row group to learn its days.
fn scan(file: &EventFile, index: usize, latest_us: i64, times: &mut Times) -> Result<DaysAndRange> {
    let place = || file.place(index);
    let mut seen = Seen::default();
    let mut local = Vec::new();
    for batch in file.read_timestamps(index, SCAN_ROWS)? {
        let batch = batch.with_context(place)?;
        times.convert(batch.column(0), &mut local).with_context(place)?;
        local.iter().for_each(|us| seen.add(*us, latest_us));
    }
    Ok(seen.result())
}

/// Cuts the days that are `open` into batches of at most `max_rows` rows, or of one day where a day
/// has more; rows that have no day make one more batch.
///
/// Memory follows the batch, not the number of days. The price: a row group that reaches over
/// several batches is read once for each of them.
pub fn batches(groups: &[RowGroup], open: &BTreeSet<LocalDate>, max_rows: u64) -> Vec<Batch> {
    let mut seen = vec![false; groups.len()];
    let mut batches: Vec<Batch> = Vec::new();
    let mut days = open.iter().copied().peekable();
    while let Some(first) = days.next() {
        let mut last = first;
        while let Some(next) = days.next_if(|next| {
            next.0 == last.0 + 1
                && i64::from(next.0 - first.0 + 1) * 24 <= MOST_HOURS
                && rows_between(groups, first, *next) <= max_rows
        }) {
            last = next;
        }
        let mut inside = Vec::new();
        for i in (0..groups.len()).filter(|i| groups[*i].touches(first, last)) {
            inside.push((i, !seen[i]));
            seen[i] = true;
        }
        batches.push(Batch { first, last, of_no_date: false, groups: inside });
    }
    let homeless: Vec<_> =
        (0..groups.len()).filter(|i| groups[*i].home.is_none()).map(|i| (i, true)).collect();
    if !homeless.is_empty() {
        // no day lies between these
        let (first, last) = (LocalDate(0), LocalDate(-1));
        batches.push(Batch { first, last, of_no_date: true, groups: homeless });
    }
    batches
}

fn rows_between(groups: &[RowGroup], first: LocalDate, last: LocalDate) -> u64 {
    groups.iter().filter(|g| g.touches(first, last)).map(|g| g.rows).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(rows: u64, days: &[i32]) -> RowGroup {
        let days: Vec<_> = days.iter().copied().map(LocalDate).collect();
        let home = days.first().copied();
        let name = Arc::from("f");
        let first_row = 0;
        RowGroup {
            file: 0,
            name,
            index: 0,
            of_text: false,
            rows,
            first_row,
            days,
            range_us: None,
            folder: None,
            home,
        }
    }

    fn cut(groups: &[RowGroup], max_rows: u64) -> Vec<Batch> {
        let open = groups.iter().flat_map(|g| g.days.clone()).collect();
        batches(groups, &open, max_rows)
    }

    fn spans(batches: &[Batch]) -> Vec<(i32, i32)> {
        batches.iter().map(|b| (b.first.0, b.last.0)).collect()
    }

    #[test]
    fn small_days_go_together_and_large_days_alone() {
        let groups = [group(10, &[1]), group(10, &[2]), group(90, &[3])];
        assert_eq!(spans(&cut(&groups, 50)), [(1, 2), (3, 3)]);
    }

    #[test]
    fn a_row_group_over_two_batches_is_read_twice() {
        let groups = [group(40, &[1, 2]), group(40, &[2])];
        let batches = cut(&groups, 50);
        assert_eq!(spans(&batches), [(1, 1), (2, 2)]);
        assert_eq!(batches[0].groups, [(0, true)]);
        assert_eq!(batches[1].groups, [(0, false), (1, true)]);
    }

    #[test]
    fn rows_without_a_day_are_read_once() {
        let lone = cut(&[group(5, &[])], 50);
        assert_eq!((lone.len(), lone[0].of_no_date, lone[0].groups.len()), (1, true, 1));
        let mixed = cut(&[group(5, &[]), group(60, &[4]), group(60, &[9])], 50);
        assert_eq!(spans(&mixed), [(4, 4), (9, 9), (0, -1)]);
        assert_eq!(mixed[2].groups, [(0, true)]);
    }

    #[test]
    fn days_that_are_not_open_are_not_read() {
        let groups = [group(10, &[1]), group(10, &[2]), group(10, &[2, 3])];
        let batches = batches(&groups, &[LocalDate(1), LocalDate(3)].into(), 50);
        assert_eq!(spans(&batches), [(1, 1), (3, 3)]);
        assert_eq!(batches[1].groups, [(2, true)]);
    }
}

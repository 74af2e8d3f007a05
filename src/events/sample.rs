//! Some rows of event files, to look at their values before a stage reads all of them.

use std::collections::HashMap;

use anyhow::{Context, Result};
use arrow::array::Array;
use chrono_tz::Tz;

use super::file::{EventFile, TimeValue};
use super::raw;
use crate::config::Columns;
use crate::domain::time::belief::Belief;
use crate::domain::time::explain;
use crate::domain::time::{EventTimeView, LocalDate, LocalHour};
use crate::storage::Location;

/// Rows of each file.
const ROWS: usize = 1_000;
/// Files that are looked at, from the first to the last.
const MAX_FILES: usize = 20;
/// The same for objects, of which a whole row group is fetched.
const MAX_OBJECTS: usize = 3;

/// What the sampled rows hold.
#[derive(Debug, Default)]
pub struct Sample {
    pub rows: u64,
    pub files: u64,
    pub without_user: u64,
    pub without_cell: u64,
    pub without_time: u64,
    pub unreadable_times: u64,
    /// Where the first of them is, and what is wrong with it.
    pub first_unreadable: Option<String>,
    /// Times that can be read, but not believed.
    pub unlikely_times: u64,
    /// Where the first of them is, and what may be wrong with it.
    pub first_unlikely: Option<String>,
    /// Times that are a date without a time of day.
    pub bare_dates: u64,
    /// Rows by canonical cell id and date, of those with both.
    pub places: HashMap<(String, LocalDate), u64>,
}

/// Reads rows of the first row group of some files.
///
/// # Errors
/// A file that cannot be read.
pub fn sample(
    files: &[EventFile],
    columns: &Columns,
    zone: Option<Tz>,
    belief: Belief,
) -> Result<Sample> {
    let is_object = |file: &EventFile| matches!(file.input().location, Location::Remote(_));
    let (objects, local): (Vec<_>, Vec<_>) =
        files.iter().filter(|file| file.parts() > 0).partition(|file| is_object(file));
    let mut sample = Sample::default();
    for file in spread(&local, MAX_FILES).chain(spread(&objects, MAX_OBJECTS)) {
        sample.add(file, columns, zone, belief).with_context(|| file.place(0))?;
    }
    Ok(sample)
}

/// Time stamps of sampled rows as they are stored, without missing ones.
///
/// # Errors
/// A file that cannot be read.
pub fn sampled_times(files: &[EventFile]) -> Result<Vec<TimeValue>> {
    let files: Vec<&EventFile> = files.iter().filter(|file| file.parts() > 0).collect();
    let mut values = Vec::new();
    for file in spread(&files, MAX_OBJECTS) {
        let mut batches = file.read_arrays(file.source(0)?, 0, ROWS)?;
        let Some(arrays) = batches.next() else { continue };
        let [_, _, times] = arrays.with_context(|| file.place(0))?;
        for row in 0..times.len() {
            let is_missing = |value: &TimeValue| match value {
                TimeValue::Text(text) => file.nulls().is_missing(text.as_bytes()),
                TimeValue::Number(number) => file.nulls().is_missing_number(*number),
            };
            values.extend(TimeValue::of(&times, row)?.filter(|value| !is_missing(value)));
        }
    }
    Ok(values)
}

/// At most `max` of the files, evenly from the first to the last.
fn spread<'a>(files: &'a [&EventFile], max: usize) -> impl Iterator<Item = &'a EventFile> {
    let count = files.len().min(max);
    let last = files.len().saturating_sub(1);
    (0..count).map(move |i| files[i * last / count.saturating_sub(1).max(1)])
}

impl Sample {
    fn add(
        &mut self,
        file: &EventFile,
        columns: &Columns,
        zone: Option<Tz>,
        belief: Belief,
    ) -> Result<()> {
        let mut batches = file.read_arrays(file.source(0)?, 0, ROWS)?;
        let Some(arrays) = batches.next() else { return Ok(()) };
        let [users, cells, times] =
            arrays.context("damaged; copy the file again, or take it out of the folder")?;
        self.files += 1;
        self.rows += users.len() as u64;
        let nulls = file.nulls();
        self.without_user +=
            raw::user_ids(&users, nulls)?.iter().filter(|id| is_none(*id)).count() as u64;
        let cells = raw::cell_ids(&cells, nulls)?;
        self.without_cell += cells.iter().filter(|id| is_none(*id)).count() as u64;
        let mut local = Vec::new();
        let mut converter = file.times(zone)?;
        converter.convert(&times, &mut local)?;
        self.bare_dates += converter.bare_dates();
        for (row, time) in local.into_iter().enumerate() {
            let us = match time.view() {
                EventTimeView::Local { us, .. } => us,
                _ => {
                    self.add_unreadable(file, columns, row, belief)?;
                    continue;
                }
            };
            let date = LocalHour::of(us).date();
            if !belief.accepts(us) {
                self.unlikely_times += 1;
                if self.first_unlikely.is_none() {
                    let why = why_unlikely(file, columns, row, us, belief)?;
                    self.first_unlikely = Some(format!("{}: {why}", row_of(file, row)));
                }
                continue;
            }
            if cells.is_valid(row) && !cells.value(row).is_empty() {
                *self.places.entry((cells.value(row).to_owned(), date)).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Counts a row without a time that can be read.
    fn add_unreadable(
        &mut self,
        file: &EventFile,
        columns: &Columns,
        row: usize,
        belief: Belief,
    ) -> Result<()> {
        let text = match file.time_value(0, row as u64)? {
            Some(TimeValue::Text(text)) => Some(text),
            _ => None,
        };
        let is_null = |text: &String| file.nulls().is_missing(text.as_bytes());
        let Some(text) = text.filter(|text| !is_null(text)) else {
            self.without_time += 1;
            return Ok(());
        };
        self.unreadable_times += 1;
        if self.first_unreadable.is_none() {
            let why = explain::unreadable(&text, file.read_as(columns), belief);
            self.first_unreadable = Some(format!("{}: {why}", row_of(file, row)));
        }
        Ok(())
    }
}

fn why_unlikely(
    file: &EventFile,
    columns: &Columns,
    row: usize,
    us: i64,
    belief: Belief,
) -> Result<String> {
    let read_as = file.read_as(columns);
    let value = file.time_value(0, row as u64)?;
    let number = match &value {
        Some(TimeValue::Number(number)) => Some(i128::from(*number)),
        Some(TimeValue::Text(text)) if read_as.unit.is_some() => explain::number(text.trim()),
        _ => None,
    };
    Ok(match number.zip(read_as.unit) {
        Some((number, unit)) => explain::unbelievable_number(number, unit, read_as, belief),
        None => explain::unbelievable_time(us),
    })
}

fn row_of(file: &EventFile, row: usize) -> String {
    format!("{}, row {}", file.place(0), row + 1)
}

fn is_none(id: Option<&str>) -> bool {
    id.is_none_or(str::is_empty)
}

//! Trips whose way back leaves on the next date, from the files of trips of both dates.
//!
//! While the rows of a date are computed, the trips of the next one are not known: they depend on a date later still.
//! The files tell wall times. In the one hour of the year that occurs twice, the way back is taken to leave in the first.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result};
use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use chrono::NaiveDate;
use hashbrown::HashMap;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Settings;
use crate::domain::time::{DayShift, LocalDate, MICROS_PER_SECOND};
use crate::movement::Dates;

/// Columns that are read, in the order of the files.
const COLUMNS: [&str; 5] = ["user_id", "departed", "seconds", "from_site_id", "to_site_id"];

/// The last trip of a device on a date.
struct LastTrip {
    /// µs since the beginning of the date.
    arrived_us: i64,
    from: String,
    to: String,
}

/// A row of the table `trips`.
struct Row<'a> {
    user: &'a str,
    /// What the clocks show, local µs.
    departed_us: i64,
    lasted_us: i64,
    from: &'a str,
    to: &'a str,
}

/// Counts the trips of a date whose way back leaves on the next date; `own` and `next` are the files of trips of both.
///
/// # Errors
/// A file that is missing or damaged.
pub fn on_next_date(
    settings: &Settings,
    date: NaiveDate,
    own: &[PathBuf],
    next: &[PathBuf],
) -> Result<u64> {
    let zone = settings.time.tz();
    let dates = Dates::around(LocalDate::from_calendar(date), |date| DayShift::of(zone, date));
    let return_us = settings.trips.return_us();
    let midnight_us = dates.end_us(Dates::OWN);
    let mut last: HashMap<String, LastTrip> = HashMap::new();
    each_trip(own, |row| {
        let arrived_us = dates.elapsed_us(row.departed_us) + row.lasted_us;
        // the trips of a device are in order of time, so that a later one replaces it
        if arrived_us + return_us >= midnight_us {
            let (from, to) = (row.from.to_owned(), row.to.to_owned());
            last.insert(row.user.to_owned(), LastTrip { arrived_us, from, to });
        }
    })?;
    let mut count = 0;
    if last.is_empty() {
        return Ok(count);
    }
    each_trip(next, |row| {
        let Some(before) = last.remove(row.user) else { return };
        let away_us = dates.elapsed_us(row.departed_us) - before.arrived_us;
        let leads_back = (row.from, row.to) == (before.to.as_str(), before.from.as_str());
        count += u64::from(leads_back && away_us <= return_us);
    })?;
    Ok(count)
}

/// Calls `each` with the rows of files, in order.
fn each_trip(files: &[PathBuf], mut each: impl FnMut(Row)) -> Result<()> {
    for path in files {
        let context = || format!("{}; run `mobility movement --force`", path.display());
        let file = File::open(path).with_context(context)?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).with_context(context)?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), COLUMNS);
        for batch in builder.with_projection(mask).build().with_context(context)? {
            let batch = batch.with_context(context)?;
            let text = |column: usize| batch.column(column).as_string::<i32>();
            let [users, from, to] = [0, 3, 4].map(text);
            let departed = batch.column(1).as_primitive::<TimestampMicrosecondType>();
            let seconds = batch.column(2).as_primitive::<Float64Type>();
            for row in 0..batch.num_rows() {
                let lasted = seconds.value(row) * MICROS_PER_SECOND as f64;
                each(Row {
                    user: users.value(row),
                    departed_us: departed.value(row),
                    lasted_us: lasted.round() as i64,
                    from: from.value(row),
                    to: to.value(row),
                });
            }
        }
    }
    Ok(())
}

//! Event files as Spark tables: files with the same column types form one table, and a SELECT reads all
//! tables into the same canonical columns.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use arrow::datatypes::{DataType, TimeUnit};

use super::local_time::local_time;
use super::sql;
use crate::config::{Columns, Time};
use crate::domain::time::LocalDate;
use crate::domain::time::columns::Times;
use crate::events::parquet::{ParquetEvents, StoredTime, is_text};

/// Limit, µs, to which times are clamped so that arithmetic cannot overflow; it is outside the accepted
/// range of time stamps in every zone.
const MAX_INSTANT_US: i64 = 400_000_000_000_000_000;

/// Selects the canonical columns of one table.
const READ: &str = include_str!("../../sql/spark/events/read.sql");
/// Creates one table.
const TABLE: &str = include_str!("../../sql/spark/events/table.sql");

/// The types of the three columns of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct EventTypes {
    user_is_text: bool,
    /// Spark type of the cell id.
    cell: &'static str,
    time: StoredTime,
    /// Time zone in the type of the time column.
    zone: Option<String>,
}

/// Statements that create the tables, and a SELECT over all of them with the columns path, row (from 0),
/// user_key, cell_id, local_us, repeated and unreadable.
pub struct EventTables {
    pub tables: Vec<String>,
    pub select: String,
}

/// The tables of event files. Local time is exact from `first` to `last`.
///
/// # Errors
/// A file that Spark cannot read, or with a path that it does not accept.
pub fn event_tables<'a>(
    files: impl IntoIterator<Item = &'a ParquetEvents>,
    (columns, time): (&Columns, &Time),
    first: LocalDate,
    last: LocalDate,
) -> Result<EventTables> {
    let mut by_types: BTreeMap<EventTypes, Vec<&ParquetEvents>> = BTreeMap::new();
    for file in files {
        by_types.entry(EventTypes::of(file)?).or_default().push(file);
    }
    let (mut tables, mut selects) = (Vec::new(), Vec::new());
    for (number, (types, files)) in by_types.iter().enumerate() {
        let table = format!("events_{number}");
        let paths = files.iter().map(|file| sql::absolute(file.input.location.as_path()));
        let paths = paths.collect::<Result<Vec<_>>>()?;
        let paths = sql::glob_of(paths.iter().map(|path| path.as_path()))?;
        tables.push(types.table(&table, &paths, columns)?);
        selects.push(types.select(&table, files[0], (columns, time), first, last)?);
    }
    Ok(EventTables { tables, select: selects.join("\nUNION ALL\n") })
}

impl EventTypes {
    fn of(file: &ParquetEvents) -> Result<EventTypes> {
        let [user, cell, time] = file.types();
        let cell = match cell {
            DataType::Int8 => "TINYINT",
            DataType::Int16 | DataType::UInt8 => "SMALLINT",
            DataType::Int32 | DataType::UInt16 => "INT",
            DataType::Int64 | DataType::UInt32 => "BIGINT",
            DataType::UInt64 => "DECIMAL(20, 0)",
            text if is_text(text) => "STRING",
            other => {
                bail!("{}: Spark cannot read cell ids of type {other}", file.input.location)
            }
        };
        let zone = match time {
            DataType::Timestamp(_, zone) => zone.as_deref().map(str::to_owned),
            _ => None,
        };
        Ok(EventTypes { user_is_text: is_text(user), cell, time: file.stored_time(), zone })
    }

    fn table(&self, table: &str, paths: &str, columns: &Columns) -> Result<String> {
        let time = match self.time {
            StoredTime::Int96 => "TIMESTAMP",
            StoredTime::Text => "STRING",
            // the number in the file, without any conversion to a time
            StoredTime::Int64(_) => "BIGINT",
        };
        sql::fill(
            TABLE,
            &[
                ("table", table.to_owned()),
                ("user", sql::name(&columns.user_id)),
                ("user_type", if self.user_is_text { "STRING" } else { "BINARY" }.to_owned()),
                ("cell", sql::name(&columns.cell_id)),
                ("cell_type", self.cell.to_owned()),
                ("time", sql::name(&columns.timestamp)),
                ("time_type", time.to_owned()),
                ("paths", sql::text(paths)),
            ],
        )
    }

    fn select(
        &self,
        table: &str,
        sample: &ParquetEvents,
        (columns, time): (&Columns, &Time),
        first: LocalDate,
        last: LocalDate,
    ) -> Result<String> {
        let times = Times::new(time.tz(), sample.timestamp_type())?;
        let local = local_time(times.clock(), "instant_us", first, last);
        let user = if self.user_is_text { TEXT_USER } else { BINARY_USER };
        let instant = match self.time {
            StoredTime::Int96 => "unix_micros(raw_time)".to_owned(),
            StoredTime::Int64(unit) => instant(unit),
            StoredTime::Text => text_instant(time.zone.is_some()),
        };
        let unreadable = match self.time {
            StoredTime::Text => "trim(raw_time) <> '' AND instant_us IS NULL",
            _ => "FALSE",
        };
        sql::fill(
            READ,
            &[
                ("table", table.to_owned()),
                ("user", sql::name(&columns.user_id)),
                ("cell", sql::name(&columns.cell_id)),
                ("time", sql::name(&columns.timestamp)),
                ("user_key", user.to_owned()),
                ("instant", instant),
                ("unreadable", unreadable.to_owned()),
                ("local_us", local.us),
                ("repeated", local.repeated),
            ],
        )
    }
}

/// An empty binary id is a missing user.
const BINARY_USER: &str = "CASE WHEN length(raw_user) > 0 THEN concat(X'01', raw_user) END";
/// A hash in hexadecimal is the same user as the binary hash; see `domain::ids`.
const TEXT_USER: &str = r"CASE
    WHEN raw_user = '' THEN NULL
    WHEN raw_user RLIKE r'\A(0x|\\x)([0-9a-fA-F]{2})+\z'
      THEN concat(X'01', unhex(substring(raw_user, 3)))
    WHEN raw_user RLIKE r'\A([0-9a-fA-F]{2}){16,}\z' THEN concat(X'01', unhex(raw_user))
    ELSE concat(X'00', CAST(raw_user AS BINARY))
  END";

/// The time in µs of a number in `unit`, rounded down.
fn instant(unit: TimeUnit) -> String {
    // least and greatest would ignore null
    let clamped = |limit: i64| {
        format!(
            "(CASE WHEN raw_time > {limit} THEN {limit} WHEN raw_time < -{limit} THEN -{limit} \
             ELSE raw_time END)"
        )
    };
    match unit {
        TimeUnit::Second => format!("{} * 1000000", clamped(MAX_INSTANT_US / 1_000_000)),
        TimeUnit::Millisecond => format!("{} * 1000", clamped(MAX_INSTANT_US / 1_000)),
        TimeUnit::Microsecond => clamped(MAX_INSTANT_US),
        TimeUnit::Nanosecond => {
            "raw_time div 1000 - CASE WHEN raw_time % 1000 < 0 THEN 1 ELSE 0 END".to_owned()
        }
    }
}

/// The time in µs of a text. A UTC offset in the text is applied only if a zone is configured; otherwise
/// the text is local time.
fn text_instant(zoned: bool) -> String {
    let part = |number: u32| {
        format!("nullif(regexp_extract(trim(raw_time), r'{TEXT_TIME}', {number}), '')")
    };
    let wall = format!(
        "unix_micros(try_cast(concat({}, ' ', coalesce({}, '00:00:00'), '.', \
         substring(rpad(coalesce({}, '0'), 6, '0'), 1, 6)) AS TIMESTAMP))",
        part(1),
        part(2),
        part(3)
    );
    if !zoned {
        return wall;
    }
    let (hours, minutes) = (part(5), part(6));
    format!(
        "{wall} - coalesce(CASE WHEN {hours} LIKE '-%' THEN -1 ELSE 1 END * (abs(CAST({hours} AS \
         BIGINT)) * 3600000000 + coalesce(CAST({minutes} AS BIGINT), 0) * 60000000), 0)"
    )
}

/// Groups: date, time, fraction, Z, hours and minutes of the UTC offset.
const TEXT_TIME: &str = concat!(
    r"\A(\d{4}-\d{2}-\d{2})",
    r"(?:[Tt ](\d{2}:\d{2}:\d{2})(?:[.](\d+))?[ ]?(?:([Zz])|([+-]\d{2}):?(\d{2})?)?)?\z"
);

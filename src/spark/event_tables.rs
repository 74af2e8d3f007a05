//! Event files for Spark: those whose columns have the same types are one table, and every table is
//! read into the same canonical columns.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use arrow::datatypes::{DataType, TimeUnit};

use super::local_time::local_time;
use super::sql;
use crate::config::{Columns, Config};
use crate::domain::time::LocalDate;
use crate::domain::time::columns::Times;
use crate::events::parquet::{EventFile, StoredTime, is_text};

/// Times beyond these, µs, are not in_range in any zone; held here they can be reckoned with.
const FARTHEST_US: i64 = 400_000_000_000_000_000;

/// Reads one table of event files: gaps are the columns of the canonical form.
const READ: &str = include_str!("../../sql/spark/events/read.sql");
/// Makes the table.
const TABLE: &str = include_str!("../../sql/spark/events/table.sql");

/// Types of the three columns of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Form {
    user_is_text: bool,
    /// Type in Spark.
    cell: &'static str,
    time: StoredTime,
    /// The time column's own zone.
    zone: Option<String>,
}

/// Statements that make the tables, and a SELECT over all of them with the columns path, row (from 0),
/// user_key, cell_id, local_us, repeated and unreadable.
pub struct Events {
    pub tables: Vec<String>,
    pub select: String,
}

/// The events of some files. Local time is exact from `first` to `last`.
///
/// # Errors
/// A file that Spark cannot read, or whose path it cannot take.
pub fn events<'a>(
    files: impl IntoIterator<Item = &'a EventFile>,
    config: &Config,
    first: LocalDate,
    last: LocalDate,
) -> Result<Events> {
    let mut forms: BTreeMap<Form, Vec<&EventFile>> = BTreeMap::new();
    for file in files {
        forms.entry(Form::of(file)?).or_default().push(file);
    }
    let (mut tables, mut selects) = (Vec::new(), Vec::new());
    for (number, (form, files)) in forms.iter().enumerate() {
        let table = format!("events_{number}");
        let paths = files.iter().map(|file| sql::whole(file.input.location.as_path()));
        let paths = paths.collect::<Result<Vec<_>>>()?;
        let paths = sql::all_of(paths.iter().map(|path| path.as_path()))?;
        tables.push(form.table(&table, &paths, &config.columns)?);
        selects.push(form.select(&table, files[0], config, first, last)?);
    }
    Ok(Events { tables, select: selects.join("\nUNION ALL\n") })
}

impl Form {
    fn of(file: &EventFile) -> Result<Form> {
        let [user, cell, time] = file.types();
        let cell = match cell {
            DataType::Int8 => "TINYINT",
            DataType::Int16 | DataType::UInt8 => "SMALLINT",
            DataType::Int32 | DataType::UInt16 => "INT",
            DataType::Int64 | DataType::UInt32 => "BIGINT",
            DataType::UInt64 => "DECIMAL(20, 0)",
            text if is_text(text) => "STRING",
            other => {
                bail!("{}: Spark reads no cell ids of type {other}", file.input.location)
            }
        };
        let zone = match time {
            DataType::Timestamp(_, zone) => zone.as_deref().map(str::to_owned),
            _ => None,
        };
        Ok(Form { user_is_text: is_text(user), cell, time: file.stored_time(), zone })
    }

    fn table(&self, table: &str, paths: &str, columns: &Columns) -> Result<String> {
        let time = match self.time {
            StoredTime::Int96 => "TIMESTAMP",
            StoredTime::Text => "STRING",
            // the number that is in the file, before anybody makes a time of it
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
        one: &EventFile,
        config: &Config,
        first: LocalDate,
        last: LocalDate,
    ) -> Result<String> {
        let columns = &config.columns;
        let times = Times::new(config.time.tz(), one.timestamp_type())?;
        let local = local_time(times.clock(), "instant_us", first, last);
        let user = if self.user_is_text { TEXT_USER } else { BINARY_USER };
        let instant = match self.time {
            StoredTime::Int96 => "unix_micros(raw_time)".to_owned(),
            StoredTime::Int64(unit) => instant(unit),
            StoredTime::Text => text_instant(config.time.zone.is_some()),
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

/// No bytes are no user.
const BINARY_USER: &str = "CASE WHEN length(raw_user) > 0 THEN concat(X'01', raw_user) END";
/// A hash written as text is the hash; see `ids.rs`.
const TEXT_USER: &str = r"CASE
    WHEN raw_user = '' THEN NULL
    WHEN raw_user RLIKE r'\A(0x|\\x)([0-9a-fA-F]{2})+\z'
      THEN concat(X'01', unhex(substring(raw_user, 3)))
    WHEN raw_user RLIKE r'\A([0-9a-fA-F]{2}){16,}\z' THEN concat(X'01', unhex(raw_user))
    ELSE concat(X'00', CAST(raw_user AS BINARY))
  END";

/// µs of a number in `unit`, cut downwards.
fn instant(unit: TimeUnit) -> String {
    // least and greatest would take null for a number
    let held = |most: i64| {
        format!(
            "(CASE WHEN raw_time > {most} THEN {most} WHEN raw_time < -{most} THEN -{most} \
             ELSE raw_time END)"
        )
    };
    match unit {
        TimeUnit::Second => format!("{} * 1000000", held(FARTHEST_US / 1_000_000)),
        TimeUnit::Millisecond => format!("{} * 1000", held(FARTHEST_US / 1_000)),
        TimeUnit::Microsecond => held(FARTHEST_US),
        TimeUnit::Nanosecond => {
            "raw_time div 1000 - CASE WHEN raw_time % 1000 < 0 THEN 1 ELSE 0 END".to_owned()
        }
    }
}

/// µs of a text. An offset in it counts only where a zone is configured; without one the text says
/// what the clock showed.
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

/// Date, time, fraction, Z, and hours and minutes of an offset.
const TEXT_TIME: &str = concat!(
    r"\A(\d{4}-\d{2}-\d{2})",
    r"(?:[Tt ](\d{2}:\d{2}:\d{2})(?:[.](\d+))?[ ]?(?:([Zz])|([+-]\d{2}):?(\d{2})?)?)?\z"
);

//! Event files as Spark tables: files with the same column types form one table, and a SELECT reads all
//! tables into the same canonical columns.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use arrow::datatypes::{DataType, TimeUnit};

use super::file_path::SparkPath;
use super::local_time::local_time;
use super::sql;
use super::time_format::formatted_instant;
use crate::config::{Columns, Time};
use crate::domain::null_words::NullWords;
use crate::domain::time::LocalDate;
use crate::domain::time::columns::Times;
use crate::events::parquet::{ParquetEvents, StoredTime, is_number, is_text};

/// Limit, µs, to which times are clamped so that arithmetic cannot overflow; it is outside the accepted
/// range of time stamps in every zone.
const MAX_INSTANT_US: i64 = 400_000_000_000_000_000;

/// Selects the canonical columns of one table.
const READ: &str = include_str!("../../sql/spark/events/read.sql");
/// Creates one table.
const TABLE: &str = include_str!("../../sql/spark/events/table.sql");
/// Selects all columns of a table that has the canonical ones already.
const READ_CANONICAL: &str = include_str!("../../sql/spark/events/read_canonical.sql");
/// The columns of such a table; `read.sql` says what they mean.
const CANONICAL: [(&str, &str); 5] = [
    ("user_key", "BINARY"),
    ("cell_id", "STRING"),
    ("local_us", "BIGINT"),
    ("repeated", "BOOLEAN"),
    ("unreadable", "BOOLEAN"),
];

/// The types of the three columns of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct EventTypes {
    user_is_text: bool,
    /// Names down to each column, and the Spark types of its values.
    columns: [(Vec<String>, String); 3],
    time: StoredTime,
    time_is_number: bool,
    /// Time zone in the type of the time column.
    zone: Option<String>,
}

/// Statements that create the tables, and a SELECT over all of them with the columns path, row (from 0),
/// user_key, cell_id, local_us, repeated and unreadable.
pub struct EventTables {
    pub tables: Vec<String>,
    pub select: String,
}

/// The tables of event files, and of files with canonical columns. Local time is exact from `first` to
/// `last`.
///
/// # Errors
/// A file that Spark cannot read, or with a path that it does not accept.
pub fn event_tables<'a>(
    files: impl IntoIterator<Item = &'a ParquetEvents>,
    canonical: &[SparkPath],
    (columns, time): (&Columns, &Time),
    first: LocalDate,
    last: LocalDate,
) -> Result<EventTables> {
    // all paths of a table begin with the same scheme and bucket
    type Key = (EventTypes, String);
    let mut by_types: BTreeMap<Key, Vec<(&ParquetEvents, SparkPath)>> = BTreeMap::new();
    // the types of a file without rows are arbitrary
    for file in files.into_iter().filter(|file| file.row_groups() > 0) {
        let path = SparkPath::of(&file.input.location)?;
        let key = (EventTypes::of(file)?, path.root().to_owned());
        by_types.entry(key).or_default().push((file, path));
    }
    let (mut tables, mut selects) = (Vec::new(), Vec::new());
    for (number, ((types, _), files)) in by_types.iter().enumerate() {
        let table = format!("events_{number}");
        let paths: Vec<SparkPath> = files.iter().map(|(_, path)| path.clone()).collect();
        tables.push(create_table(&table, sql::columns(&types.columns), &paths)?);
        selects.push(types.select(&table, files[0].0, (columns, time), first, last)?);
    }
    if !canonical.is_empty() {
        let table = "events_canonical";
        let columns = CANONICAL.map(|(name, data_type)| format!("{name} {data_type}"));
        tables.push(create_table(table, columns.join(", "), canonical)?);
        selects.push(sql::fill(READ_CANONICAL, &[("table", table.to_owned())])?);
    }
    Ok(EventTables { tables, select: selects.join("\nUNION ALL\n") })
}

fn create_table(table: &str, columns: String, paths: &[SparkPath]) -> Result<String> {
    let paths = sql::text(&SparkPath::glob_of(paths));
    sql::fill(TABLE, &[("table", table.to_owned()), ("columns", columns), ("paths", paths)])
}

impl EventTypes {
    fn of(file: &ParquetEvents) -> Result<EventTypes> {
        let [user, cell, time] = file.types();
        let number = |t: &DataType, what: &str| {
            number_type(t).with_context(|| {
                format!("{}: Spark cannot read {what} of type {t}", file.input.location)
            })
        };
        let cell_type = match cell {
            text if is_text(text) => "STRING".to_owned(),
            other => number(other, "cell ids")?,
        };
        let user_type = match user {
            text if is_text(text) => "STRING".to_owned(),
            other if is_number(other) => number(other, "user ids")?,
            _ => "BINARY".to_owned(),
        };
        let time_type = match file.stored_time() {
            _ if file.times_are_numbers() => number(&file.columns()[2].stored, "time stamps")?,
            StoredTime::Int96 => "TIMESTAMP".to_owned(),
            StoredTime::Text => "STRING".to_owned(),
            // the number in the file, without any conversion to a time
            StoredTime::Int64(_) => "BIGINT".to_owned(),
        };
        let zone = match time {
            DataType::Timestamp(_, zone) => zone.as_deref().map(str::to_owned),
            _ => None,
        };
        let types = [user_type, cell_type, time_type];
        let paths = file.columns().each_ref().map(|column| column.path.clone());
        let [user_path, cell_path, time_path] = paths;
        let [user_type, cell_type, time_type] = types;
        Ok(EventTypes {
            user_is_text: is_text(user) || is_number(user),
            columns: [(user_path, user_type), (cell_path, cell_type), (time_path, time_type)],
            time: file.stored_time(),
            time_is_number: file.times_are_numbers(),
            zone,
        })
    }

    /// Names of user id, cell id and time stamp in the table.
    fn names(&self) -> [String; 3] {
        self.columns
            .each_ref()
            .map(|(path, _)| path.iter().map(|name| sql::name(name)).collect::<Vec<_>>().join("."))
    }

    fn select(
        &self,
        table: &str,
        sample: &ParquetEvents,
        (columns, time): (&Columns, &Time),
        first: LocalDate,
        last: LocalDate,
    ) -> Result<String> {
        let nulls = &columns.null_values;
        let times = Times::new(time.tz(), sample.timestamp_type(), nulls)?;
        let local = local_time(times.clock(), "instant_us", first, last);
        let user_key = if self.user_is_text { TEXT_USER } else { BINARY_USER };
        let [user, cell, at] = self.names();
        let user = match self.user_is_text {
            true => without_null_words(&format!("CAST({user} AS STRING)"), nulls),
            false => user,
        };
        let cell = without_null_words(&format!("CAST({cell} AS STRING)"), nulls);
        let at = match self.time {
            StoredTime::Text => without_null_words(&format!("trim(CAST({at} AS STRING))"), nulls),
            _ if self.time_is_number => saturated(&at),
            _ => at,
        };
        let instant = match self.time {
            StoredTime::Int96 => "unix_micros(raw_time)".to_owned(),
            StoredTime::Int64(unit) => instant(unit),
            StoredTime::Text => match &columns.timestamp_format {
                Some(format) => formatted_instant(format, "raw_time", time.zone.is_some()),
                None => text_instant(time.zone.is_some()),
            },
        };
        let unreadable = match self.time {
            StoredTime::Text => "trim(raw_time) <> '' AND instant_us IS NULL",
            _ => "FALSE",
        };
        sql::fill(
            READ,
            &[
                ("table", table.to_owned()),
                ("user", user),
                ("cell", cell),
                ("time", at),
                ("user_key", user_key.to_owned()),
                ("instant", instant),
                ("unreadable", unreadable.to_owned()),
                ("local_us", local.us),
                ("repeated", local.repeated),
            ],
        )
    }
}

/// The Spark type of an integer or of a decimal without decimal places.
fn number_type(t: &DataType) -> Option<String> {
    match t {
        DataType::Int8 => Some("TINYINT".to_owned()),
        DataType::Int16 | DataType::UInt8 => Some("SMALLINT".to_owned()),
        DataType::Int32 | DataType::UInt16 => Some("INT".to_owned()),
        DataType::Int64 | DataType::UInt32 => Some("BIGINT".to_owned()),
        DataType::UInt64 => Some("DECIMAL(20, 0)".to_owned()),
        DataType::Decimal32(precision, 0)
        | DataType::Decimal64(precision, 0)
        | DataType::Decimal128(precision, 0) => Some(format!("DECIMAL({precision}, 0)")),
        _ => None,
    }
}

/// A number in 64 bits; one outside becomes the smallest or largest.
fn saturated(number: &str) -> String {
    let (low, high) = (i64::MIN, i64::MAX);
    format!(
        "CAST(CASE WHEN {number} > {high} THEN {high} WHEN {number} < {low} THEN {low} \
         ELSE {number} END AS BIGINT)"
    )
}

/// A text, or null for one that is blank or one of the words.
fn without_null_words(text: &str, nulls: &NullWords) -> String {
    let missing: Vec<String> = std::iter::once("").chain(nulls.iter()).map(sql::text).collect();
    // Spark knows no escape for a form feed
    let spaces = r"' \t\n\r\u000C'";
    format!(
        "CASE WHEN trim(BOTH {spaces} FROM {text}) NOT IN ({}) THEN {text} END",
        missing.join(", ")
    )
}

/// An empty binary id is a missing user.
const BINARY_USER: &str = "CASE WHEN length(raw_user) > 0 THEN concat(X'01', raw_user) END";
/// A hash in hexadecimal or a UUID with dashes is the same user as its bytes; see `domain::ids`.
const TEXT_USER: &str = r"CASE
    WHEN raw_user = '' THEN NULL
    WHEN raw_user RLIKE r'\A(0x|\\x)([0-9a-fA-F]{2})+\z'
      THEN concat(X'01', unhex(substring(raw_user, 3)))
    WHEN raw_user RLIKE r'\A([0-9a-fA-F]{2}){16,}\z' THEN concat(X'01', unhex(raw_user))
    WHEN raw_user RLIKE r'\A[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\z'
      THEN concat(X'01', unhex(replace(raw_user, '-', '')))
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

/// The time in µs of a text. A zone in the text is applied only if a zone is configured; otherwise the
/// text is local time. See `domain::time::written`.
fn text_instant(zoned: bool) -> String {
    let part =
        |number: u32| format!("nullif(regexp_extract(raw_time, r'{TEXT_TIME}', {number}), '')");
    let wall = format!(
        "try_cast(concat({}, ' ', rpad(coalesce({}, '00:00'), 8, ':00'), '.', \
         substring(rpad(coalesce({}, '0'), 6, '0'), 1, 6)) AS TIMESTAMP)",
        part(1),
        part(2),
        part(3)
    );
    let utc = part(4);
    let offset = |written, tag| {
        format!("coalesce({}, CASE WHEN {utc} IS NULL THEN {} END)", part(written), part(tag))
    };
    let (hours, minutes) = (offset(5, 9), offset(6, 10));
    let zone = format!("coalesce({}, {})", part(7), part(8));
    let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| sql::text(zone.name()));
    let zones = zones.collect::<Vec<_>>().join(", ");
    let instant = format!("to_utc_timestamp({wall}, {zone})");
    let offset = format!(
        "CASE WHEN {hours} LIKE '-%' THEN -1 ELSE 1 END * (abs(CAST({hours} AS BIGINT)) * \
         3600000000 + coalesce(CAST({minutes} AS BIGINT), 0) * 60000000)"
    );
    let (by_offset, by_name) = match zoned {
        true => (format!("unix_micros({wall}) - ({offset})"), format!("unix_micros({instant})")),
        false => (format!("unix_micros({wall})"), format!("unix_micros({wall})")),
    };
    // a time that the clocks of its zone skip does not come back as it was
    format!(
        "CASE WHEN {zone} NOT IN ({zones}) THEN NULL \
         WHEN {hours} IS NOT NULL THEN {by_offset} \
         WHEN {utc} IS NOT NULL OR {zone} IS NULL THEN unix_micros({wall}) \
         WHEN from_utc_timestamp({instant}, {zone}) = {wall} THEN {by_name} END"
    )
}

/// Groups: date, time, fraction, Z, hours and minutes of the UTC offset, name of the zone, the same in
/// brackets, hours and minutes of an offset in brackets. Other tags in brackets do not change the time.
const TEXT_TIME: &str = concat!(
    r"\A(\d{4}-\d{2}-\d{2})",
    r"(?:[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:(?<=\d:\d{2}:\d{2})[.](\d+))?",
    r"(?:[ ]?(?:([Zz])(?![A-Za-z])|([+-]\d{2}):?(\d{2})?))?",
    r"(?:[ ]*([A-Za-z][A-Za-z0-9_+/-]*)|\[!?([^\]=+!-][^\]=]*)\]|\[!?([+-]\d{2}):?(\d{2})?\])?)?",
    r"(?:\[(?:!?u-ca|[a-z_][a-z0-9_-]*)=[^\]]+\])*\z"
);

//! Event files of every format: listing, opening, and the parts that can be read separately.

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use chrono_tz::Tz;

use super::csv::CsvEvents;
use super::parquet::{self, ParquetEvents};
use crate::config::Columns;
use crate::domain::null_words::NullWords;
use crate::domain::time::columns::Times;
use crate::domain::time::explain::ReadAs;
use crate::domain::time::format::TimestampFormat;
use crate::formats::{csv, table};
use crate::storage::inputs::{self, InputFile, Listed};
use crate::storage::{ByteSource, MAX_FETCHED_BYTES, Prefetch, PrefetchRequest};

/// An event file whose columns are valid. Its parts, row groups of Parquet or blocks of CSV, can be read
/// separately.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "there are few, and each is kept as long as its file is read"
)]
pub enum EventFile {
    Parquet(ParquetEvents),
    Csv(CsvEvents),
}

/// A time stamp as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeValue {
    Text(String),
    /// In the unit of the column.
    Number(i64),
}

/// Rows that are decoded at a time to find one value.
const VALUE_ROWS: usize = 1 << 12;

impl TimeValue {
    pub(super) fn of(column: &ArrayRef, row: usize) -> Result<Option<Self>> {
        if column.is_null(row) {
            return Ok(None);
        }
        if let Some(texts) = column.as_string_view_opt() {
            return Ok(Some(TimeValue::Text(texts.value(row).to_owned())));
        }
        let numbers = cast(column, &DataType::Int64)?;
        Ok(Some(TimeValue::Number(numbers.as_primitive::<Int64Type>().value(row))))
    }
}

/// Lists the event files behind paths, globs and URLs.
///
/// # Errors
/// A path that does not exist or contains no event file.
pub fn list_files(paths: &[String]) -> Result<Listed> {
    inputs::list_all("data.events", paths, &table::EXTENSIONS, |_| false)
}

/// Opens event files and checks their columns. The footers of several objects are requested
/// concurrently. A file with an unknown extension is read as Parquet.
///
/// # Errors
/// The first file that cannot be used.
pub fn open(columns: &Columns, inputs: Vec<InputFile>) -> Result<Vec<EventFile>> {
    let parquet: Vec<InputFile> =
        inputs.iter().filter(|i| !csv::is_csv(&i.location)).cloned().collect();
    let footers = parquet::prefetch_footers(&parquet)?;
    let mut numbers = 0..parquet.len();
    let open = |input: InputFile| {
        if csv::is_csv(&input.location) {
            return CsvEvents::open(input, columns).map(EventFile::Csv);
        }
        let place = || format!("events file {}", input.location);
        let number = numbers.next().with_context(place)?;
        let source = footers.take(number).with_context(place)?;
        ParquetEvents::open(input, source, columns).map(EventFile::Parquet)
    };
    inputs.into_iter().map(open).collect()
}

/// Starts to fetch parts of objects, which will be read in this order. CSV is fetched while it is read.
///
/// # Errors
/// A footer with an invalid column position; an invalid object name.
pub fn prefetch<'a>(parts: impl IntoIterator<Item = (&'a EventFile, usize)>) -> Result<Prefetch> {
    prefetch_within(parts, MAX_FETCHED_BYTES)
}

/// The same with at most `bytes` in memory, except for a single part that is larger.
///
/// # Errors
/// As [`prefetch`].
pub fn prefetch_within<'a>(
    parts: impl IntoIterator<Item = (&'a EventFile, usize)>,
    bytes: u64,
) -> Result<Prefetch> {
    let request = |(file, part): (&EventFile, usize)| match file {
        EventFile::Parquet(file) => file.prefetch_request(part),
        EventFile::Csv(file) => {
            Ok(PrefetchRequest { input: file.input.clone(), ranges: Vec::new() })
        }
    };
    Prefetch::start_within(parts.into_iter().map(request).collect::<Result<_>>()?, bytes)
}

impl EventFile {
    pub fn input(&self) -> &InputFile {
        match self {
            EventFile::Parquet(file) => &file.input,
            EventFile::Csv(file) => &file.input,
        }
    }

    /// Number of parts.
    pub fn parts(&self) -> usize {
        match self {
            EventFile::Parquet(file) => file.row_groups(),
            EventFile::Csv(file) => file.blocks(),
        }
    }

    /// Bytes that are read of a part.
    pub fn bytes(&self, part: usize) -> u64 {
        match self {
            EventFile::Parquet(file) => file.bytes(part),
            EventFile::Csv(file) => file.bytes(part),
        }
    }

    /// Rows of a part, if a footer contains their number.
    pub fn rows_in_footer(&self, part: usize) -> Option<u64> {
        match self {
            EventFile::Parquet(file) => Some(file.rows(part)),
            EventFile::Csv(_) => None,
        }
    }

    /// Types of the arrays of user id, cell id and time stamp.
    pub fn types(&self) -> [&DataType; 3] {
        match self {
            EventFile::Parquet(file) => file.types(),
            EventFile::Csv(file) => file.types(),
        }
    }

    /// Words that stand for a missing value in columns of text.
    pub fn nulls(&self) -> &NullWords {
        match self {
            EventFile::Parquet(file) => &file.nulls,
            EventFile::Csv(file) => &file.nulls,
        }
    }

    /// The conversion of the file's time stamps to local time.
    ///
    /// # Errors
    /// A column with an unknown time zone.
    pub fn times(&self, zone: Option<Tz>) -> Result<Times> {
        match self {
            EventFile::Parquet(file) => file.times(zone),
            EventFile::Csv(file) => file.times(zone),
        }
    }

    /// How the time stamps are read, for explanations.
    pub fn read_as<'a>(&self, columns: &'a Columns) -> ReadAs<'a> {
        let format = columns.timestamp_format.as_ref().map(TimestampFormat::as_str);
        match (self, self.types()[2]) {
            (EventFile::Csv(_), _) => {
                ReadAs { unit: columns.timestamp_unit, format, unit_is_configured: true }
            }
            (EventFile::Parquet(file), DataType::Timestamp(unit, _)) => ReadAs {
                unit: Some((*unit).into()),
                format: None,
                unit_is_configured: file.times_are_numbers(),
            },
            _ => ReadAs { format, ..ReadAs::default() },
        }
    }

    /// The time stamp of a row of a part, from 0, as it is stored; `None` if it is missing.
    ///
    /// # Errors
    /// A file that can no longer be read.
    pub fn time_value(&self, part: usize, row: u64) -> Result<Option<TimeValue>> {
        match self {
            EventFile::Csv(file) => {
                let mut records = file.records(part)?;
                while records.rows() < row {
                    records.next_row()?;
                }
                let time = records.next_row()?.map(|[_, _, time]| time.to_owned());
                Ok(time.map(|time| TimeValue::Text(String::from_utf8_lossy(&time).into_owned())))
            }
            EventFile::Parquet(file) => {
                let mut row = usize::try_from(row)?;
                for batch in file.read_timestamps(part, VALUE_ROWS)? {
                    let [column] = batch?;
                    if row < column.len() {
                        return TimeValue::of(&column, row);
                    }
                    row -= column.len();
                }
                Ok(None)
            }
        }
    }

    /// Opens the file to read a part, without fetching other parts ahead.
    ///
    /// # Errors
    /// A file that can no longer be opened; an error of the object store.
    pub fn source(&self, part: usize) -> Result<ByteSource> {
        match self {
            EventFile::Parquet(file) => file.source(part),
            EventFile::Csv(file) => ByteSource::open(&file.input),
        }
    }

    /// Reads user id, cell id and time stamp of a part as arrays. `source` is that of [`prefetch`].
    ///
    /// # Errors
    /// A file that can no longer be opened.
    pub fn read_arrays(
        &self,
        source: ByteSource,
        part: usize,
        batch_rows: usize,
    ) -> Result<Box<dyn Iterator<Item = Result<[ArrayRef; 3], ArrowError>>>> {
        Ok(match self {
            EventFile::Parquet(file) => Box::new(file.read_arrays(source, part, batch_rows)?),
            EventFile::Csv(file) => Box::new(file.read_arrays(part, batch_rows)?),
        })
    }

    /// File and part, for messages.
    pub fn place(&self, part: usize) -> String {
        match self {
            EventFile::Parquet(file) => file.place(part),
            EventFile::Csv(file) => format!("events file {}", file.input.location),
        }
    }
}

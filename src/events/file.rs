//! Event files of every format: listing, opening, and the parts that can be read separately.

use anyhow::{Context, Result};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use chrono_tz::Tz;

use super::csv::CsvEvents;
use super::parquet::{self, ParquetEvents};
use crate::config::Columns;
use crate::domain::null_words::NullWords;
use crate::domain::time::columns::Times;
use crate::formats::{csv, table};
use crate::storage::inputs::{self, InputFile, list};
use crate::storage::{ByteSource, Prefetch, PrefetchRequest};

/// An event file whose columns are valid. Its parts, row groups of Parquet or blocks of CSV, can be read
/// separately.
#[derive(Debug, Clone)]
pub enum EventFile {
    Parquet(ParquetEvents),
    Csv(CsvEvents),
}

/// Lists the event files behind paths, globs and URLs.
///
/// # Errors
/// A path that does not exist or contains no event file.
pub fn list_files(paths: &[String]) -> Result<Vec<InputFile>> {
    list("data.events", paths, &table::EXTENSIONS)
}

/// A message that names files beside the event files which are not read.
///
/// # Errors
/// A folder that cannot be listed.
pub fn passed_over(paths: &[String]) -> Result<Option<String>> {
    inputs::passed_over("data.events", paths, &table::EXTENSIONS)
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
    let request = |(file, part): (&EventFile, usize)| match file {
        EventFile::Parquet(file) => file.prefetch_request(part),
        EventFile::Csv(file) => {
            Ok(PrefetchRequest { input: file.input.clone(), ranges: Vec::new() })
        }
    };
    Prefetch::start(parts.into_iter().map(request).collect::<Result<_>>()?)
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
        Times::new(zone, self.types()[2], self.nulls())
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

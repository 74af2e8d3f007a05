//! Event files of any format.

use anyhow::{Context, Result};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use chrono_tz::Tz;

use super::parquet;
use super::parquet::EventFile;
use crate::config::Columns;
use crate::domain::time::columns::Times;
use crate::events::csv::CsvEvents;
use crate::formats::csv;
use crate::storage::inputs::{InputFile, list};
use crate::storage::{ByteSource, Prefetch, PrefetchRequest};

/// An event file that was found good, in parts that can be read apart: row groups of Parquet, pieces
/// of CSV.
#[derive(Clone)]
pub enum EventInput {
    Parquet(EventFile),
    Csv(CsvEvents),
}

/// Endings of files with events.
pub fn endings() -> Vec<&'static str> {
    [&["parquet", "parq"][..], &csv::EXTENSIONS].concat()
}

/// Lists the event files.
///
/// # Errors
/// A path that does not exist or holds no event file.
pub fn inputs(paths: &[String]) -> Result<Vec<InputFile>> {
    list("data.events", paths, &endings())
}

/// Opens every event file and checks its columns. Footers of objects are asked for several at a
/// time. A name without a known ending is Parquet's.
///
/// # Errors
/// The first file that cannot be used.
pub fn open(columns: &Columns, inputs: Vec<InputFile>) -> Result<Vec<EventInput>> {
    let parquet: Vec<InputFile> = inputs.iter().filter(|i| !is_text(i)).cloned().collect();
    let ahead = parquet::footers_ahead(&parquet)?;
    let mut footers = 0..parquet.len();
    let open = |input: InputFile| {
        if is_text(&input) {
            return CsvEvents::open(input, columns).map(EventInput::Csv);
        }
        let place = || format!("events file {}", input.location);
        let number = footers.next().with_context(place)?;
        let source = ahead.take(number).with_context(place)?;
        EventFile::open(input, source, columns).map(EventInput::Parquet)
    };
    inputs.into_iter().map(open).collect()
}

/// Begins to fetch parts of objects, to be read in this order; text is fetched while it is read.
///
/// # Errors
/// A footer whose columns lie nowhere; a URL that names no object.
pub fn parts_ahead<'a>(
    parts: impl IntoIterator<Item = (&'a EventInput, usize)>,
) -> Result<Prefetch> {
    let want = |(file, part): (&EventInput, usize)| match file {
        EventInput::Parquet(file) => file.want(part),
        EventInput::Csv(file) => {
            Ok(PrefetchRequest { input: file.input.clone(), ranges: Vec::new() })
        }
    };
    Prefetch::start(parts.into_iter().map(want).collect::<Result<_>>()?)
}

fn is_text(input: &InputFile) -> bool {
    csv::EXTENSIONS.iter().any(|ending| input.location.ends_with(ending))
}

impl EventInput {
    pub fn input(&self) -> &InputFile {
        match self {
            EventInput::Parquet(file) => &file.input,
            EventInput::Csv(file) => &file.input,
        }
    }

    /// Number of parts.
    pub fn parts(&self) -> usize {
        match self {
            EventInput::Parquet(file) => file.row_groups(),
            EventInput::Csv(file) => file.blocks(),
        }
    }

    /// Bytes of a part that are read.
    pub fn bytes(&self, part: usize) -> u64 {
        match self {
            EventInput::Parquet(file) => file.bytes(part),
            EventInput::Csv(file) => file.bytes(part),
        }
    }

    /// Rows of a part, where a footer states them.
    pub fn stated_rows(&self, part: usize) -> Option<u64> {
        match self {
            EventInput::Parquet(file) => Some(file.rows(part)),
            EventInput::Csv(_) => None,
        }
    }

    /// Types of user id, cell id and time stamp as they are read.
    pub fn types(&self) -> [&DataType; 3] {
        match self {
            EventInput::Parquet(file) => file.types(),
            EventInput::Csv(file) => file.types(),
        }
    }

    /// Converts time stamps of the file.
    ///
    /// # Errors
    /// A column zone that nobody knows.
    pub fn times(&self, zone: Option<Tz>) -> Result<Times> {
        Times::new(zone, self.types()[2])
    }

    /// Reads user id, cell id and time stamp of a part, in this order; `source` is that of
    /// [`parts_ahead`].
    ///
    /// # Errors
    /// When the file cannot be opened any more.
    pub fn read(
        &self,
        source: ByteSource,
        part: usize,
        batch_rows: usize,
    ) -> Result<Box<dyn Iterator<Item = Result<[ArrayRef; 3], ArrowError>>>> {
        Ok(match self {
            EventInput::Parquet(file) => Box::new(file.read(source, part, batch_rows)?),
            EventInput::Csv(file) => Box::new(file.read(part, batch_rows)?),
        })
    }

    /// Names file and part, for messages.
    pub fn place(&self, part: usize) -> String {
        match self {
            EventInput::Parquet(file) => file.place(part),
            EventInput::Csv(file) => format!("events file {}", file.input.location),
        }
    }
}

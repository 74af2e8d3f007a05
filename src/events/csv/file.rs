//! An event file in CSV.

use std::io::Read;

use anyhow::{Context, Result, bail};
use arrow::datatypes::{DataType, TimeUnit};
use chrono_tz::Tz;
use parquet::file::reader::ChunkReader;

use super::arrays::Batches;
use super::records::{Layout, Records};
use super::survey::Block;
use crate::config::Columns;
use crate::domain::time::EventTime;
use crate::domain::time::columns::Times;
use crate::domain::time::text::EpochUnit;
use crate::errors::missing_column;
use crate::formats::csv::{Header, decoded, decoded_from, is_compressed};
use crate::storage::ByteSource;
use crate::storage::inputs::InputFile;

/// A file whose header was read and found good.
#[derive(Debug, Clone)]
pub struct CsvEvents {
    pub input: InputFile,
    layout: Layout,
    /// Where the rows begin in the decompressed text.
    rows_start: u64,
    /// Of time stamps that are numbers.
    unit: Option<EpochUnit>,
    /// Parts that lines can be read from, once the file was looked through and every row is a line.
    pub(super) blocks: Option<Vec<Block>>,
}

/// Bytes that cannot be read or decompressed are damaged; other errors name their own remedy.
pub(super) fn with_remedy(error: anyhow::Error) -> anyhow::Error {
    if error.is::<std::io::Error>() {
        error.context("damaged; copy the file again, or take it out of the folder")
    } else {
        error
    }
}

impl CsvEvents {
    /// Reads the header and finds the columns.
    ///
    /// # Errors
    /// A file without a header, or one that lacks a column.
    pub fn open(input: InputFile, columns: &Columns) -> Result<Self> {
        let place = || format!("events file {}", input.location);
        let Columns { user_id, cell_id, timestamp, .. } = columns;
        let names = [user_id, cell_id, timestamp].map(String::as_str);
        let keys = ["columns.user_id", "columns.cell_id", "columns.timestamp"];
        let header = decoded(&input).and_then(|file| Header::read(file, &names));
        let header = header.map_err(with_remedy).with_context(place)?;
        let mut places = [0; 3];
        for ((name, key), into) in names.iter().zip(keys).zip(&mut places) {
            let Some(place_of) = header.place(name) else {
                let there: Vec<&str> = header.names.iter().map(String::as_str).collect();
                bail!(
                    "{}: {} (in CSV the first line names the columns)",
                    place(),
                    missing_column(name, key, &there, &names)
                );
            };
            *into = place_of;
        }
        let layout = Layout { delimiter: header.delimiter, columns: header.names.len(), places };
        let (rows_start, unit) = (header.end, columns.timestamp_unit);
        Ok(CsvEvents { input, layout, rows_start, unit, blocks: None })
    }

    /// Types of user id, cell id and time stamp as [`CsvEvents::read`] gives them.
    pub fn types(&self) -> [&DataType; 3] {
        static TEXT: DataType = DataType::Utf8View;
        static INSTANT: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);
        [&TEXT, &TEXT, if self.unit.is_none() { &TEXT } else { &INSTANT }]
    }

    /// Converts time stamps of the file.
    ///
    /// # Errors
    /// None in practice: text names no zone of its own.
    pub fn times(&self, zone: Option<Tz>) -> Result<Times> {
        Times::new(zone, self.types()[2])
    }

    /// Local time of a field.
    #[inline]
    pub fn event_time(&self, field: &[u8], times: &mut Times) -> EventTime {
        match self.unit {
            None => times.of_text(field),
            Some(unit) => times.of_number(field, unit),
        }
    }

    /// Microseconds of a field that is a number.
    pub(super) fn unit(&self) -> Option<EpochUnit> {
        self.unit
    }

    /// Where the rows begin in the decompressed text.
    pub(super) fn rows_start(&self) -> u64 {
        self.rows_start
    }

    /// Parts that can be read apart: one, unless the file was looked through.
    pub fn blocks(&self) -> usize {
        self.blocks.as_ref().map_or(1, Vec::len)
    }

    /// Bytes of a part.
    pub fn bytes(&self, block: usize) -> u64 {
        match &self.blocks {
            Some(blocks) if !is_compressed(&self.input.location) => {
                blocks.get(block).map_or(0, |b| b.bytes.end - b.bytes.start)
            }
            _ => self.input.bytes,
        }
    }

    /// Reads the rows of a part.
    ///
    /// # Errors
    /// When the file cannot be opened any more.
    pub fn records(&self, block: usize) -> Result<Records> {
        let place = || format!("events file {}", self.input.location);
        let by_lines = self.blocks.as_ref().and_then(|blocks| blocks.get(block));
        match by_lines {
            None => self.any_rows(),
            Some(_) if is_compressed(&self.input.location) => self.decompressed_lines(),
            Some(block) => {
                let range = block.bytes.clone();
                // of an object the whole part is fetched at once, by several connections
                let source = ByteSource::open(&self.input)?.with_ranges(vec![range.clone()])?;
                let from = source.get_read(range.start)?.take(range.end - range.start);
                Ok(Records::of_lines(Box::new(from), range.start, self.layout))
            }
        }
        .with_context(place)
    }

    /// Reads all rows, whatever their fields hold.
    pub(super) fn any_rows(&self) -> Result<Records> {
        Ok(Records::of_any(
            decoded_from(&self.input, self.rows_start)?,
            self.rows_start,
            self.layout,
        ))
    }

    /// Reads all rows of a compressed file, whose lines are its rows.
    pub(super) fn decompressed_lines(&self) -> Result<Records> {
        Ok(Records::of_lines(
            decoded_from(&self.input, self.rows_start)?,
            self.rows_start,
            self.layout,
        ))
    }

    /// Reads rows that are lines, from a position of a file that is not compressed.
    pub(super) fn lines_from(&self, at: u64) -> Result<Records> {
        let from = ByteSource::open(&self.input)?.get_read(at)?;
        Ok(Records::of_lines(Box::new(from), at, self.layout))
    }

    /// Reads user id, cell id and time stamp of a part as arrays.
    ///
    /// # Errors
    /// When the file cannot be opened any more.
    pub fn read(&self, block: usize, batch_rows: usize) -> Result<Batches> {
        Ok(Batches::new(self.records(block)?, self.unit(), batch_rows))
    }
}

//! An event file in CSV.

use std::io::Read;

use anyhow::{Context, Result, bail};
use arrow::datatypes::{DataType, TimeUnit};
use chrono_tz::Tz;
use parquet::file::reader::ChunkReader;

use super::arrays::RecordBatches;
use super::block::Block;
use super::records::{Layout, Records};
use crate::config::Columns;
use crate::domain::null_words::NullWords;
use crate::domain::time::EventTime;
use crate::domain::time::columns::Times;
use crate::domain::time::format::TimestampFormat;
use crate::domain::time::text::EpochUnit;
use crate::errors::missing_columns;
use crate::formats::csv::{Header, decoded, decoded_from};
use crate::storage::ByteSource;
use crate::storage::inputs::InputFile;

/// An event file with a valid header.
#[derive(Debug, Clone)]
pub struct CsvEvents {
    pub input: InputFile,
    /// True if the file can only be read from its beginning.
    pub(super) is_compressed: bool,
    /// Words that stand for a missing value.
    pub nulls: NullWords,
    layout: Layout,
    /// Position of the first row in the decompressed text.
    rows_start: u64,
    /// Unit of numeric time stamps.
    unit: Option<EpochUnit>,
    /// Form of time stamps in text.
    format: Option<TimestampFormat>,
    /// Set by a scan if every row is a line.
    pub(super) blocks: Option<Vec<Block>>,
}

/// Adds the remedy to an error of reading or decompressing; other errors have their own.
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
    /// A file without a header, or with a missing column.
    pub fn open(input: InputFile, columns: &Columns) -> Result<Self> {
        let place = || format!("events file {}", input.location);
        let Columns { user_id, cell_id, timestamp, .. } = columns;
        let names = [user_id, cell_id, timestamp].map(String::as_str);
        let keys = ["columns.user_id", "columns.cell_id", "columns.timestamp"];
        let opened = decoded(&input).and_then(|file| {
            let is_compressed = file.is_compressed;
            Ok((Header::read(file, &names)?, is_compressed))
        });
        let (header, is_compressed) = opened.map_err(with_remedy).with_context(place)?;
        let present: Vec<&str> = header.names.iter().map(String::as_str).collect();
        let needed: Vec<(&str, &str)> = names.into_iter().zip(keys).collect();
        if let Some(message) = missing_columns(&needed, &present) {
            bail!("{}: {message} (in CSV the first line names the columns)", place());
        }
        let mut indices = [0; 3];
        for (name, into) in names.iter().zip(&mut indices) {
            header.refuse_duplicate(name).with_context(place)?;
            *into = header.index_of(name).unwrap_or_default();
        }
        let layout = Layout { delimiter: header.delimiter, columns: header.names.len(), indices };
        let (rows_start, unit) = (header.end, columns.timestamp_unit);
        let (nulls, format) = (columns.null_values.clone(), columns.timestamp_format.clone());
        Ok(CsvEvents {
            input,
            is_compressed,
            nulls,
            layout,
            rows_start,
            unit,
            format,
            blocks: None,
        })
    }

    /// Types of the arrays of user id, cell id and time stamp.
    pub fn types(&self) -> [&DataType; 3] {
        static TEXT: DataType = DataType::Utf8View;
        static TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);
        [&TEXT, &TEXT, if self.unit.is_none() { &TEXT } else { &TIMESTAMP }]
    }

    /// The conversion of the file's time stamps to local time.
    ///
    /// # Errors
    /// None in practice: text columns have no zone.
    pub fn times(&self, zone: Option<Tz>) -> Result<Times> {
        let times = Times::new(zone, self.types()[2], &self.nulls)?;
        Ok(times.with_format(self.format.as_ref()))
    }

    /// Local time of a field.
    #[inline]
    pub fn event_time(&self, field: &[u8], times: &mut Times) -> EventTime {
        match self.unit {
            None => times.of_text(field),
            Some(unit) => times.of_number(field, unit),
        }
    }

    /// Position of the first row in the decompressed text.
    pub(super) fn rows_start(&self) -> u64 {
        self.rows_start
    }

    /// Number of blocks: one before a scan.
    pub fn blocks(&self) -> usize {
        self.blocks.as_ref().map_or(1, Vec::len)
    }

    /// Bytes that are read of a block.
    pub fn bytes(&self, block: usize) -> u64 {
        match &self.blocks {
            Some(blocks) if !self.is_compressed => {
                blocks.get(block).map_or(0, |b| b.bytes.end - b.bytes.start)
            }
            _ => self.input.bytes,
        }
    }

    /// Reads the rows of a block.
    ///
    /// # Errors
    /// A file that can no longer be opened.
    pub fn records(&self, block: usize) -> Result<Records> {
        let place = || format!("events file {}", self.input.location);
        match self.blocks.as_ref().and_then(|blocks| blocks.get(block)) {
            None => self.any_rows(),
            Some(_) if self.is_compressed => self.decompressed_lines(),
            Some(block) => self.lines_of(block),
        }
        .with_context(place)
    }

    /// Reads all rows without assuming that they are lines.
    pub(super) fn any_rows(&self) -> Result<Records> {
        let from = decoded_from(&self.input, self.rows_start)?;
        Ok(Records::general(from, self.rows_start, self.layout))
    }

    /// Reads all lines of a compressed file.
    pub(super) fn decompressed_lines(&self) -> Result<Records> {
        let from = decoded_from(&self.input, self.rows_start)?;
        Ok(Records::by_lines(from, self.rows_start, self.layout))
    }

    /// Reads the lines of an uncompressed file from a position.
    pub(super) fn lines_from(&self, position: u64) -> Result<Records> {
        let from = ByteSource::open(&self.input)?.get_read(position)?;
        Ok(Records::by_lines(Box::new(from), position, self.layout))
    }

    /// Reads the lines of a block of an uncompressed file. The block of an object is fetched completely
    /// at the start, over several connections.
    fn lines_of(&self, block: &Block) -> Result<Records> {
        let range = block.bytes.clone();
        let source = ByteSource::open(&self.input)?.with_ranges(vec![range.clone()])?;
        let from = source.get_read(range.start)?.take(range.end - range.start);
        Ok(Records::by_lines(Box::new(from), range.start, self.layout))
    }

    /// Reads user id, cell id and time stamp of a block as arrays.
    ///
    /// # Errors
    /// A file that can no longer be opened.
    pub fn read_arrays(&self, block: usize, batch_rows: usize) -> Result<RecordBatches> {
        Ok(RecordBatches::new(self.records(block)?, self.unit, batch_rows))
    }
}

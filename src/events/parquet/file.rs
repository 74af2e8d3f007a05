//! An event file in Parquet: its footer, and access to the three columns.

use std::ops::Range;

use anyhow::{Context, Result};
use arrow::datatypes::{DataType, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::basic::Type as PhysicalType;
use parquet::file::statistics::Statistics;

use super::arrays::ArrayBatches;
use super::columns::{StoredTime, annotated_unit, find_columns, is_text, with_views};
use crate::config::Columns;
use crate::formats::parquet::pages::Pages;
use crate::formats::parquet::{ParquetBatches, footer};
use crate::storage::inputs::InputFile;
use crate::storage::{ByteSource, Location, Prefetch, PrefetchRequest};

/// Bytes at the end of an object that are fetched first. Footers of event files with few columns are
/// shorter; a longer one takes a second request.
const FOOTER_BYTES: u64 = 64 << 10;

/// An event file whose footer was read and whose columns have supported types.
#[derive(Clone)]
pub struct ParquetEvents {
    pub input: InputFile,
    metadata: ArrowReaderMetadata,
    /// Indices of user id, cell id and time stamp in the schema.
    columns: [usize; 3],
}

/// Starts to fetch the footers of inputs, which will be opened in this order.
///
/// # Errors
/// An invalid object name.
pub fn prefetch_footers(inputs: &[InputFile]) -> Result<Prefetch> {
    let request = |input: &InputFile| PrefetchRequest {
        ranges: std::iter::once(input.bytes.saturating_sub(FOOTER_BYTES)..input.bytes).collect(),
        input: input.clone(),
    };
    Prefetch::start(inputs.iter().map(request).collect())
}

impl ParquetEvents {
    /// Reads the footer from `source` and finds the columns.
    ///
    /// # Errors
    /// A file that is not complete, or whose columns are missing or have an unsupported type.
    pub fn open(input: InputFile, source: ByteSource, columns: &Columns) -> Result<Self> {
        let place = || format!("events file {}", input.location);
        let metadata =
            footer::read(&source).map_err(|e| footer::explain(&e)).with_context(place)?;
        let columns = find_columns(metadata.schema(), columns).with_context(place)?;
        let metadata = with_views(metadata, &columns).with_context(place)?;
        Ok(ParquetEvents { input, metadata, columns })
    }

    pub fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// Rows of a row group.
    pub fn rows(&self, row_group: usize) -> u64 {
        self.metadata.metadata().row_group(row_group).num_rows().max(0) as u64
    }

    /// Compressed bytes of the three columns of a row group.
    pub fn bytes(&self, row_group: usize) -> u64 {
        let group = self.metadata.metadata().row_group(row_group);
        self.columns
            .iter()
            .filter_map(|column| self.leaf(*column))
            .map(|leaf| group.column(leaf).compressed_size().max(0) as u64)
            .sum()
    }

    /// Types of the arrays of user id, cell id and time stamp.
    pub fn types(&self) -> [&DataType; 3] {
        self.columns.map(|i| self.metadata.schema().field(i).data_type())
    }

    /// Type of the time stamps, with the unit and zone of the column unless they are text.
    pub fn timestamp_type(&self) -> &DataType {
        self.types()[2]
    }

    /// Smallest and largest time stamp of a row group in the unit of the column, if the footer contains
    /// them.
    pub fn timestamp_range(&self, row_group: usize) -> Option<(i64, i64)> {
        let leaf = self.timestamp_leaf()?;
        match self.metadata.metadata().row_group(row_group).column(leaf).statistics()? {
            Statistics::Int64(s) => Some((*s.min_opt()?, *s.max_opt()?)),
            _ => None,
        }
    }

    /// Index of a column of the schema among the leaf columns of the file.
    fn leaf(&self, column: usize) -> Option<usize> {
        let schema = self.metadata.parquet_schema();
        (0..schema.num_columns()).find(|i| schema.get_column_root_idx(*i) == column)
    }

    fn timestamp_leaf(&self) -> Option<usize> {
        self.leaf(self.columns[2])
    }

    /// Reads user id, cell id and time stamp of a row group as arrays. `source` is that of
    /// [`ParquetEvents::source`], or one of [`ParquetEvents::prefetch_request`].
    ///
    /// # Errors
    /// A footer that contradicts itself.
    pub fn read_arrays(
        &self,
        source: ByteSource,
        row_group: usize,
        batch_rows: usize,
    ) -> Result<ArrayBatches> {
        let batches = self.read_columns(source, row_group, batch_rows, &self.columns)?;
        // the batches have the columns in the order of the file
        let position = |column| self.columns.iter().filter(|other| **other < column).count();
        Ok(ArrayBatches::new(batches, self.columns.map(position)))
    }

    /// Opens the pages of user id, cell id and time stamp of a row group, with the unit of the time
    /// stamps; `None` if a type or encoding is only supported by [`ParquetEvents::read_arrays`].
    ///
    /// # Errors
    /// A chunk with an invalid position in the file.
    pub fn pages(
        &self,
        source: &ByteSource,
        row_group: usize,
    ) -> Result<Option<([Pages; 3], TimeUnit)>> {
        let [_, cell, _] = self.types();
        let cell_is_supported = is_text(cell) || matches!(cell, DataType::Int32 | DataType::Int64);
        let Some(unit) = self.stored_unit().filter(|_| cell_is_supported) else {
            return Ok(None);
        };
        let open = |column| match self.leaf(column) {
            Some(leaf) => Pages::open(source, self.metadata.metadata(), row_group, leaf)
                .with_context(|| self.place(row_group)),
            None => Ok(None),
        };
        let [user, cell, timestamp] = self.columns;
        Ok(match (open(user)?, open(cell)?, open(timestamp)?) {
            (Some(users), Some(cells), Some(times)) => Some(([users, cells, times], unit)),
            _ => None,
        })
    }

    /// How the time stamps are stored.
    pub fn stored_time(&self) -> StoredTime {
        let DataType::Timestamp(unit, _) = self.timestamp_type() else { return StoredTime::Text };
        let leaf = self.timestamp_leaf();
        match leaf.map(|leaf| self.metadata.parquet_schema().column(leaf)) {
            Some(column) if column.physical_type() == PhysicalType::INT96 => StoredTime::Int96,
            Some(column) => StoredTime::Int64(annotated_unit(&column).unwrap_or(*unit)),
            None => StoredTime::Int64(*unit),
        }
    }

    /// The unit of the stored time stamps, if it is that of the Arrow type.
    fn stored_unit(&self) -> Option<TimeUnit> {
        let column = self.metadata.parquet_schema().column(self.timestamp_leaf()?);
        let stored = annotated_unit(&column)?;
        // seconds, for example, are stored as milliseconds
        let same = matches!(self.timestamp_type(), DataType::Timestamp(unit, _) if *unit == stored);
        same.then_some(stored)
    }

    /// Opens the file to read the three columns of a row group.
    ///
    /// # Errors
    /// A file that can no longer be opened; an error of the object store.
    pub fn source(&self, row_group: usize) -> Result<ByteSource> {
        self.source_of(row_group, &self.columns)
    }

    fn source_of(&self, row_group: usize, columns: &[usize]) -> Result<ByteSource> {
        ByteSource::open(&self.input)
            .and_then(|source| source.with_ranges(self.ranges(row_group, columns)?))
            .with_context(|| format!("events file {}", self.input.location))
    }

    /// The ranges of the three columns of a row group.
    ///
    /// # Errors
    /// A footer with an invalid column position.
    pub fn prefetch_request(&self, row_group: usize) -> Result<PrefetchRequest> {
        let ranges = self.ranges(row_group, &self.columns)?;
        Ok(PrefetchRequest { input: self.input.clone(), ranges })
    }

    /// The ranges of columns in an object; none for a local file, which is not fetched.
    fn ranges(&self, row_group: usize, columns: &[usize]) -> Result<Vec<Range<u64>>> {
        if let Location::Local(_) = self.input.location {
            return Ok(Vec::new());
        }
        let group = self.metadata.metadata().row_group(row_group);
        let range = |leaf: usize| {
            let chunk = group.column(leaf);
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let (start, length) =
                (u64::try_from(start).ok()?, u64::try_from(chunk.compressed_size()).ok()?);
            start.checked_add(length).filter(|end| *end <= self.input.bytes).map(|end| start..end)
        };
        let leaves = columns.iter().filter_map(|column| self.leaf(*column));
        leaves
            .map(|leaf| {
                range(leaf).with_context(|| {
                    format!(
                        "{}: damaged; copy the file again, or take it out of the folder",
                        self.place(row_group)
                    )
                })
            })
            .collect()
    }

    /// Reads only the time stamps of a row group.
    ///
    /// # Errors
    /// A file that can no longer be opened; an error of the object store.
    pub fn read_timestamps(&self, row_group: usize, batch_rows: usize) -> Result<ParquetBatches> {
        let columns = [self.columns[2]];
        let source = self.source_of(row_group, &columns)?;
        self.read_columns(source, row_group, batch_rows, &columns)
    }

    fn read_columns(
        &self,
        source: ByteSource,
        row_group: usize,
        batch_rows: usize,
        columns: &[usize],
    ) -> Result<ParquetBatches> {
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), columns.iter().copied());
        ParquetRecordBatchReaderBuilder::new_with_metadata(source, self.metadata.clone())
            .with_row_groups(vec![row_group])
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .build()
            .map(ParquetBatches::new)
            .with_context(|| self.place(row_group))
    }

    /// File and row group, for messages.
    pub fn place(&self, row_group: usize) -> String {
        format!("events file {}, row group {row_group}", self.input.location)
    }
}

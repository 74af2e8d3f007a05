//! An event file in Parquet: its footer, and access to the three columns.

use std::ops::Range;

use anyhow::{Context, Error, Result, anyhow};
use arrow::datatypes::{DataType, TimeUnit};
use chrono::Utc;
use chrono_tz::Tz;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use parquet::schema::types::SchemaDescriptor;

use super::arrays::ArrayBatches;
use super::columns::{
    EventColumn, StoredTime, annotated_unit, find_columns, is_number, is_text, with_types,
};
use crate::config::Columns;
use crate::domain::null_words::NullWords;
use crate::domain::time::belief::Belief;
use crate::domain::time::columns::Times;
use crate::domain::time::explain::{ReadAs, number_without_unit};
use crate::domain::time::format::TimestampFormat;
use crate::formats::parquet::pages::Pages;
use crate::formats::parquet::{ParquetBatches, footer, refuse_encrypted};
use crate::storage::inputs::InputFile;
use crate::storage::{ByteSource, Location, Prefetch, PrefetchRequest};

/// Bytes at the end of an object that are fetched first. Footers of event files with few columns are
/// shorter; a longer one takes a second request.
const FOOTER_BYTES: u64 = 64 << 10;

/// An event file whose footer was read and whose columns have supported types.
#[derive(Debug, Clone)]
pub struct ParquetEvents {
    pub input: InputFile,
    /// Words that stand for a missing value in columns of text.
    pub nulls: NullWords,
    /// Form of time stamps in text.
    format: Option<TimestampFormat>,
    metadata: ArrowReaderMetadata,
    /// User id, cell id and time stamp. A file without rows may lack them.
    columns: [EventColumn; 3],
    /// Positions of the leaf columns of user id, cell id and time stamp.
    leaves: [usize; 3],
    /// The row groups of the file that have rows; those without may lack pages.
    row_groups: Vec<usize>,
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
            footer::read(&source).map_err(|e| footer::explain(&source, &e)).with_context(place)?;
        let groups = metadata.metadata().row_groups().iter().enumerate();
        let row_groups: Vec<usize> =
            groups.filter(|(_, group)| group.num_rows() > 0).map(|(number, _)| number).collect();
        let (nulls, format) = (columns.null_values.clone(), columns.timestamp_format.clone());
        let found = find_columns(metadata.schema(), columns).with_context(place);
        let columns = match found {
            // writers do not know the types of columns without values
            Err(_) if row_groups.is_empty() => EventColumn::of_no_rows(columns),
            found => found?,
        };
        let (metadata, leaves) = match row_groups.is_empty() {
            true => (metadata, [0; 3]),
            false => {
                let metadata = with_types(metadata, &columns).with_context(place)?;
                let leaves = leaves(metadata.parquet_schema(), &columns).with_context(place)?;
                refuse_encrypted(&source, metadata.metadata(), leaves).with_context(place)?;
                if is_number(&columns[2].data_type) {
                    let number = first_number(metadata.metadata(), &row_groups, leaves[2]);
                    return Err(numbers_without_a_unit(&columns[2], number)).with_context(place);
                }
                (metadata, leaves)
            }
        };
        Ok(ParquetEvents { input, nulls, format, metadata, columns, leaves, row_groups })
    }

    /// The conversion of the file's time stamps to local time.
    ///
    /// # Errors
    /// A column with an unknown time zone.
    pub fn times(&self, zone: Option<Tz>) -> Result<Times> {
        let times = Times::new(zone, self.timestamp_type(), &self.nulls)?;
        Ok(times.with_format(self.format.as_ref()))
    }

    /// Number of row groups that have rows. Other methods take an index below it.
    pub fn row_groups(&self) -> usize {
        self.row_groups.len()
    }

    fn group(&self, row_group: usize) -> &RowGroupMetaData {
        self.metadata.metadata().row_group(self.row_groups[row_group])
    }

    /// Rows of a row group.
    pub fn rows(&self, row_group: usize) -> u64 {
        self.group(row_group).num_rows().max(0) as u64
    }

    /// User id, cell id and time stamp.
    pub fn columns(&self) -> &[EventColumn; 3] {
        &self.columns
    }

    /// Compressed bytes of the three columns of a row group.
    pub fn bytes(&self, row_group: usize) -> u64 {
        let group = self.group(row_group);
        self.leaves.iter().map(|leaf| group.column(*leaf).compressed_size().max(0) as u64).sum()
    }

    /// Types of the arrays of user id, cell id and time stamp.
    pub fn types(&self) -> [&DataType; 3] {
        self.columns.each_ref().map(|column| &column.data_type)
    }

    /// Type of the time stamps, with the unit and zone of the column unless they are text.
    pub fn timestamp_type(&self) -> &DataType {
        self.types()[2]
    }

    /// Smallest and largest time stamp of a row group in the unit of the column, if the footer contains
    /// them.
    pub fn timestamp_range(&self, row_group: usize) -> Option<(i64, i64)> {
        let stored = &self.columns[2].stored;
        if is_number(stored) && !is_signed(stored) {
            return None;
        }
        number_range(self.group(row_group).column(self.leaves[2]).statistics()?)
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
    ) -> Result<ArrayBatches<3>> {
        let batches = self.read_leaves(source, row_group, batch_rows, &self.leaves)?;
        Ok(ArrayBatches::new(batches, self.columns.clone()))
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
        let [user, cell, _] = self.types();
        let are_supported = (!is_number(user) || is_signed(user))
            && (is_text(cell) || is_signed(cell))
            && !self.columns.iter().any(EventColumn::is_nested);
        let Some(unit) = self.stored_unit().filter(|_| are_supported) else {
            return Ok(None);
        };
        let number = self.row_groups[row_group];
        let open = |leaf| {
            Pages::open(source, self.metadata.metadata(), number, leaf)
                .with_context(|| self.place(row_group))
        };
        let [user, cell, timestamp] = self.leaves;
        Ok(match (open(user)?, open(cell)?, open(timestamp)?) {
            (Some(users), Some(cells), Some(times)) => Some(([users, cells, times], unit)),
            _ => None,
        })
    }

    /// How the time stamps are stored.
    pub fn stored_time(&self) -> StoredTime {
        let DataType::Timestamp(unit, _) = self.timestamp_type() else { return StoredTime::Text };
        let column = self.metadata.parquet_schema().column(self.leaves[2]);
        match column.physical_type() {
            PhysicalType::INT96 => StoredTime::Int96,
            _ => StoredTime::Int64(annotated_unit(&column).unwrap_or(*unit)),
        }
    }

    /// True for time stamps that are stored as numbers without a unit.
    pub fn times_are_numbers(&self) -> bool {
        is_number(&self.columns[2].stored)
    }

    /// The unit of the stored time stamps, if it is that of the Arrow type.
    fn stored_unit(&self) -> Option<TimeUnit> {
        if let (stored, DataType::Timestamp(unit, _)) =
            (&self.columns[2].stored, self.timestamp_type())
            && is_number(stored)
        {
            return is_signed(stored).then_some(*unit);
        }
        let column = self.metadata.parquet_schema().column(self.leaves[2]);
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
        self.source_of(row_group, &self.leaves)
    }

    fn source_of(&self, row_group: usize, leaves: &[usize]) -> Result<ByteSource> {
        ByteSource::open(&self.input)
            .and_then(|source| source.with_ranges(self.ranges(row_group, leaves)?))
            .with_context(|| format!("events file {}", self.input.location))
    }

    /// The ranges of the three columns of a row group.
    ///
    /// # Errors
    /// A footer with an invalid column position.
    pub fn prefetch_request(&self, row_group: usize) -> Result<PrefetchRequest> {
        let ranges = self.ranges(row_group, &self.leaves)?;
        Ok(PrefetchRequest { input: self.input.clone(), ranges })
    }

    /// The ranges of leaf columns in an object; none for a local file, which is not fetched.
    fn ranges(&self, row_group: usize, leaves: &[usize]) -> Result<Vec<Range<u64>>> {
        if let Location::Local(_) = self.input.location {
            return Ok(Vec::new());
        }
        let group = self.group(row_group);
        let range = |leaf: usize| {
            let chunk = group.column(leaf);
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let (start, length) =
                (u64::try_from(start).ok()?, u64::try_from(chunk.compressed_size()).ok()?);
            start.checked_add(length).filter(|end| *end <= self.input.bytes).map(|end| start..end)
        };
        leaves
            .iter()
            .map(|leaf| {
                range(*leaf).with_context(|| {
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
    pub fn read_timestamps(&self, row_group: usize, batch_rows: usize) -> Result<ArrayBatches<1>> {
        let leaves = [self.leaves[2]];
        let source = self.source_of(row_group, &leaves)?;
        let batches = self.read_leaves(source, row_group, batch_rows, &leaves)?;
        Ok(ArrayBatches::new(batches, [self.columns[2].clone()]))
    }

    fn read_leaves(
        &self,
        source: ByteSource,
        row_group: usize,
        batch_rows: usize,
        leaves: &[usize],
    ) -> Result<ParquetBatches> {
        let mask = ProjectionMask::leaves(self.metadata.parquet_schema(), leaves.iter().copied());
        ParquetRecordBatchReaderBuilder::new_with_metadata(source, self.metadata.clone())
            .with_row_groups(vec![self.row_groups[row_group]])
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .build()
            .map(ParquetBatches::new)
            .with_context(|| self.place(row_group))
    }

    /// File and row group, for messages.
    pub fn place(&self, row_group: usize) -> String {
        let number = self.row_groups.get(row_group).unwrap_or(&row_group);
        format!("events file {}, row group {number}", self.input.location)
    }
}

/// True for integers that can be read from pages as they are.
fn is_signed(t: &DataType) -> bool {
    matches!(t, DataType::Int32 | DataType::Int64)
}

fn number_range(statistics: &Statistics) -> Option<(i64, i64)> {
    match statistics {
        Statistics::Int64(s) => Some((*s.min_opt()?, *s.max_opt()?)),
        Statistics::Int32(s) => Some((i64::from(*s.min_opt()?), i64::from(*s.max_opt()?))),
        _ => None,
    }
}

/// The smallest number of a column in the first row group whose footer contains it.
fn first_number(metadata: &ParquetMetaData, row_groups: &[usize], leaf: usize) -> Option<i64> {
    let smallest = |group: &usize| {
        Some(number_range(metadata.row_group(*group).column(leaf).statistics()?)?.0)
    };
    row_groups.iter().find_map(smallest)
}

fn numbers_without_a_unit(column: &EventColumn, number: Option<i64>) -> Error {
    let read_as = ReadAs { unit_is_configured: true, ..ReadAs::default() };
    let belief = Belief { now_us: Utc::now().timestamp_micros() };
    let hint = number.map(|number| {
        let text = number.to_string();
        format!(
            "; its smallest value: {}",
            number_without_unit(&text, number.into(), read_as, belief)
        )
    });
    anyhow!(
        "column {:?} is {}: set columns.timestamp_unit to \"s\", \"ms\", \"us\" or \"ns\" for numbers since \
         1970-01-01 UTC; columns.timestamp can name another column{}",
        column.path.join("."),
        column.stored,
        hint.unwrap_or_default()
    )
}

/// Positions of the leaf columns.
///
/// # Errors
/// A column without values of its own.
fn leaves(schema: &SchemaDescriptor, columns: &[EventColumn; 3]) -> Result<[usize; 3]> {
    let mut leaves = [0; 3];
    for (column, into) in columns.iter().zip(&mut leaves) {
        let of_root = |i: &usize| schema.get_column_root_idx(*i) == column.root;
        let is_it =
            |i: &usize| !column.is_nested() || schema.column(*i).path().parts() == column.path;
        let leaf = (0..schema.num_columns()).find(|i| of_root(i) && is_it(i));
        *into =
            leaf.with_context(|| format!("column {:?} has no values", column.path.join(".")))?;
    }
    Ok(leaves)
}

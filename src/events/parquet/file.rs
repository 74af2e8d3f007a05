//! Event files in Parquet: their footers, and their three columns wherever they stand.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit as ParquetUnit, Type as PhysicalType};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;

use crate::config::Columns;
use crate::errors::missing_column;
use crate::formats::parquet::footer;
use crate::formats::parquet::pages::Pages;
use crate::formats::parquet::panics::Batches;
use crate::storage::inputs::InputFile;
use crate::storage::{ByteSource, Location, Prefetch, PrefetchRequest};

/// The end of an object that is fetched first. Footers of event files with few columns are shorter; for
/// a longer one a second request is made.
const TAIL: u64 = 64 << 10;

/// An event file whose footer was read and whose columns are of usable types.
#[derive(Clone)]
pub struct EventFile {
    pub input: InputFile,
    metadata: ArrowReaderMetadata,
    user: usize,
    cell: usize,
    timestamp: usize,
}

/// One of the three columns: user id, cell id or time stamp.
#[derive(Clone, Copy)]
struct Role {
    key: &'static str,
    expected: &'static str,
    accepts: fn(&DataType) -> bool,
}

const USER: Role = Role {
    key: "columns.user_id",
    expected: "binary of any length, or text",
    accepts: |t| matches!(t, DataType::FixedSizeBinary(_)) || is_bytes(t) || is_text(t),
};
const CELL: Role = Role {
    key: "columns.cell_id",
    expected: "an integer, or text (a float or decimal loses digits: write it as an integer)",
    accepts: |t| t.is_integer() || is_text(t),
};
const TIMESTAMP: Role = Role {
    key: "columns.timestamp",
    expected: "a timestamp of any unit, or date-time text",
    accepts: |t| matches!(t, DataType::Timestamp(_, _)) || is_text(t),
};

/// How the time stamps of a file are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoredTime {
    /// Twelve bytes, as older programs write them.
    Int96,
    /// Numbers of that unit.
    Int64(TimeUnit),
    Text,
}

/// True for text in any of its forms.
pub fn is_text(t: &DataType) -> bool {
    matches!(plain(t), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_bytes(t: &DataType) -> bool {
    matches!(plain(t), DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

/// The type of the values, for a dictionary too.
fn plain(t: &DataType) -> &DataType {
    match t {
        DataType::Dictionary(_, value) => value,
        other => other,
    }
}

/// Begins to fetch the footers of inputs, to be opened in this order.
///
/// # Errors
/// A URL that names no object.
pub fn footers_ahead(inputs: &[InputFile]) -> Result<Prefetch> {
    let want = |input: &InputFile| PrefetchRequest {
        ranges: std::iter::once(input.bytes.saturating_sub(TAIL)..input.bytes).collect(),
        input: input.clone(),
    };
    Prefetch::start(inputs.iter().map(want).collect())
}

impl EventFile {
    /// Reads the footer from `source` and finds the columns.
    ///
    /// # Errors
    /// A file that is no whole Parquet file, lacks a column or has one of an unusable type.
    pub fn open(input: InputFile, source: ByteSource, columns: &Columns) -> Result<Self> {
        let place = || format!("events file {}", input.location);
        let metadata =
            footer::read(&source).map_err(|e| footer::explain(&e)).with_context(place)?;
        let schema = Arc::clone(metadata.schema());
        let Columns { user_id, cell_id, timestamp, .. } = columns;
        let taken = [user_id, cell_id, timestamp].map(String::as_str);
        let find = |name: &str, role| find(&schema, name, role, &taken).with_context(place);
        let user = find(user_id, USER)?;
        let cell = find(cell_id, CELL)?;
        let timestamp = find(timestamp, TIMESTAMP)?;
        let metadata = with_views(metadata, &[user, cell, timestamp]).with_context(place)?;
        Ok(EventFile { input, metadata, user, cell, timestamp })
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
        [self.user, self.cell, self.timestamp]
            .iter()
            .filter_map(|root| self.leaf(*root))
            .map(|leaf| group.column(leaf).compressed_size().max(0) as u64)
            .sum()
    }

    /// Types of user id, cell id and time stamp as they are read.
    pub fn types(&self) -> [&DataType; 3] {
        [self.user, self.cell, self.timestamp].map(|i| self.metadata.schema().field(i).data_type())
    }

    /// The time column's own unit and zone; `None` for text.
    pub fn timestamp_type(&self) -> &DataType {
        self.types()[2]
    }

    /// Smallest and largest time stamp of a row group in the column's unit, where the footer
    /// states them.
    pub fn timestamp_range(&self, row_group: usize) -> Option<(i64, i64)> {
        let leaf = self.leaf(self.timestamp)?;
        match self.metadata.metadata().row_group(row_group).column(leaf).statistics()? {
            Statistics::Int64(s) => Some((*s.min_opt()?, *s.max_opt()?)),
            _ => None,
        }
    }

    fn leaf(&self, root: usize) -> Option<usize> {
        let descr = self.metadata.parquet_schema();
        (0..descr.num_columns()).find(|i| descr.get_column_root_idx(*i) == root)
    }

    /// Reads user id, cell id and time stamp of a row group, in this order. `source` is that of
    /// [`EventFile::source`], or one of [`EventFile::want`].
    ///
    /// # Errors
    /// A footer that contradicts itself.
    pub fn read(
        &self,
        source: ByteSource,
        row_group: usize,
        batch_rows: usize,
    ) -> Result<ArrayBatches> {
        let order = [self.user, self.cell, self.timestamp];
        let reader = self.reader(source, row_group, batch_rows, &order)?;
        // the projection keeps the file's column order
        let place = |root| order.iter().filter(|other| **other < root).count();
        Ok(ArrayBatches { reader, positions: order.map(place) })
    }

    /// The same page by page, with the unit of the time stamps; `None` where types or encodings ask
    /// for the general way.
    ///
    /// # Errors
    /// A chunk whose place in the file makes no sense.
    pub fn pages(
        &self,
        source: &ByteSource,
        row_group: usize,
    ) -> Result<Option<([Pages; 3], TimeUnit)>> {
        let [_, cell, _] = self.types();
        let plain = is_text(cell) || matches!(cell, DataType::Int32 | DataType::Int64);
        let Some(unit) = self.stored_unit().filter(|_| plain) else { return Ok(None) };
        let open = |root| match self.leaf(root) {
            Some(leaf) => Pages::open(source, self.metadata.metadata(), row_group, leaf)
                .with_context(|| self.place(row_group)),
            None => Ok(None),
        };
        let columns = (open(self.user)?, open(self.cell)?, open(self.timestamp)?);
        Ok(match columns {
            (Some(users), Some(cells), Some(times)) => Some(([users, cells, times], unit)),
            _ => None,
        })
    }

    /// How the time stamps stand in the file.
    pub fn stored_time(&self) -> StoredTime {
        let DataType::Timestamp(unit, _) = self.timestamp_type() else { return StoredTime::Text };
        let leaf = self.leaf(self.timestamp);
        match leaf.map(|leaf| self.metadata.parquet_schema().column(leaf)) {
            Some(column) if column.physical_type() == PhysicalType::INT96 => StoredTime::Int96,
            Some(column) => StoredTime::Int64(unit_in_file(&column).unwrap_or(*unit)),
            None => StoredTime::Int64(*unit),
        }
    }

    /// The unit of the time stamps in the file, where it is that of the column.
    fn stored_unit(&self) -> Option<TimeUnit> {
        let stored =
            unit_in_file(&self.metadata.parquet_schema().column(self.leaf(self.timestamp)?))?;
        // a column of seconds, say, is kept as milliseconds
        let same = matches!(self.timestamp_type(), DataType::Timestamp(unit, _) if *unit == stored);
        same.then_some(stored)
    }

    /// The file, opened to read the three columns of a row group.
    ///
    /// # Errors
    /// A file that cannot be opened any more; a store that does not give the bytes.
    pub fn source(&self, row_group: usize) -> Result<ByteSource> {
        self.source_of(row_group, &[self.user, self.cell, self.timestamp])
    }

    fn source_of(&self, row_group: usize, roots: &[usize]) -> Result<ByteSource> {
        ByteSource::open(&self.input)
            .and_then(|source| source.with_ranges(self.ranges(row_group, roots)?))
            .with_context(|| format!("events file {}", self.input.location))
    }

    /// What will be read of a row group.
    ///
    /// # Errors
    /// A footer whose columns lie nowhere.
    pub fn want(&self, row_group: usize) -> Result<PrefetchRequest> {
        let ranges = self.ranges(row_group, &[self.user, self.cell, self.timestamp])?;
        Ok(PrefetchRequest { input: self.input.clone(), ranges })
    }

    /// Where the columns of a row group lie in the object; a local file is read where it lies.
    fn ranges(&self, row_group: usize, roots: &[usize]) -> Result<Vec<Range<u64>>> {
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
        let leaves = roots.iter().filter_map(|root| self.leaf(*root));
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

    /// Reads the time stamps of a row group alone.
    ///
    /// # Errors
    /// When the file cannot be opened any more; a store that does not give the bytes.
    pub fn read_timestamps(&self, row_group: usize, batch_rows: usize) -> Result<Batches> {
        let roots = [self.timestamp];
        self.reader(self.source_of(row_group, &roots)?, row_group, batch_rows, &roots)
    }

    fn reader(
        &self,
        source: ByteSource,
        row_group: usize,
        batch_rows: usize,
        roots: &[usize],
    ) -> Result<Batches> {
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), roots.iter().copied());
        ParquetRecordBatchReaderBuilder::new_with_metadata(source, self.metadata.clone())
            .with_row_groups(vec![row_group])
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .build()
            .map(Batches::new)
            .with_context(|| self.place(row_group))
    }

    /// Names file and row group, for messages.
    pub fn place(&self, row_group: usize) -> String {
        format!("events file {}, row group {row_group}", self.input.location)
    }
}

/// Batches of (user id, cell id, time stamp).
pub struct ArrayBatches {
    reader: Batches,
    positions: [usize; 3],
}

impl Iterator for ArrayBatches {
    type Item = Result<[ArrayRef; 3], ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.map(|b| self.positions.map(|i| Arc::clone(b.column(i)))))
    }
}

fn find(schema: &Schema, name: &str, role: Role, taken: &[&str]) -> Result<usize> {
    let Some((index, field)) = schema.column_with_name(name) else {
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        bail!(missing_column(name, role.key, &names, taken));
    };
    if !(role.accepts)(field.data_type()) {
        bail!(
            "column {name:?} is {}; expected {}; {} can name another column",
            field.data_type(),
            role.expected,
            role.key
        );
    }
    Ok(index)
}

/// The unit that a column of the file is marked with.
fn unit_in_file(column: &ColumnDescriptor) -> Option<TimeUnit> {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Timestamp(stamp)), _) => Some(match stamp.unit {
            ParquetUnit::MILLIS => TimeUnit::Millisecond,
            ParquetUnit::MICROS => TimeUnit::Microsecond,
            ParquetUnit::NANOS => TimeUnit::Nanosecond,
        }),
        (None, ConvertedType::TIMESTAMP_MILLIS) => Some(TimeUnit::Millisecond),
        (None, ConvertedType::TIMESTAMP_MICROS) => Some(TimeUnit::Microsecond),
        _ => None,
    }
}

/// Asks for views instead of copies of text and bytes: a view points into the decoded page, so
/// ids of 32 bytes a row are never moved.
fn with_views(metadata: ArrowReaderMetadata, roots: &[usize]) -> Result<ArrowReaderMetadata> {
    let fields: Vec<FieldRef> = metadata
        .schema()
        .fields()
        .iter()
        .enumerate()
        .map(|(i, field)| {
            let view = match field.data_type() {
                t if is_text(t) => DataType::Utf8View,
                t if is_bytes(t) => DataType::BinaryView,
                _ => return Arc::clone(field),
            };
            if roots.contains(&i) {
                Arc::new(Field::new(field.name(), view, field.is_nullable()))
            } else {
                Arc::clone(field)
            }
        })
        .collect();
    let schema = Schema::new_with_metadata(fields, metadata.schema().metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    Ok(ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)?)
}

//! Files with results of views.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, SchemaRef, TimestampMicrosecondType};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::datasets::file_list::ListedFile;
use crate::domain::tables::TIMESTAMP;
use crate::formats::parquet::{checksum, footer};
use crate::storage::atomic::AtomicFile;
use crate::warehouse::Rows;

/// Microseconds of a day.
pub const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// Rows in a file: the first one and their number, and the first and last day of a column of theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Range {
    pub start: u64,
    pub rows: u64,
    /// Days since 1970; `None` without such a column or without values in it.
    pub days: Option<(i32, i32)>,
}

/// A file with the rows of several results, one after the other.
pub struct ResultFile {
    target: AtomicFile,
    writer: Option<ArrowWriter<File>>,
    rows: u64,
}

impl ResultFile {
    /// A new file in a folder without leftovers.
    ///
    /// # Errors
    /// A folder that cannot be created.
    pub fn create(path: &Path) -> Result<Self> {
        let target = AtomicFile::in_swept_folder(path)?;
        Ok(ResultFile { target, writer: None, rows: 0 })
    }

    /// Adds rows; `day` is the column whose days are noted.
    ///
    /// # Errors
    /// Rows that cannot be computed; a file that cannot be written.
    pub fn add(&mut self, rows: Rows, day: Option<&str>) -> Result<Range> {
        let failed = || format!("cannot write {}", self.target.path().display());
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(open(self.target.create()?, rows.schema())?),
        };
        let mut range = Range { start: self.rows, ..Range::default() };
        for batch in rows {
            let batch = batch?;
            range.rows += batch.num_rows() as u64;
            let days = day.and_then(|day| days_of(&batch, day));
            range.days = match (range.days, days) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (before, now) => before.or(now),
            };
            writer.write(&batch).with_context(failed)?;
        }
        self.rows += range.rows;
        Ok(range)
    }

    /// Gives the file its name. The caller syncs the folder.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(self, path: &Path) -> Result<ListedFile> {
        if let Some(writer) = self.writer {
            let failed = || format!("cannot write {}", self.target.path().display());
            writer.close().with_context(failed)?;
            checksum::embed(self.target.path())?;
        }
        self.target.rename()?;
        Ok(ListedFile::with_rows(path, self.rows)?.with_time_of(path))
    }
}

/// The first and the last day of a column of dates or times.
fn days_of(batch: &RecordBatch, column: &str) -> Option<(i32, i32)> {
    let values = batch.column_by_name(column)?;
    if *values.data_type() == TIMESTAMP {
        let times = values.as_primitive::<TimestampMicrosecondType>();
        let day = |us: i64| i32::try_from(us.div_euclid(DAY_US)).ok();
        let (first, last) = (arrow::compute::min(times)?, arrow::compute::max(times)?);
        return Some((day(first)?, day(last)?));
    }
    let dates = values.as_primitive_opt::<Date32Type>()?;
    Some((arrow::compute::min(dates)?, arrow::compute::max(dates)?))
}

fn open(file: File, schema: SchemaRef) -> Result<ArrowWriter<File>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![checksum::placeholder()]))
        .build();
    // the embedded Arrow schema restores the exact types
    let options = ArrowWriterOptions::new().with_properties(properties);
    Ok(ArrowWriter::try_new_with_options(file, schema, options)?)
}

/// Columns and number of rows from the footer of a Parquet file, without verifying its checksum.
pub fn describe_unverified(path: &Path) -> Option<(SchemaRef, u64)> {
    let file = File::open(path).ok()?;
    let metadata = footer::read(&file).ok()?;
    let rows = metadata.metadata().file_metadata().num_rows().max(0) as u64;
    Some((Arc::clone(metadata.schema()), rows))
}

/// A range of rows of a file.
///
/// # Errors
/// A file that cannot be read.
pub fn read(path: &Path, range: Range) -> Result<Rows> {
    let context = || format!("{}", path.display());
    let file = File::open(path).with_context(context)?;
    let (start, rows) = (usize::try_from(range.start)?, usize::try_from(range.rows)?);
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.with_offset(start).with_limit(rows).build());
    Ok(Box::new(reader.with_context(context)?))
}

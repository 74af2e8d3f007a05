//! Stored results of views, one Parquet file each: a view is computed once per load and not by every
//! query.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatchReader;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::formats::parquet::{checksum, footer};
use crate::storage::atomic::AtomicFile;
use crate::warehouse::Rows;

/// Writes the rows of all parts into the result file `path`; returns their number. Each part is
/// requested only after the previous one has been written.
///
/// # Errors
/// Rows that cannot be computed; a file that cannot be written.
pub fn store(path: &Path, parts: impl IntoIterator<Item = Result<Rows>>) -> Result<u64> {
    let target = AtomicFile::new(path)?;
    let count = write(&target, parts)?;
    target.commit()?;
    Ok(count)
}

/// Writes the rows of all parts into a file that is not finished yet; returns their number.
///
/// # Errors
/// As [`store`].
pub fn write(target: &AtomicFile, parts: impl IntoIterator<Item = Result<Rows>>) -> Result<u64> {
    let failed = || format!("cannot write {}", target.path().display());
    let mut writer: Option<ArrowWriter<File>> = None;
    let mut count = 0;
    for rows in parts {
        let rows = rows?;
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(open(target.create()?, RecordBatchReader::schema(&rows))?),
        };
        for batch in rows {
            let batch = batch?;
            count += batch.num_rows() as u64;
            writer.write(&batch).with_context(failed)?;
        }
    }
    if let Some(writer) = writer {
        writer.close().with_context(failed)?;
        checksum::embed(target.path())?;
    }
    Ok(count)
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

/// Columns and number of rows of a stored result; `None` if it does not exist or is damaged.
pub fn describe(path: &Path) -> Option<(SchemaRef, u64)> {
    checksum::is_valid(path).ok().filter(|intact| *intact)?;
    describe_unverified(path)
}

/// Columns and number of rows from the footer of a Parquet file, without verifying its checksum.
pub fn describe_unverified(path: &Path) -> Option<(SchemaRef, u64)> {
    let file = File::open(path).ok()?;
    let metadata = footer::read(&file).ok()?;
    let rows = metadata.metadata().file_metadata().num_rows().max(0) as u64;
    Some((Arc::clone(metadata.schema()), rows))
}

/// The rows of a stored result.
///
/// # Errors
/// A file that cannot be read.
pub fn read(path: &Path) -> Result<Rows> {
    let context = || format!("{}", path.display());
    let file = File::open(path).with_context(context)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.build());
    Ok(Box::new(reader.with_context(context)?))
}

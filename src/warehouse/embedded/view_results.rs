//! Stored results of views: what a view costs is paid once per load, not once per look.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatchReader;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::formats::parquet::{checksum, footer};
use crate::storage::atomic::AtomicFile;
use crate::warehouse::Rows;

/// Writes rows, part after part, as the result file `path`; returns their number. A part is only
/// asked for when the one before it is written.
///
/// # Errors
/// Rows that cannot be computed, a file that cannot be written.
pub fn store(path: &Path, parts: impl IntoIterator<Item = Result<Rows>>) -> Result<u64> {
    let target = AtomicFile::new(path)?;
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
            writer.write(&batch).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    if let Some(writer) = writer {
        writer.close().with_context(|| format!("cannot write {}", path.display()))?;
        checksum::seal(target.path())?;
    }
    target.commit()?;
    Ok(count)
}

fn open(file: File, schema: SchemaRef) -> Result<ArrowWriter<File>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![checksum::entry()]))
        .build();
    // with the Arrow schema inside, types come back as they were
    let options = ArrowWriterOptions::new().with_properties(properties);
    Ok(ArrowWriter::try_new_with_options(file, schema, options)?)
}

/// Columns and number of rows of a stored result; `None` where there is none, or one
/// that was damaged after it was written.
pub fn describe(path: &Path) -> Option<(SchemaRef, u64)> {
    checksum::intact(path).ok().filter(|intact| *intact)?;
    stated(path)
}

/// The same as the footer states it, without a look at the rows.
pub fn stated(path: &Path) -> Option<(SchemaRef, u64)> {
    let file = File::open(path).ok()?;
    let metadata = footer::read(&file).ok()?;
    let rows = metadata.metadata().file_metadata().num_rows().max(0) as u64;
    Some((Arc::clone(metadata.schema()), rows))
}

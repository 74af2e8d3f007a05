//! Stored results of views: what a view costs is paid once per load, not once per look.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatchReader;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::io::atomic::AtomicFile;
use crate::warehouse::Rows;

/// Writes rows as the result file `path`; returns their number.
///
/// # Errors
/// Rows that cannot be computed, a file that cannot be written.
pub fn store(path: &Path, rows: Rows) -> Result<u64> {
    let target = AtomicFile::new(path)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    // with the Arrow schema inside, types come back as they were
    let options = ArrowWriterOptions::new().with_properties(properties);
    let schema = RecordBatchReader::schema(&rows);
    let mut writer = ArrowWriter::try_new_with_options(target.create()?, schema, options)?;
    let mut count = 0;
    for batch in rows {
        let batch = batch?;
        count += batch.num_rows() as u64;
        writer.write(&batch).with_context(|| format!("cannot write {}", path.display()))?;
    }
    writer.close().with_context(|| format!("cannot write {}", path.display()))?;
    target.commit()?;
    Ok(count)
}

/// Columns and number of rows of a stored result; `None` where there is none that can be read.
pub fn describe(path: &Path) -> Option<(SchemaRef, u64)> {
    let file = std::fs::File::open(path).ok()?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).ok()?;
    let rows = metadata.metadata().file_metadata().num_rows().max(0) as u64;
    Some((Arc::clone(metadata.schema()), rows))
}

//! A Parquet file that is written part by part, and ends with its checksum.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::properties::WriterProperties;

use super::checksum;

/// A file that is being written. Without a part, there is none.
pub struct SealedFile {
    path: PathBuf,
    writer: Option<ArrowWriter<File>>,
}

impl SealedFile {
    pub fn new(path: PathBuf) -> Self {
        SealedFile { path, writer: None }
    }

    /// Adds rows; the first ones give the schema, and ask for the properties.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(
        &mut self,
        batch: &RecordBatch,
        properties: impl FnOnce() -> Result<WriterProperties>,
    ) -> Result<()> {
        let context = || format!("cannot write {}; is the disk full?", self.path.display());
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = File::create(&self.path).with_context(context)?;
                let options = ArrowWriterOptions::new()
                    .with_properties(properties()?)
                    .with_skip_arrow_metadata(true);
                let writer = ArrowWriter::try_new_with_options(file, batch.schema(), options);
                none.insert(writer.with_context(context)?)
            }
        };
        writer.write(batch).with_context(context)
    }

    /// Adds the checksum and syncs the file; returns its size in bytes, or `None` if there is none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(self) -> Result<Option<u64>> {
        let Some(writer) = self.writer else { return Ok(None) };
        let context = || format!("cannot write {}; is the disk full?", self.path.display());
        let file = writer.into_inner().with_context(context)?;
        checksum::embed(&self.path)?;
        file.sync_all().with_context(context)?;
        Ok(Some(file.metadata().with_context(context)?.len()))
    }
}

//! Writes a file with rows of a table, in bounded memory.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::domain::tables::Table;
use crate::formats::parquet::{checksum, provenance};

/// Rows of a row group.
const ROW_GROUP_ROWS: usize = 1 << 18;
/// Columns of both tables with times, which mostly differ from row to row.
const TIMES: [&str; 4] = ["started", "ended", "departed", "arrived"];

/// A file that is being written. Without rows, there is none.
pub struct RowFile {
    path: PathBuf,
    writer: Option<ArrowWriter<File>>,
}

impl RowFile {
    pub fn new(path: PathBuf) -> Self {
        RowFile { path, writer: None }
    }

    /// Adds rows with the columns of a table but for `date`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, table: Table, columns: Vec<ArrayRef>) -> Result<()> {
        let schema = table.schema();
        let fields = schema.fields().iter().filter(|field| field.name() != "date");
        let fields: Vec<Field> = fields
            .zip(&columns)
            .map(|(field, column)| {
                field.as_ref().clone().with_data_type(column.data_type().clone())
            })
            .collect();
        let batch = RecordBatch::try_new(Schema::new(fields).into(), columns)?;
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
        writer.write(&batch).with_context(context)
    }

    /// Syncs the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(self) -> Result<()> {
        let Some(writer) = self.writer else { return Ok(()) };
        let context = || format!("cannot write {}; is the disk full?", self.path.display());
        let file = writer.into_inner().with_context(context)?;
        checksum::embed(&self.path)?;
        file.sync_all().with_context(context)
    }
}

fn properties() -> Result<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(provenance::entries("", &[])?))
        .set_created_by(concat!("mobility ", env!("CARGO_PKG_VERSION")).to_owned());
    for time in TIMES {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(time), false)
            .set_column_encoding(ColumnPath::from(time), Encoding::DELTA_BINARY_PACKED);
    }
    Ok(properties.build())
}

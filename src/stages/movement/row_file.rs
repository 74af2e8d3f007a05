//! Writes a file with rows of a table, in bounded memory.

use std::path::PathBuf;

use anyhow::Result;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::domain::tables::Table;
use crate::formats::parquet::provenance;
use crate::formats::parquet::sealed_file::SealedFile;

/// Rows of a row group.
const ROW_GROUP_ROWS: usize = 1 << 18;
/// Columns of both tables with times, which mostly differ from row to row.
const TIMES: [&str; 4] = ["started", "ended", "departed", "arrived"];

/// A file that is being written. Without rows, there is none.
pub struct RowFile(SealedFile);

impl RowFile {
    pub fn new(path: PathBuf) -> Self {
        RowFile(SealedFile::new(path))
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
        self.0.write(&batch, properties)
    }

    /// Syncs the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(self) -> Result<()> {
        self.0.finish().map(drop)
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

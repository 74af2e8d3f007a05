//! Rejected rows as Parquet: `quarantine/date=2024-10-01/rows.parquet`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use chrono::NaiveDate;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::findings::RejectedRow;

/// The folder of a date; for rows without one, the default partition of Hive.
pub fn folder_name(date: Option<NaiveDate>) -> String {
    match date {
        Some(date) => format!("date={date}"),
        None => "date=__HIVE_DEFAULT_PARTITION__".to_owned(),
    }
}

/// Rows that are encoded at a time. Pages end after a multiple of 1,024 rows, so that the file does not
/// depend on it.
const PART_ROWS: usize = 1 << 16;

/// Writes the rows of one date, which are in order; `files` has the paths by number.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(
    folder: &Path,
    date: Option<NaiveDate>,
    rows: &[RejectedRow],
    files: &[String],
) -> Result<()> {
    let folder = folder.join(folder_name(date));
    let path = folder.join("rows.parquet");
    let context = || format!("cannot write {}", path.display());
    std::fs::create_dir_all(&folder).with_context(context)?;
    let field = |name: &str, kind| Field::new(name, kind, false);
    let schema = Arc::new(Schema::new(vec![
        field("code", DataType::Utf8),
        field("file", DataType::Utf8),
        field("row", DataType::Int64),
    ]));
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let file = std::fs::File::create(&path).with_context(context)?;
    let mut writer =
        ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).with_context(context)?;
    for part in rows.chunks(PART_ROWS) {
        let codes = StringArray::from_iter_values(part.iter().map(|row| row.code.name()));
        let names = StringArray::from_iter_values(part.iter().map(|row| &files[row.file as usize]));
        let numbers = Int64Array::from_iter_values(part.iter().map(|row| row.row as i64));
        let columns: [ArrayRef; 3] = [Arc::new(codes), Arc::new(names), Arc::new(numbers)];
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns.into())?;
        writer.write(&batch).with_context(context)?;
    }
    writer.into_inner().with_context(context)?.sync_all().with_context(context)
}

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

/// Writes the rows of one date, sorted by file and row; `files` has the paths by number.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(
    folder: &Path,
    date: Option<NaiveDate>,
    mut rows: Vec<RejectedRow>,
    files: &[String],
) -> Result<()> {
    rows.sort_unstable();
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
    let codes = StringArray::from_iter_values(rows.iter().map(|row| row.code.name()));
    let names = StringArray::from_iter_values(rows.iter().map(|row| &files[row.file as usize]));
    let numbers = Int64Array::from_iter_values(rows.iter().map(|row| row.row as i64));
    let columns: [ArrayRef; 3] = [Arc::new(codes), Arc::new(names), Arc::new(numbers)];
    let batch = RecordBatch::try_new(schema, columns.into())?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let file = std::fs::File::create(&path).with_context(context)?;
    let mut writer =
        ArrowWriter::try_new(file, batch.schema(), Some(properties)).with_context(context)?;
    writer.write(&batch).with_context(context)?;
    writer.into_inner().with_context(context)?.sync_all().with_context(context)
}

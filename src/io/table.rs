//! Small tables (cell plans) from Parquet or CSV, column by column.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::usage::missing_column;

/// Reads a whole file; the columns of a CSV file are text.
///
/// # Errors
/// A file that is cut off or damaged.
pub fn read(path: &Path) -> Result<RecordBatch> {
    let csv = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    if csv { read_csv(path) } else { read_parquet(path) }
}

fn read_parquet(path: &Path) -> Result<RecordBatch> {
    let file = File::open(path)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| {
        anyhow!("not a whole Parquet file ({e}); copy it again, or take it out of the folder")
    })?;
    let schema = Arc::clone(builder.schema());
    let batches =
        builder.build()?.collect::<Result<Vec<_>, _>>().context("damaged; copy the file again")?;
    Ok(concat_batches(&schema, &batches)?)
}

fn read_csv(path: &Path) -> Result<RecordBatch> {
    let mut reader = csv::Reader::from_path(path)?;
    let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); names.len()];
    for record in reader.records() {
        let record = record.context("each line needs as many fields as the header")?;
        for (column, value) in columns.iter_mut().zip(&record) {
            column.push((!value.is_empty()).then(|| value.to_owned()));
        }
    }
    let fields: Vec<Field> = names.iter().map(|n| Field::new(n, DataType::Utf8, true)).collect();
    let arrays = columns.into_iter().map(|c| Arc::new(StringArray::from(c)) as ArrayRef).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

/// The column of that name. `key` is the config key that names it, `taken` are the columns with
/// another meaning.
///
/// # Errors
/// No such column: lists what there is.
pub fn column<'a>(
    table: &'a RecordBatch,
    name: &str,
    key: &str,
    taken: &[&str],
) -> Result<&'a ArrayRef> {
    if let Some(column) = table.column_by_name(name) {
        return Ok(column);
    }
    let schema = table.schema_ref();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    bail!(missing_column(name, key, &names, taken))
}

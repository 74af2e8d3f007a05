//! Hourly presence as Parquet files: one folder a date, parts of bounded size.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{
    ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::combine::Combined;
use super::group::Partial;
use crate::io::provenance;
use crate::schema::presence_file_schema;
use crate::time::{LocalHour, MICROS_PER_HOUR};

/// Most rows of a part, apart from the rest of its last user. Fixed, so that the files do not depend
/// on the number of threads.
const PART_ROWS: usize = 1 << 19;

/// Cuts the rows of one date, sorted by user, into parts of about equal size that do not split a
/// user.
pub fn cut(rows: &[Partial]) -> Vec<std::ops::Range<usize>> {
    let size = rows.len().div_ceil(rows.len().div_ceil(PART_ROWS).max(1));
    let mut parts = Vec::new();
    let mut start = 0;
    while start < rows.len() {
        let mut end = (start + size).min(rows.len());
        while end < rows.len() && rows[end].user == rows[end - 1].user {
            end += 1;
        }
        parts.push(start..end);
        start = end;
    }
    parts
}

/// Writes one part: rows sorted by user, hour, cell, all of one date. `base` is the batch's first
/// hour, `inputs` the fingerprint of what the rows come from.
///
/// # Errors
/// When the file cannot be written.
pub fn write(
    path: &Path,
    combined: &Combined,
    rows: &[Partial],
    base: LocalHour,
    inputs: &str,
) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let batch = record_batch(combined, rows, base)?;
    let file = File::create(path).with_context(context)?;
    let options = ArrowWriterOptions::new()
        .with_properties(properties(inputs)?)
        .with_skip_arrow_metadata(true);
    let mut writer =
        ArrowWriter::try_new_with_options(file, batch.schema(), options).with_context(context)?;
    writer.write(&batch).with_context(context)?;
    let file = writer.into_inner().with_context(context)?;
    file.sync_all().with_context(context)
}

fn record_batch(combined: &Combined, rows: &[Partial], base: LocalHour) -> Result<RecordBatch> {
    // users of the part are consecutive runs, cells are looked up through their rank
    let mut names = StringBuilder::new();
    let mut user_keys = Vec::with_capacity(rows.len());
    let mut last = None;
    for row in rows {
        if last != Some(row.user) {
            names.append_value(combined.user(row.user));
            last = Some(row.user);
        }
        user_keys.push(user_keys_len(&names));
    }
    let users = dictionary(user_keys, names.finish())?;
    let cells = dictionary(
        rows.iter().map(|r| r.cell).collect(),
        StringArray::from_iter_values(&combined.cells),
    )?;
    let start = |r: &Partial| base.start_us() + i64::from(r.hour) * MICROS_PER_HOUR;
    let times = |of: &dyn Fn(&Partial) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(of)))
    };
    let columns: Vec<ArrayRef> = vec![
        users,
        cells,
        times(&|r| start(r)),
        times(&|r| start(r) + i64::from(r.first_us)),
        times(&|r| start(r) + i64::from(r.last_us)),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.count as i64))),
    ];
    let fields: Vec<Field> = presence_file_schema()
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone()))
        .collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn user_keys_len(names: &StringBuilder) -> u32 {
    use arrow::array::ArrayBuilder;
    names.len() as u32 - 1
}

fn dictionary(keys: Vec<u32>, values: StringArray) -> Result<ArrayRef> {
    let array = DictionaryArray::<UInt32Type>::try_new(UInt32Array::from(keys), Arc::new(values))?;
    debug_assert_eq!(array.values().data_type(), &DataType::Utf8);
    Ok(Arc::new(array))
}

/// What readers may rely on: rows of a part are in this order.
fn sorted_by(columns: [&str; 3]) -> Vec<SortingColumn> {
    let schema = presence_file_schema();
    let place = |name: &str| schema.index_of(name).map_or(0, |i| i as i32);
    columns
        .map(|c| SortingColumn { column_idx: place(c), descending: false, nulls_first: false })
        .to_vec()
}

fn properties(inputs: &str) -> Result<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(2 * PART_ROWS))
        // a part's ids fit: half a million rows have far fewer users
        .set_dictionary_page_size_limit(16 << 20)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(provenance::entries(inputs, &[])?))
        .set_sorting_columns(Some(sorted_by(["user_id", "hour", "cell_id"])))
        .set_created_by(concat!("mobility ", env!("CARGO_PKG_VERSION")).to_owned());
    for time in ["hour", "first_seen", "last_seen"] {
        // whole seconds repeat and stay in the dictionary; finer times fall back to this
        properties = properties
            .set_column_encoding(ColumnPath::from(time), Encoding::DELTA_BINARY_PACKED)
            .set_column_dictionary_page_size_limit(ColumnPath::from(time), 1 << 20);
    }
    Ok(properties.build())
}

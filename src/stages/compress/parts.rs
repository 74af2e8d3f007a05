//! Hourly presence as Parquet files: one folder a date, parts of bounded size.

use std::fs::File;
use std::ops::Range;
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

use super::combine::{Combined, DayRows};
use super::rows::Row;
use crate::domain::tables::presence_file_schema;
use crate::domain::time::{LocalHour, MICROS_PER_HOUR};
use crate::formats::parquet::{checksum, footer, provenance};

/// Events for which a part is made; the users are shared out among the parts. Fixed, so that the
/// files do not depend on the number of threads.
const EVENTS_A_PART: u64 = 3_000_000;
/// Most rows of a row group.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// Columns by which the rows of a part are sorted.
const ORDER: [&str; 3] = ["user_id", "hour", "cell_id"];

/// How many parts so many events make.
pub fn number(events: u64) -> usize {
    usize::try_from(events / EVENTS_A_PART).unwrap_or(usize::MAX).max(1)
}

/// Shares the users out among parts that make about equal work.
pub fn cut(users: usize, events: u64) -> Vec<Range<usize>> {
    let parts = number(events).min(users.max(1));
    (0..parts).map(|i| users * i / parts..users * (i + 1) / parts).collect()
}

/// Writes one part of one day; returns its bytes. `base` is the batch's first hour, `inputs` the mark
/// of what the rows come from.
///
/// # Errors
/// When the file cannot be written.
pub fn write(
    path: &Path,
    combined: &Combined,
    day: &DayRows,
    base: LocalHour,
    inputs: &str,
) -> Result<u64> {
    let context = || format!("cannot write {}", path.display());
    let batch = record_batch(combined, day, base)?;
    let file = File::create(path).with_context(context)?;
    let options = ArrowWriterOptions::new()
        .with_properties(properties(inputs)?)
        .with_skip_arrow_metadata(true);
    let mut writer =
        ArrowWriter::try_new_with_options(file, batch.schema(), options).with_context(context)?;
    writer.write(&batch).with_context(context)?;
    let file = writer.into_inner().with_context(context)?;
    checksum::seal(path)?;
    file.sync_all().with_context(context)?;
    Ok(file.metadata().with_context(context)?.len())
}

/// Makes a part of a file of ours that another program wrote, in the order of the columns that readers
/// rely on: it gets the footer that [`write`] gives, and its place. Returns its rows and bytes.
///
/// # Errors
/// A file that is no whole Parquet file, or cannot be written.
pub fn adopt(from: &Path, path: &Path, inputs: &str) -> Result<(u64, u64)> {
    let entries = provenance::entries(inputs, &[])?;
    let rows = footer::replace(from, entries, &sorted_by(ORDER))?;
    checksum::seal(from)?;
    let context = || format!("cannot put {} in its place", path.display());
    let file = File::open(from).with_context(context)?;
    file.sync_all().with_context(context)?;
    std::fs::rename(from, path).with_context(context)?;
    Ok((rows, file.metadata().with_context(context)?.len()))
}

fn record_batch(combined: &Combined, day: &DayRows, base: LocalHour) -> Result<RecordBatch> {
    let rows = &day.rows;
    let mut names = StringBuilder::new();
    let mut user_keys = Vec::with_capacity(rows.len());
    for (key, (user, end)) in (0..).zip(&day.users) {
        names.append_value(combined.user(*user));
        user_keys.resize(*end, key);
    }
    let users = dictionary(user_keys, names.finish())?;
    let cells = dictionary(
        rows.iter().map(|row| row.cell).collect(),
        StringArray::from_iter_values(&combined.cells),
    )?;
    let start = |r: &Row| base.start_us() + i64::from(r.hour / 2) * MICROS_PER_HOUR;
    // an hour that the clocks show for the second time begins a microsecond later, so that the two
    // stay apart and in order
    let label = |r: &Row| start(r) + i64::from(r.hour % 2);
    let times = |of: &dyn Fn(&Row) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(of)))
    };
    let columns: Vec<ArrayRef> = vec![
        users,
        cells,
        times(&label),
        times(&|r| start(r) + i64::from(r.first_us)),
        times(&|r| start(r) + i64::from(r.last_us)),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.count as i64))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.two_places as i64))),
    ];
    let fields: Vec<Field> = presence_file_schema()
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone()))
        .collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
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
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        // a part's ids fit: a million rows have far fewer users
        .set_dictionary_page_size_limit(16 << 20)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(provenance::entries(inputs, &[])?))
        .set_sorting_columns(Some(sorted_by(ORDER)))
        .set_created_by(concat!("mobility ", env!("CARGO_PKG_VERSION")).to_owned());
    for time in ["hour", "first_seen", "last_seen"] {
        // whole seconds repeat and stay in the dictionary; finer times fall back to this
        properties = properties
            .set_column_encoding(ColumnPath::from(time), Encoding::DELTA_BINARY_PACKED)
            .set_column_dictionary_page_size_limit(ColumnPath::from(time), 1 << 20);
    }
    Ok(properties.build())
}

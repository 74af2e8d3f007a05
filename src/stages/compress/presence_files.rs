//! Hourly presence as Parquet files of bounded size, in one folder for each date.

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

use super::combined::Combined;
use super::date_rows::DateRows;
use super::presence_rows::PresenceRow;
use crate::domain::tables::presence_file_schema;
use crate::domain::time::LocalDate;
use crate::formats::parquet::{checksum, footer, provenance};
use crate::storage::permissions;

/// Events per file of a date; the users are distributed among the files. Fixed, so that the files do not
/// depend on the number of threads.
const EVENTS_PER_FILE: u64 = 3_000_000;
/// Maximum rows of a row group.
const MAX_ROW_GROUP_ROWS: usize = 1 << 20;
/// Columns by which the rows of a file are sorted.
const SORT_COLUMNS: [&str; 3] = ["user_id", "hour", "cell_id"];

/// The number of files for a number of events.
pub fn files_for(events: u64) -> usize {
    usize::try_from(events / EVENTS_PER_FILE).unwrap_or(usize::MAX).max(1)
}

/// Distributes the users evenly among the files.
pub fn user_ranges(users: usize, events: u64) -> Vec<Range<usize>> {
    let files = files_for(events).min(users.max(1));
    (0..files).map(|i| users * i / files..users * (i + 1) / files).collect()
}

/// Writes one file of one date; returns its size in bytes. `first` is the first date of the batch,
/// `fingerprint` that of the inputs and settings.
///
/// # Errors
/// When the file cannot be written.
pub fn write(
    path: &Path,
    combined: &Combined,
    date: &DateRows,
    first: LocalDate,
    fingerprint: &str,
) -> Result<u64> {
    let context = || format!("cannot write {}", path.display());
    let batch = record_batch(combined, date, first)?;
    let file = File::create(path).with_context(context)?;
    let options = ArrowWriterOptions::new()
        .with_properties(properties(fingerprint)?)
        .with_skip_arrow_metadata(true);
    let mut writer =
        ArrowWriter::try_new_with_options(file, batch.schema(), options).with_context(context)?;
    writer.write(&batch).with_context(context)?;
    let file = writer.into_inner().with_context(context)?;
    checksum::embed(path)?;
    file.sync_all().with_context(context)?;
    Ok(file.metadata().with_context(context)?.len())
}

/// Moves a file that another program wrote, with rows in the expected order, to `path`, and gives it the
/// same footer as [`write`]. Returns its rows and bytes.
///
/// # Errors
/// A file that is not a complete Parquet file, or cannot be written.
pub fn adopt(from: &Path, path: &Path, fingerprint: &str) -> Result<(u64, u64)> {
    let entries = provenance::entries(fingerprint, &[])?;
    let rows = footer::rewrite(from, entries, &sorted_by(SORT_COLUMNS))?;
    checksum::embed(from)?;
    let context = || format!("cannot move a file to {}", path.display());
    let file = File::open(from).with_context(context)?;
    file.sync_all().with_context(context)?;
    // a worker of a cluster writes with its own umask
    permissions::tighten(from);
    std::fs::rename(from, path).with_context(context)?;
    Ok((rows, file.metadata().with_context(context)?.len()))
}

fn record_batch(combined: &Combined, date: &DateRows, first: LocalDate) -> Result<RecordBatch> {
    let rows = &date.rows;
    let mut names = StringBuilder::new();
    let mut user_keys = Vec::with_capacity(rows.len());
    for (key, (user, end)) in (0..).zip(&date.users) {
        names.append_value(combined.user(*user));
        user_keys.resize(*end, key);
    }
    let users = dictionary(user_keys, names.finish())?;
    let cells = dictionary(
        rows.iter().map(|row| row.cell).collect(),
        StringArray::from_iter_values(&combined.cells),
    )?;
    let times = |of: &dyn Fn(&PresenceRow) -> i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(of)))
    };
    let columns: Vec<ArrayRef> = vec![
        users,
        cells,
        times(&|r| r.hour.since(first).label_us()),
        times(&|r| r.hour.since(first).hour.start_us() + i64::from(r.first_us)),
        times(&|r| r.hour.since(first).hour.start_us() + i64::from(r.last_us)),
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

/// The order of rows, as the footer states it.
fn sorted_by(columns: [&str; 3]) -> Vec<SortingColumn> {
    let schema = presence_file_schema();
    let place = |name: &str| schema.index_of(name).map_or(0, |i| i as i32);
    columns
        .map(|c| SortingColumn { column_idx: place(c), descending: false, nulls_first: false })
        .to_vec()
}

fn properties(fingerprint: &str) -> Result<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(MAX_ROW_GROUP_ROWS))
        // the ids of a file fit: a million rows have far fewer users
        .set_dictionary_page_size_limit(16 << 20)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(provenance::entries(fingerprint, &[])?))
        .set_sorting_columns(Some(sorted_by(SORT_COLUMNS)))
        .set_created_by(concat!("mobility ", env!("CARGO_PKG_VERSION")).to_owned());
    for time in ["hour", "first_seen", "last_seen"] {
        // whole seconds repeat and stay in the dictionary; finer times use this fallback
        properties = properties
            .set_column_encoding(ColumnPath::from(time), Encoding::DELTA_BINARY_PACKED)
            .set_column_dictionary_page_size_limit(ColumnPath::from(time), 1 << 20);
    }
    Ok(properties.build())
}

//! Writes the rows of one event file, as Parquet or CSV.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::NaiveDate;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::layout::CsvLayout;
use super::tables::days_since_1970;
use crate::domain::ids::hex;
use crate::domain::tables::TIMESTAMP;

/// Rows per row group.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// Maximum number of users for which a dictionary of user ids fits its page.
const MAX_DICTIONARY_USERS: usize = 25_000;
/// Bytes of a user id.
const USER_ID_BYTES: usize = 32;

/// Rows of one day; each list but `users` has one entry per row.
#[derive(Default)]
pub struct Rows {
    /// The user ids, 32 bytes each.
    pub users: Vec<u8>,
    pub cells: Vec<i64>,
    /// Seconds since midnight.
    pub seconds: Vec<u32>,
}

/// An open event file of one day.
pub enum EventWriter {
    Parquet { writer: Box<ArrowWriter<File>>, midnight_us: i64 },
    Csv { out: BufWriter<File>, layout: Box<CsvLayout>, date: String },
}

impl EventWriter {
    /// # Errors
    /// If writing fails.
    pub fn parquet(file: File, day: NaiveDate, users: usize) -> Result<EventWriter> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_column_dictionary_enabled(
                ColumnPath::from("user_id"),
                users <= MAX_DICTIONARY_USERS,
            )
            .build();
        let writer = Box::new(ArrowWriter::try_new(file, schema(), Some(properties))?);
        let midnight_us = i64::from(days_since_1970(day)) * 86_400_000_000;
        Ok(EventWriter::Parquet { writer, midnight_us })
    }

    /// # Errors
    /// If the header cannot be written.
    pub fn csv(file: File, layout: CsvLayout, day: NaiveDate) -> Result<EventWriter> {
        let mut out = BufWriter::new(file);
        out.write_all(layout.row(&layout.event_header).as_bytes())?;
        let date = day.format(layout.date_format).to_string();
        Ok(EventWriter::Csv { out, layout: Box::new(layout), date })
    }

    /// # Errors
    /// If writing fails.
    pub fn write(&mut self, rows: Rows) -> Result<()> {
        match self {
            EventWriter::Parquet { writer, midnight_us } => {
                Ok(writer.write(&batch(rows, *midnight_us)?)?)
            }
            EventWriter::Csv { out, layout, date } => {
                let users = rows.users.chunks_exact(USER_ID_BYTES);
                for ((user, cell), &second) in users.zip(&rows.cells).zip(&rows.seconds) {
                    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
                    let mut time = format!("{date} {hour:02}:{minute:02}");
                    if layout.has_seconds {
                        time.push_str(&format!(":{second:02}"));
                    }
                    let row = layout.row(&[&hex(user), &time, &cell.to_string()]);
                    out.write_all(row.as_bytes())?;
                }
                Ok(())
            }
        }
    }

    /// Completes the file and syncs it.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(self) -> Result<()> {
        match self {
            EventWriter::Parquet { writer, .. } => writer.into_inner()?.sync_all()?,
            EventWriter::Csv { out, .. } => out.into_inner()?.sync_all()?,
        }
        Ok(())
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("user_id", DataType::Binary, true),
        Field::new("cell_id", DataType::Int64, true),
        Field::new("timestamp", TIMESTAMP, true),
    ]))
}

fn batch(rows: Rows, midnight_us: i64) -> Result<RecordBatch> {
    let count = rows.cells.len() as i32;
    let ends = (0..=count).map(|i| i * USER_ID_BYTES as i32).collect::<ScalarBuffer<i32>>();
    let users = BinaryArray::try_new(OffsetBuffer::new(ends), Buffer::from_vec(rows.users), None)?;
    let times = rows.seconds.iter().map(|s| midnight_us + i64::from(*s) * 1_000_000);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(users),
        Arc::new(Int64Array::from(rows.cells)),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times)),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

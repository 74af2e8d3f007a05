//! Writes a file of hourly presence, in bounded memory.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{
    ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{Field, Schema, UInt32Type};

use super::presence_files::{MAX_ROW_GROUP_ROWS, properties};
use super::presence_rows::PresenceRow;
use super::visits_file;
use crate::domain::tables::presence_file_schema;
use crate::domain::time::LocalDate;
use crate::formats::parquet::sealed_file::SealedFile;

/// Rows that are collected before they are encoded. Pages end after a multiple of 1,024 rows, and so does
/// every part, so that the file does not depend on it.
const PART_ROWS: usize = 48 << 10;
/// Bytes of a collected row, and of the arrays of all columns.
const PART_ROW: u64 = 64 + 80;
/// Bytes of an encoded row, at most, until its row group is complete.
const ENCODED_ROW: u64 = 48;

/// Bytes that a file with its visits, or several at once, takes while it is written, if that many rows are in
/// row groups that are not complete; see [`rows_in_memory`].
pub fn writer_bytes(rows: u64) -> u64 {
    PART_ROWS as u64 * PART_ROW + rows * ENCODED_ROW + visits_file::writer_bytes(rows)
}

/// The rows for which [`writer_bytes`] gives at most this number of bytes.
pub fn rows_within(bytes: u64) -> u64 {
    let visits = visits_file::writer_bytes(u64::MAX);
    bytes.saturating_sub(writer_bytes(0) + visits) / ENCODED_ROW
}

/// Of the rows of a file, those that are in memory at once.
pub fn rows_in_memory(rows: u64) -> u64 {
    rows.min(MAX_ROW_GROUP_ROWS as u64)
}

/// A file that is being written.
pub struct PresenceFile {
    file: SealedFile,
    fingerprint: String,
    /// Canonical cell ids by number.
    cells: Arc<StringArray>,
    /// First date of the batch, from which the hours of rows count.
    first: LocalDate,
    rows: Vec<PresenceRow>,
    /// For each row, the place of its user in `names`.
    users: Vec<u32>,
    names: StringBuilder,
    name_count: u32,
}

impl PresenceFile {
    /// `fingerprint` is that of inputs and settings.
    pub fn new(
        path: PathBuf,
        fingerprint: &str,
        cells: Arc<StringArray>,
        first: LocalDate,
    ) -> Self {
        PresenceFile {
            file: SealedFile::new(path),
            fingerprint: fingerprint.to_owned(),
            cells,
            first,
            rows: Vec::new(),
            users: Vec::new(),
            names: StringBuilder::new(),
            name_count: 0,
        }
    }

    /// Adds the rows of one user, in order; users come in the order of their ids.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, user: &str, mut rows: &[PresenceRow]) -> Result<()> {
        while !rows.is_empty() {
            self.names.append_value(user);
            let (now, later) = rows.split_at(rows.len().min(PART_ROWS - self.rows.len()));
            self.rows.extend_from_slice(now);
            self.users.resize(self.rows.len(), self.name_count);
            self.name_count += 1;
            if self.rows.len() == PART_ROWS {
                self.write_part()?;
            }
            rows = later;
        }
        Ok(())
    }

    /// Writes the rest and syncs the file; returns its size in bytes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<u64> {
        self.write_part()?;
        self.file.finish()?.context("a file of hourly presence has at least one part")
    }

    fn write_part(&mut self) -> Result<()> {
        let batch = self.take_part()?;
        self.file.write(&batch, || properties(&self.fingerprint))
    }

    /// The collected rows as a batch of the columns of the file.
    fn take_part(&mut self) -> Result<RecordBatch> {
        let (rows, first) = (&self.rows, self.first);
        let users = std::mem::take(&mut self.users);
        self.name_count = 0;
        let users = dictionary(users, Arc::new(self.names.finish()))?;
        let cells = rows.iter().map(|row| row.cell).collect();
        let cells = dictionary(cells, Arc::<StringArray>::clone(&self.cells))?;
        let times = |of: &dyn Fn(&PresenceRow) -> i64| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(of)))
        };
        let placed = |of: fn((u32, u32)) -> u32| -> ArrayRef {
            let time = |r: &PresenceRow| {
                let hour = r.hour.since(first).hour.start_us();
                r.placed_us.map(|times| hour + i64::from(of(times)))
            };
            Arc::new(TimestampMicrosecondArray::from_iter(rows.iter().map(time)))
        };
        let columns: Vec<ArrayRef> = vec![
            users,
            cells,
            times(&|r| r.hour.since(first).label_us()),
            times(&|r| r.hour.since(first).hour.start_us() + i64::from(r.first_us)),
            times(&|r| r.hour.since(first).hour.start_us() + i64::from(r.last_us)),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.count as i64))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.two_places as i64))),
            placed(|(first_us, _)| first_us),
            placed(|(_, last_us)| last_us),
        ];
        let fields: Vec<Field> = presence_file_schema()
            .fields()
            .iter()
            .zip(&columns)
            .map(|(field, column)| {
                field.as_ref().clone().with_data_type(column.data_type().clone())
            })
            .collect();
        self.rows.clear();
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }
}

fn dictionary(keys: Vec<u32>, values: ArrayRef) -> Result<ArrayRef> {
    Ok(Arc::new(DictionaryArray::<UInt32Type>::try_new(UInt32Array::from(keys), values)?))
}

//! Writes a file of visits, in bounded memory.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, Int64Array, StringBuilder};
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::datasets::visits;
use crate::formats::parquet::provenance;
use crate::formats::parquet::sealed_file::SealedFile;
use crate::movement::Visit;

/// Rows that are collected before they are encoded.
const PART_ROWS: usize = 8 << 10;
/// Rows of a row group. They are few, so that a reader of some users passes over the others, and so that it
/// takes little memory to write them.
const ROW_GROUP_ROWS: u64 = 8 * PART_ROWS as u64;
/// Bytes of a row until its row group is complete, and of a collected one with the arrays of its columns.
const ENCODED_ROW: u64 = 24;
const PART_ROW: u64 = 88;

/// Bytes that a file takes while it is written, if that many rows are to be written.
pub fn writer_bytes(rows: u64) -> u64 {
    rows.min(ROW_GROUP_ROWS) * ENCODED_ROW + rows.min(PART_ROWS as u64) * PART_ROW
}

/// A file that is being written. Without rows, there is none.
pub struct VisitsFile {
    file: SealedFile,
    fingerprint: String,
    visits: Vec<Visit>,
    users: StringBuilder,
}

impl VisitsFile {
    /// `fingerprint` is that of inputs and settings.
    pub fn new(path: PathBuf, fingerprint: &str) -> Self {
        VisitsFile {
            file: SealedFile::new(path),
            fingerprint: fingerprint.to_owned(),
            visits: Vec::new(),
            users: StringBuilder::new(),
        }
    }

    /// Adds the visits of one user, in order; users come in the order of their ids.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, user: &str, mut visits: &[Visit]) -> Result<()> {
        while !visits.is_empty() {
            let (now, later) = visits.split_at(visits.len().min(PART_ROWS - self.visits.len()));
            self.users.append_value(user);
            (1..now.len()).for_each(|_| self.users.append_null());
            self.visits.extend_from_slice(now);
            if self.visits.len() == PART_ROWS {
                self.write_part()?;
            }
            visits = later;
        }
        Ok(())
    }

    /// Writes the rest and syncs the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        if !self.visits.is_empty() {
            self.write_part()?;
        }
        self.file.finish().map(drop)
    }

    fn write_part(&mut self) -> Result<()> {
        let numbers = |of: fn(&Visit) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(self.visits.iter().map(of)))
        };
        let columns = [
            numbers(|visit| visit.site.number()),
            numbers(|visit| visit.first_us),
            numbers(|visit| visit.last_us),
            numbers(|visit| visit.events.into()),
        ];
        let batch = visits::batch(Arc::new(self.users.finish()), columns)?;
        self.visits.clear();
        self.file.write(&batch, || properties(&self.fingerprint))
    }
}

fn properties(fingerprint: &str) -> Result<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS as usize))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(ColumnPath::from("user_id"), EnabledStatistics::Chunk)
        .set_column_dictionary_enabled(ColumnPath::from("user_id"), false)
        .set_key_value_metadata(Some(provenance::entries(fingerprint, &[])?))
        .set_created_by(concat!("mobility ", env!("CARGO_PKG_VERSION")).to_owned());
    for time in ["first_us", "last_us"] {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(time), false)
            .set_column_encoding(ColumnPath::from(time), Encoding::DELTA_BINARY_PACKED);
    }
    Ok(properties.build())
}

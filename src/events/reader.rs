//! One interface to the events of a part of a file, independent of its format.

use anyhow::{Context, Result};

use super::batch::{EventBatch, IdEncoder};
use super::csv::RecordColumns;
use super::file::EventFile;
use super::parquet::{ArrayBatches, ArrayColumns, PageColumns};
use crate::domain::time::columns::Times;
use crate::storage::ByteSource;

/// Reads the events of one row group of Parquet or one block of CSV.
pub struct EventReader<'f> {
    file: &'f EventFile,
    part: usize,
    times: Times,
    batch_rows: usize,
    format: Format<'f>,
}

#[expect(clippy::large_enum_variant, reason = "there is one for each thread")]
enum Format<'f> {
    /// Parquet pages, which are decoded without arrays if types and encodings allow it.
    Pages {
        columns: Box<PageColumns>,
        rows_left: usize,
    },
    /// Parquet of any other type or encoding.
    Arrays {
        batches: ArrayBatches<3>,
        columns: ArrayColumns,
    },
    Csv(Box<RecordColumns<'f>>),
}

impl<'f> EventReader<'f> {
    /// Opens a part, to be read in batches of `batch_rows`. `source` is the one that was opened or
    /// prefetched for the part, and `times` converts the file's time stamps.
    ///
    /// # Errors
    /// A file that cannot be opened; a column chunk with an invalid position in the file.
    pub fn open(
        file: &'f EventFile,
        source: ByteSource,
        part: usize,
        times: Times,
        batch_rows: usize,
    ) -> Result<Self> {
        let format = match file {
            EventFile::Csv(csv) => Format::Csv(Box::new(RecordColumns::open(csv, part)?)),
            EventFile::Parquet(parquet) => match PageColumns::open(parquet, &source, part)? {
                Some(columns) => Format::Pages {
                    columns: Box::new(columns),
                    rows_left: usize::try_from(parquet.rows(part))?,
                },
                None => Format::Arrays {
                    batches: parquet.read_arrays(source, part, batch_rows)?,
                    columns: ArrayColumns::default(),
                },
            },
        };
        Ok(EventReader { file, part, times, batch_rows, format })
    }

    /// Tells that the numbers that users got so far are no longer valid.
    pub fn forget_users(&mut self) {
        if let Format::Pages { columns, .. } = &mut self.format {
            columns.forget_users();
        }
    }

    /// Replaces the rows of `batch` by the next ones. After the last it returns false and no rows.
    ///
    /// # Errors
    /// A file that is damaged, cannot be read, or does not have the rows that it promises.
    pub fn next_batch(&mut self, ids: &mut impl IdEncoder, batch: &mut EventBatch) -> Result<bool> {
        let EventReader { file, part, times, batch_rows, format } = self;
        let place = || file.place(*part);
        let damaged =
            || format!("{}: damaged; copy the file again, or take it out of the folder", place());
        batch.clear();
        match format {
            Format::Pages { columns, rows_left: 0 } => {
                columns.finish().with_context(damaged)?;
                Ok(false)
            }
            Format::Pages { columns, rows_left } => {
                let rows = (*rows_left).min(*batch_rows);
                columns.read(rows, ids, times, batch).with_context(damaged)?;
                *rows_left -= rows;
                Ok(true)
            }
            Format::Arrays { batches, columns } => {
                let Some(arrays) = batches.next() else { return Ok(false) };
                let arrays = arrays.with_context(damaged)?;
                columns.convert(&arrays, file.nulls(), ids, times, batch).with_context(place)?;
                Ok(true)
            }
            Format::Csv(columns) => {
                columns.read(*batch_rows, ids, times, batch).with_context(place)?;
                Ok(!batch.is_empty())
            }
        }
    }
}

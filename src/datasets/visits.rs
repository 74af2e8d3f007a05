//! The folder of visits: `date=2024-10-01/*.parquet`. The rows of a file are in the order of users and of time.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::file::statistics::Statistics;

use crate::domain::site::Site;
use crate::movement::Visit;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 1 << 13;

/// Columns of a file. `user_id` is null where it is the same as in the row before; `site` is
/// [`Site::number`], and the times are µs that have passed since the beginning of the date.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("user_id", DataType::Utf8, true),
        Field::new("site", DataType::Int64, false),
        Field::new("first_us", DataType::Int64, false),
        Field::new("last_us", DataType::Int64, false),
        Field::new("events", DataType::Int64, false),
    ]))
}

/// The visits of one user on a date.
#[derive(Debug, Default, Clone)]
pub struct UserVisits {
    pub user: String,
    pub visits: Vec<Visit>,
}

/// Reads the visits of a file, user by user.
pub struct VisitsReader {
    reader: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    row: usize,
}

impl VisitsReader {
    /// Opens a file and passes over the users before `from`, as far as whole row groups hold only these.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn open(path: &Path, from: Option<&str>) -> Result<Self> {
        let context = || format!("{}; run `mobility compress --force`", path.display());
        let file = File::open(path).with_context(context)?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new());
        let metadata = metadata.with_context(context)?;
        if metadata.schema().fields().len() != schema().fields().len() {
            bail!(
                "{} has other columns than visits; run `mobility compress --force`",
                path.display()
            );
        }
        let groups = metadata.metadata().row_groups();
        let ends_before = |number: usize| match groups[number].column(0).statistics() {
            Some(Statistics::ByteArray(users)) => {
                from.zip(users.max_bytes_opt()).is_some_and(|(from, last)| last < from.as_bytes())
            }
            _ => false,
        };
        let kept = (0..groups.len()).skip_while(|number| ends_before(*number)).collect();
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_row_groups(kept)
            .with_batch_size(BATCH_ROWS)
            .build();
        Ok(VisitsReader { reader: reader.with_context(context)?, batch: None, row: 0 })
    }

    /// Replaces `user` by the next user and its visits; false at the end.
    ///
    /// # Errors
    /// A file that is damaged.
    pub fn next_user(&mut self, user: &mut UserVisits) -> Result<bool> {
        user.user.clear();
        user.visits.clear();
        loop {
            let Some(batch) = self.current()? else { return Ok(!user.visits.is_empty()) };
            let names = batch.column(0).as_string::<i32>().clone();
            let numbers = |column: usize| batch.column(column).as_primitive::<Int64Type>().clone();
            let [sites, first, last, events] = [1, 2, 3, 4].map(numbers);
            let mut row = self.row;
            while row < names.len() {
                if names.is_valid(row) && names.value(row) != user.user {
                    if !user.visits.is_empty() {
                        self.row = row;
                        return Ok(true);
                    }
                    user.user.push_str(names.value(row));
                }
                user.visits.push(Visit {
                    site: Site::from_number(sites.value(row)),
                    first_us: first.value(row),
                    last_us: last.value(row),
                    events: u32::try_from(events.value(row)).unwrap_or(u32::MAX),
                    longest_gap_us: 0,
                });
                row += 1;
            }
            self.batch = None;
        }
    }

    /// The batch with the next row.
    fn current(&mut self) -> Result<Option<RecordBatch>> {
        if self.batch.is_none() {
            self.batch = self.reader.next().transpose()?;
            self.row = 0;
        }
        Ok(self.batch.clone())
    }
}

/// The columns of some rows.
///
/// # Errors
/// None in practice: all columns have the same length.
pub fn batch(users: ArrayRef, numbers: [ArrayRef; 4]) -> Result<RecordBatch> {
    let columns = std::iter::once(users).chain(numbers).collect();
    Ok(RecordBatch::try_new(schema(), columns)?)
}

//! Merges sorted files whose rows are added up or taken away: one row for each different value of the key
//! columns, with the sum of one column. Rows with the sum 0 are left out.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::{SortOptions, interleave};
use arrow::datatypes::{Int64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatchReader;
use arrow::row::{RowConverter, Rows, SortField};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::views::OrderBy;

/// Rows of a batch, those that are read and those that are returned.
const BATCH_ROWS: usize = 8_192;

/// A range of rows of a file, sorted by the key columns.
#[derive(Debug, Clone)]
pub struct Input {
    pub path: PathBuf,
    pub start: u64,
    pub rows: u64,
    /// Taken away and not added.
    pub negative: bool,
}

/// The merged rows, in the order of the key columns.
pub struct SignedMerge {
    schema: SchemaRef,
    /// The columns of the key, and that of the sum.
    keys: Vec<usize>,
    sum: usize,
    converter: RowConverter,
    cursors: Vec<Cursor>,
    next: BinaryHeap<Head>,
    /// The batches that rows which were not returned yet refer to.
    batches: Vec<RecordBatch>,
}

/// Where an input is read.
struct Cursor {
    reader: ParquetRecordBatchReader,
    negative: bool,
    /// Number of the current batch.
    batch: usize,
}

/// The next row of an input.
struct Head {
    rows: Arc<Rows>,
    row: usize,
    cursor: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        // the heap has its largest item first
        other.rows.row(other.row).cmp(&self.rows.row(self.row))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

/// The columns by which rows are sorted: those of the order, and then all others but the sum.
pub fn key_order(schema: &Schema, order: &[OrderBy], sum: &str) -> Vec<OrderBy> {
    let mut by: Vec<OrderBy> = order.iter().filter(|o| o.column != sum).cloned().collect();
    for field in schema.fields() {
        if field.name() != sum && by.iter().all(|o| o.column != *field.name()) {
            by.push(OrderBy { column: field.name().clone(), descending: false });
        }
    }
    by
}

impl SignedMerge {
    /// Merges inputs that are sorted by `order`, which names all columns but `sum`.
    ///
    /// # Errors
    /// Files that cannot be read or have other columns.
    pub fn new(inputs: &[Input], order: &[OrderBy], sum: &str) -> Result<Self> {
        let mut readers = Vec::new();
        for input in inputs {
            readers.push((open(input).with_context(|| input.path.display().to_string())?, input));
        }
        let schema =
            readers.first().map(|(reader, _)| reader.schema()).context("nothing to merge")?;
        let keys =
            order.iter().map(|o| schema.index_of(&o.column)).collect::<Result<Vec<_>, _>>()?;
        let sum = schema.index_of(sum)?;
        let field = |(key, order): (&usize, &OrderBy)| {
            let (descending, nulls_first) = (order.descending, order.descending);
            let options = SortOptions { descending, nulls_first };
            SortField::new_with_options(schema.field(*key).data_type().clone(), options)
        };
        let converter = RowConverter::new(keys.iter().zip(order).map(field).collect())?;
        let cursor = |(reader, input): (ParquetRecordBatchReader, &Input)| Cursor {
            reader,
            negative: input.negative,
            batch: 0,
        };
        let cursors: Vec<Cursor> = readers.into_iter().map(cursor).collect();
        let (next, batches) = (BinaryHeap::new(), Vec::new());
        let mut merge = SignedMerge { schema, keys, sum, converter, cursors, next, batches };
        for cursor in 0..merge.cursors.len() {
            merge.advance(cursor, None)?;
        }
        Ok(merge)
    }

    /// Makes the row after `head` the next one of its input.
    fn advance(&mut self, cursor: usize, head: Option<Head>) -> Result<(), ArrowError> {
        if let Some(Head { rows, row, .. }) = head
            && row + 1 < rows.num_rows()
        {
            self.next.push(Head { rows, row: row + 1, cursor });
            return Ok(());
        }
        for batch in self.cursors[cursor].reader.by_ref() {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            let keys: Vec<ArrayRef> =
                self.keys.iter().map(|key| Arc::clone(batch.column(*key))).collect();
            let rows = Arc::new(self.converter.convert_columns(&keys)?);
            self.cursors[cursor].batch = self.batches.len();
            self.batches.push(batch);
            self.next.push(Head { rows, row: 0, cursor });
            break;
        }
        Ok(())
    }

    /// The number in a row, with its sign.
    fn number(&self, head: &Head) -> Option<i64> {
        let cursor = &self.cursors[head.cursor];
        let numbers =
            self.batches[cursor.batch].column(self.sum).as_primitive_opt::<Int64Type>()?;
        let number = if numbers.is_null(head.row) { 0 } else { numbers.value(head.row) };
        if cursor.negative { number.checked_neg() } else { Some(number) }
    }

    /// The next batch; without rows at the end.
    fn batch(&mut self) -> Result<RecordBatch, ArrowError> {
        let beyond = || ArrowError::ComputeError("a sum is beyond 64 bits".to_owned());
        let mut chosen: Vec<(usize, usize)> = Vec::with_capacity(BATCH_ROWS);
        let mut sums: Vec<i64> = Vec::with_capacity(BATCH_ROWS);
        while chosen.len() < BATCH_ROWS {
            let Some(head) = self.next.pop() else { break };
            let place = (self.cursors[head.cursor].batch, head.row);
            let mut sum = self.number(&head).ok_or_else(beyond)?;
            let (rows, row, cursor) = (Arc::clone(&head.rows), head.row, head.cursor);
            self.advance(cursor, Some(head))?;
            while self.next.peek().is_some_and(|other| other.rows.row(other.row) == rows.row(row)) {
                let Some(other) = self.next.pop() else { break };
                let number = self.number(&other).ok_or_else(beyond)?;
                sum = sum.checked_add(number).ok_or_else(beyond)?;
                let cursor = other.cursor;
                self.advance(cursor, Some(other))?;
            }
            if sum != 0 {
                chosen.push(place);
                sums.push(sum);
            }
        }
        let mut columns: Vec<ArrayRef> = Vec::new();
        let sums: ArrayRef = Arc::new(Int64Array::from(sums));
        for column in 0..self.schema.fields().len() {
            if column == self.sum {
                columns.push(Arc::clone(&sums));
                continue;
            }
            let values: Vec<&dyn Array> =
                self.batches.iter().map(|batch| batch.column(column).as_ref()).collect();
            columns.push(match values.is_empty() {
                true => arrow::array::new_empty_array(self.schema.field(column).data_type()),
                false => interleave(&values, &chosen)?,
            });
        }
        self.forget_batches();
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }

    /// Keeps only the batches whose rows are still to come.
    fn forget_batches(&mut self) {
        let mut kept = Vec::new();
        let with_rows: Vec<usize> = self.next.iter().map(|head| head.cursor).collect();
        for cursor in with_rows {
            let cursor = &mut self.cursors[cursor];
            kept.push(self.batches[cursor.batch].clone());
            cursor.batch = kept.len() - 1;
        }
        self.batches = kept;
    }
}

fn open(input: &Input) -> Result<ParquetRecordBatchReader> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&input.path)?)?;
    let (start, rows) = (usize::try_from(input.start)?, usize::try_from(input.rows)?);
    Ok(builder.with_batch_size(BATCH_ROWS).with_offset(start).with_limit(rows).build()?)
}

impl Iterator for SignedMerge {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.batch() {
            Ok(batch) if batch.num_rows() == 0 => None,
            done => Some(done),
        }
    }
}

impl RecordBatchReader for SignedMerge {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use arrow::array::StringArray;
    use parquet::arrow::ArrowWriter;
    use proptest::prelude::*;

    use super::*;

    type Row = (Option<String>, i64);

    fn write(path: &Path, rows: &[(Row, i64)]) {
        let columns: [(&str, ArrayRef); 3] = [
            ("n", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)))),
            ("cell", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0.1)))),
            ("user", Arc::new(StringArray::from_iter(rows.iter().map(|row| row.0.0.clone())))),
        ];
        let columns = columns.map(|(name, column)| (name, column, name == "user"));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let mut writer =
            ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    proptest! {
        #[test]
        fn sums_equal_those_of_plain_loops(
            files in prop::collection::vec(
                (prop::collection::vec(
                    ((prop::option::weighted(0.9, "[ab]{0,2}"), 0i64..4), 1i64..3), 0..60),
                 any::<bool>()),
                1..6),
            descending: bool,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut expected: BTreeMap<Row, i64> = BTreeMap::new();
            let mut inputs = Vec::new();
            let by = |a: &Row, b: &Row| {
                // nulls come last in ascending and first in descending order
                let user = match (&a.0, &b.0) {
                    (Some(x), Some(y)) => x.cmp(y),
                    (x, y) => y.is_some().cmp(&x.is_some()),
                };
                let user = if descending { user.reverse() } else { user };
                user.then(a.1.cmp(&b.1))
            };
            for (number, (mut rows, negative)) in files.into_iter().enumerate() {
                for (row, count) in &rows {
                    *expected.entry(row.clone()).or_default() += if negative { -count } else { *count };
                }
                rows.sort_by(|a, b| by(&a.0, &b.0));
                let path = folder.path().join(number.to_string());
                write(&path, &rows);
                // all rows but one at each end, which other files have
                inputs.push(Input { path, start: 0, rows: rows.len() as u64, negative });
            }
            let schema = open(&inputs[0]).unwrap().schema();
            let order = [OrderBy { column: "user".into(), descending }];
            let order = key_order(&schema, &order, "n");
            let merge = SignedMerge::new(&inputs, &order, "n").unwrap();
            let mut found: Vec<(Row, i64)> = Vec::new();
            for batch in merge {
                let batch = batch.unwrap();
                let users = batch.column_by_name("user").unwrap().as_string::<i32>().clone();
                let number = |name: &str| {
                    batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().clone()
                };
                let (cells, sums) = (number("cell"), number("n"));
                found.extend((0..batch.num_rows()).map(|row| {
                    let user = users.is_valid(row).then(|| users.value(row).to_owned());
                    ((user, cells.value(row)), sums.value(row))
                }));
            }
            let mut expected: Vec<(Row, i64)> =
                expected.into_iter().filter(|(_, sum)| *sum != 0).collect();
            expected.sort_by(|a, b| by(&a.0, &b.0));
            prop_assert_eq!(found, expected);
        }
    }
}

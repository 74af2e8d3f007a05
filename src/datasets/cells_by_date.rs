//! Fingerprints of the cell plan by date: of what is valid on it.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Date32Type;
use arrow::row::{RowConverter, SortField};
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};

const START: &str = "valid_date_start";
const END: &str = "valid_date_end";

/// Sums of the digests of cells. The sum of a set of cells is the same in any order of them.
#[derive(Debug, Default)]
pub struct CellsByDate {
    /// Days since 1970 from which cells are valid, with the sum of all cells that are valid from then or an
    /// earlier day on.
    starts: Vec<(i32, u128)>,
    /// The first days on which cells are not valid any more, likewise.
    ends: Vec<(i32, u128)>,
}

impl CellsByDate {
    /// # Errors
    /// A file that cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let context = || format!("{}", path.display());
        let file = File::open(path).with_context(context)?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.build());
        let mut cells = CellsByDate::default();
        for batch in reader.with_context(context)? {
            let batch = batch.with_context(context)?;
            let schema = batch.schema();
            let others: Vec<usize> = (0..schema.fields().len())
                .filter(|column| ![START, END].contains(&schema.field(*column).name().as_str()))
                .collect();
            let field = |column: &usize| SortField::new(schema.field(*column).data_type().clone());
            let converter = RowConverter::new(others.iter().map(field).collect())?;
            let columns: Vec<ArrayRef> =
                others.iter().map(|column| batch.column(*column).clone()).collect();
            let rows = converter.convert_columns(&columns)?;
            let days = |name: &str| {
                let column = batch.column_by_name(name)?;
                column.as_primitive_opt::<Date32Type>().cloned()
            };
            let (starts, ends) = (days(START), days(END));
            for row in 0..batch.num_rows() {
                let digest = Sha256::digest(rows.row(row).data());
                let digest = u128::from_le_bytes(digest[..16].try_into()?);
                let day = |days: &Option<arrow::array::Date32Array>| {
                    days.as_ref().filter(|days| days.is_valid(row)).map(|days| days.value(row))
                };
                let start = day(&starts).unwrap_or(i32::MIN);
                cells.starts.push((start, digest));
                if let Some(end) = day(&ends) {
                    // a cell that ends before it starts is never valid
                    cells.ends.push((end.saturating_add(1).max(start), digest));
                }
            }
        }
        accumulate(&mut cells.starts);
        accumulate(&mut cells.ends);
        Ok(cells)
    }

    /// The sum of the cells that are valid on a date.
    pub fn fingerprint_of(&self, date: NaiveDate) -> u128 {
        let day = date.to_epoch_days();
        let until = |sums: &[(i32, u128)]| match sums.partition_point(|(from, _)| *from <= day) {
            0 => 0,
            count => sums[count - 1].1,
        };
        until(&self.starts).wrapping_sub(until(&self.ends))
    }
}

fn accumulate(sums: &mut [(i32, u128)]) {
    sums.sort_unstable();
    let mut total: u128 = 0;
    for (_, sum) in sums {
        total = total.wrapping_add(*sum);
        *sum = total;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    /// Fingerprints of the days 0 to 9.
    fn fingerprints(cells: &[(&str, Option<i32>, Option<i32>)]) -> Vec<u128> {
        let columns: [(&str, ArrayRef); 3] = [
            ("cell_id", Arc::new(StringArray::from_iter_values(cells.iter().map(|c| c.0)))),
            (START, Arc::new(Date32Array::from_iter(cells.iter().map(|c| c.1)))),
            (END, Arc::new(Date32Array::from_iter(cells.iter().map(|c| c.2)))),
        ];
        let columns = columns.map(|(name, column)| (name, column, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer =
            ArrowWriter::try_new(file.reopen().unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let cells = CellsByDate::read(file.path()).unwrap();
        let date = |day| NaiveDate::from_epoch_days(day).unwrap();
        (0..10).map(|day| cells.fingerprint_of(date(day))).collect()
    }

    #[test]
    fn new_version_of_a_cell_changes_the_days_from_its_start_alone() {
        let before = fingerprints(&[("a", None, None), ("b", Some(2), Some(3))]);
        assert_eq!(before[0], before[1]);
        assert_ne!(before[1], before[2]);
        assert_eq!(before[2], before[3]);
        assert_eq!(before[4..], [before[0]; 6]);
        let after =
            fingerprints(&[("b", Some(2), Some(3)), ("c", Some(6), None), ("a", None, Some(5))]);
        assert_eq!(after[..6], before[..6]);
        assert_ne!(after[6], before[6]);
        // only what is valid counts, and not since when
        assert_eq!(fingerprints(&[("a", Some(-5), Some(20)), ("b", Some(2), Some(3))]), before);
        assert_eq!(
            fingerprints(&[("a", None, None), ("z", Some(5), Some(1)), ("b", Some(2), Some(3))]),
            before
        );
    }
}

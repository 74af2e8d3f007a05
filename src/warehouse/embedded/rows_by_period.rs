//! Splits the rows of consecutive periods, which were computed together, by period.

use std::fmt;
use std::vec::IntoIter;

use anyhow::Result;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use chrono::NaiveDate;

use super::parquet_files::DAY_US;
use crate::domain::tables::TIMESTAMP;
use crate::warehouse::Rows;

/// A row belongs to none of the periods, or does not tell to which one.
#[derive(Debug)]
pub struct OfNoPeriod;

impl fmt::Display for OfNoPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are rows that belong to none of the periods")
    }
}

impl std::error::Error for OfNoPeriod {}

/// The rows of each period, one after the other. Of the others, no more is held than a batch.
pub struct RowsByPeriod {
    /// In the order of the column.
    rows: Rows,
    /// A date, or a time stamp.
    column: String,
    /// The first days of the periods, in order.
    days: IntoIter<NaiveDate>,
    rest: Option<RecordBatch>,
}

impl RowsByPeriod {
    /// `rows` are ordered by `column`; `days` are the first ones of the periods, in order.
    pub fn new(rows: Rows, column: String, days: Vec<NaiveDate>) -> Self {
        RowsByPeriod { rows, column, days: days.into_iter(), rest: None }
    }

    /// The next rows that were not taken yet; `None` at the end.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if let Some(rest) = self.rest.take() {
            return Ok(Some(rest));
        }
        self.rows
            .find(|batch| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0))
            .transpose()
    }

    fn of_day(&mut self, day: NaiveDate) -> Result<RecordBatch> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next_batch()? {
            let rows = rows_of_day(&batch, &self.column, day).ok_or(OfNoPeriod)?;
            if rows > 0 {
                batches.push(batch.slice(0, rows));
            }
            if rows < batch.num_rows() {
                self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
                break;
            }
        }
        if self.days.len() == 0 && self.next_batch()?.is_some() {
            return Err(OfNoPeriod.into());
        }
        Ok(concat_batches(&self.rows.schema(), &batches)?)
    }
}

impl Iterator for RowsByPeriod {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let day = self.days.next()?;
        Some(self.of_day(day))
    }
}

/// How many rows from the first one on have the day; `None` if the column does not tell the day of each row.
fn rows_of_day(rows: &RecordBatch, column: &str, day: NaiveDate) -> Option<usize> {
    let values = rows.column_by_name(column)?;
    if values.null_count() > 0 {
        return None;
    }
    let day = i64::from(day.to_epoch_days());
    if *values.data_type() == TIMESTAMP {
        let times = values.as_primitive::<TimestampMicrosecondType>().values();
        return of_first_day(times, |us| us.div_euclid(DAY_US), day);
    }
    of_first_day(values.as_primitive_opt::<Date32Type>()?.values(), |date| i64::from(*date), day)
}

/// How many sorted values from the first one on have the day; `None` if the first one has an earlier day.
fn of_first_day<T>(values: &[T], day_of: impl Fn(&T) -> i64, day: i64) -> Option<usize> {
    let end = values.partition_point(|value| day_of(value) <= day);
    values[..end].first().is_none_or(|first| day_of(first) == day).then_some(end)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, Date32Array, Int64Array, RecordBatchIterator, TimestampMicrosecondArray,
    };

    use super::*;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 10, number).unwrap()
    }

    /// The values of `count` by day, for rows in batches of two; `None` if a row belongs to no day.
    fn split(name: &str, column: ArrayRef, days: &[u32]) -> Option<Vec<Vec<i64>>> {
        let counts: ArrayRef = Arc::new(Int64Array::from_iter_values(1..=column.len() as i64));
        let rows = RecordBatch::try_from_iter([(name, column), ("count", counts)]).unwrap();
        let batches: Vec<_> = (0..rows.num_rows())
            .step_by(2)
            .map(|start| Ok(rows.slice(start, 2.min(rows.num_rows() - start))))
            .collect();
        let rows: Rows = Box::new(RecordBatchIterator::new(batches, rows.schema()));
        let days = days.iter().map(|number| day(*number)).collect();
        let parts = RowsByPeriod::new(rows, name.to_owned(), days).map(|part| {
            let part = part.map_err(|error| error.downcast::<OfNoPeriod>().unwrap());
            Some(
                part.ok()?["count"].as_primitive::<arrow::datatypes::Int64Type>().values().to_vec(),
            )
        });
        parts.collect()
    }

    #[test]
    fn rows_are_split_by_date() {
        let dates = |numbers: &[u32]| -> ArrayRef {
            Arc::new(Date32Array::from_iter_values(numbers.iter().map(|n| day(*n).to_epoch_days())))
        };
        let of_days = |numbers: &[u32], days: &[u32]| split("date", dates(numbers), days);
        assert_eq!(of_days(&[1, 1, 1, 3], &[1, 2, 3]), Some(vec![vec![1, 2, 3], vec![], vec![4]]));
        assert_eq!(of_days(&[], &[1, 2]), Some(vec![vec![], vec![]]));
        assert_eq!(of_days(&[2, 3, 3], &[2, 3]), Some(vec![vec![1], vec![2, 3]]));
    }

    #[test]
    fn rows_are_split_by_the_date_of_their_hour() {
        let us = |number: u32, hour: u32| {
            day(number).and_hms_opt(hour, 0, 0).unwrap().and_utc().timestamp_micros()
        };
        let hours =
            |hours: Vec<i64>| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(hours)) };
        let found = split("hour", hours(vec![us(1, 0), us(1, 23), us(3, 0)]), &[1, 2, 3]);
        assert_eq!(found, Some(vec![vec![1, 2], vec![], vec![3]]));
        assert_eq!(split("hour", hours(vec![us(1, 0), us(2, 0)]), &[2]), None);
    }

    #[test]
    fn rows_of_other_days_and_without_a_day_are_noticed() {
        let dates = |numbers: &[u32]| -> ArrayRef {
            Arc::new(Date32Array::from_iter_values(numbers.iter().map(|n| day(*n).to_epoch_days())))
        };
        for (numbers, days) in
            [(&[1, 2, 4][..], &[1, 2, 3][..]), (&[1, 2, 3], &[2, 3]), (&[1, 2, 3], &[1, 3])]
        {
            assert_eq!(split("date", dates(numbers), days), None, "{numbers:?} {days:?}");
        }
        let missing: ArrayRef = Arc::new(Date32Array::from(vec![Some(0), None, None]));
        assert_eq!(split("date", missing, &[1]), None);
    }
}

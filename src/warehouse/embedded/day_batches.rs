//! Computes a view for several small days at once. Planning a query takes much longer than computing the
//! view over a small day, so that a year of small days would otherwise be spent on planning.

use anyhow::Result;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Date32Type, Schema, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate};

use super::Embedded;
use super::filter::sorted;
use super::session::Memory;
use super::versions::Version;
use crate::domain::tables::TIMESTAMP;
use crate::views::{OrderBy, View};
use crate::warehouse::Rows;

/// Days are computed together up to this size of their files of hourly presence, so that memory use does
/// not grow with the number of days.
const MAX_BYTES: u64 = 4 << 20;

/// The size of the files of a day.
pub struct DaySize {
    pub date: NaiveDate,
    pub bytes: u64,
}

/// Splits consecutive days into batches of limited size; a larger day is a batch by itself.
pub fn batches(days: &[DaySize]) -> impl Iterator<Item = &[DaySize]> {
    let mut rest = days;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |day: &&DaySize| {
            bytes += day.bytes;
            bytes <= MAX_BYTES
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (batch, others) = rest.split_at(count.min(rest.len()));
        rest = others;
        (!batch.is_empty()).then_some(batch)
    })
}

impl Embedded {
    /// The rows of a view by day, for consecutive days; `None` if that cannot be told from the rows of all
    /// of them: if no column says to which day a row belongs, if numbers could depend on the order of
    /// addition, or if the first day has other rows when it is computed alone, as with a view that is not
    /// `by: date` in fact.
    ///
    /// # Errors
    /// A view that the engine rejects, with file, line and reason.
    pub(super) fn compute_days(
        &self,
        version: &Version,
        view: &View,
        days: &[NaiveDate],
        memory: Memory,
    ) -> Result<Option<Vec<RecordBatch>>> {
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(None) };
        let frame = self.plan_days(version, view, Some((*first, *last)), memory)?;
        let column = day_column(frame.schema().as_arrow()).map(str::to_owned);
        let Some(column) = column else { return Ok(None) };
        let by_day = OrderBy { column: column.clone(), descending: false };
        let order: Vec<OrderBy> = std::iter::once(by_day).chain(view.order.clone()).collect();
        let frame = sorted(frame, &order).map_err(|error| view.placed(error))?;
        let rows = all_rows(self.rows(frame)?)?;
        let Some(by_day) = split(&rows, &column, days) else { return Ok(None) };
        let alone = all_rows(self.compute_day(version, view, Some(*first), memory)?)?;
        Ok((by_day.first() == Some(&alone)).then_some(by_day))
    }
}

/// The column that tells the day of a row.
fn day_column(schema: &Schema) -> Option<&str> {
    let is_inexact = |kind: &DataType| kind.is_floating();
    if schema.fields().iter().any(|field| is_inexact(field.data_type())) {
        return None;
    }
    let has = |name: &str, is_kind: fn(&DataType) -> bool| {
        let field = schema.field_with_name(name).ok()?;
        is_kind(field.data_type()).then(|| field.name().as_str())
    };
    has("date", |kind| *kind == DataType::Date32)
        .or_else(|| has("hour", |kind| matches!(kind, DataType::Timestamp(_, None))))
}

fn all_rows(rows: Rows) -> Result<RecordBatch> {
    let schema = rows.schema();
    let batches = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(concat_batches(&schema, &batches)?)
}

/// The rows of each of the days, in order; `rows` are ordered by the column. `None` if rows belong to none
/// of them.
fn split(rows: &RecordBatch, column: &str, days: &[NaiveDate]) -> Option<Vec<RecordBatch>> {
    let values = rows.column_by_name(column)?;
    let date_of: Box<dyn Fn(usize) -> Option<NaiveDate>> = if *values.data_type() == TIMESTAMP {
        let times = values.as_primitive::<TimestampMicrosecondType>();
        Box::new(|row| Some(DateTime::from_timestamp_micros(times.value(row))?.date_naive()))
    } else {
        let dates = values.as_primitive_opt::<Date32Type>()?;
        Box::new(|row| NaiveDate::from_epoch_days(dates.value(row)))
    };
    if values.null_count() > 0 {
        return None;
    }
    let mut parts = Vec::with_capacity(days.len());
    let mut start = 0;
    for day in days {
        let end = (start..rows.num_rows()).find(|row| date_of(*row) != Some(*day));
        let end = end.unwrap_or(rows.num_rows());
        parts.push(rows.slice(start, end - start));
        start = end;
    }
    (start == rows.num_rows()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Date32Array, Int64Array, TimestampMicrosecondArray};

    use super::*;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 10, number).unwrap()
    }

    #[test]
    fn days_are_computed_together_up_to_a_size() {
        let sizes = [1, MAX_BYTES - 1, 1, MAX_BYTES + 1, 5, 6];
        let days: Vec<DaySize> =
            (1..).zip(sizes).map(|(number, bytes)| DaySize { date: day(number), bytes }).collect();
        let lengths: Vec<usize> = batches(&days).map(<[DaySize]>::len).collect();
        assert_eq!(lengths, [2, 1, 1, 2]);
        assert_eq!(batches(&[]).count(), 0);
    }

    #[test]
    fn rows_are_split_by_day_and_rows_of_other_days_are_noticed() {
        let us = |number: u32, hour: u32| {
            day(number).and_hms_opt(hour, 0, 0).unwrap().and_utc().timestamp_micros()
        };
        let dates = |numbers: &[u32]| -> ArrayRef {
            Arc::new(Date32Array::from_iter_values(numbers.iter().map(|n| day(*n).to_epoch_days())))
        };
        let hours: ArrayRef =
            Arc::new(TimestampMicrosecondArray::from(vec![us(1, 0), us(1, 23), us(3, 0)]));
        let counts: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let lengths = |name: &str, column: ArrayRef, days: &[NaiveDate]| {
            let rows = [(name, column), ("count", Arc::clone(&counts))];
            let rows = RecordBatch::try_from_iter(rows).unwrap();
            let parts = split(&rows, name, days)?;
            Some(parts.iter().map(RecordBatch::num_rows).collect::<Vec<_>>())
        };
        let days = [day(1), day(2), day(3)];
        assert_eq!(lengths("hour", hours, &days), Some(vec![2, 0, 1]));
        assert_eq!(lengths("date", dates(&[1, 1, 3]), &days), Some(vec![2, 0, 1]));
        assert_eq!(lengths("date", dates(&[1, 2, 4]), &days), None);
        assert_eq!(lengths("date", dates(&[1, 2, 3]), &days[1..]), None);
        let missing: ArrayRef = Arc::new(Date32Array::from(vec![Some(0), None, None]));
        assert_eq!(lengths("date", missing, &days), None);
    }
}

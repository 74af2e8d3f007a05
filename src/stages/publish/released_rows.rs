//! The rows of a view as they are released.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{filter, filter_record_batch, nullif};
use arrow::datatypes::{DataType, Field, Schema};
use chrono::NaiveDate;

use super::problem::{Built, bases};
use super::table::{Number, Role, Row, Table};
use crate::datasets::published::SUPPRESSED;
use crate::publication::Suppression;
use crate::views::publication::Basis;

/// Released rows, and the first date of the period of each.
#[derive(Debug, Clone)]
pub struct ReleasedRows {
    pub rows: RecordBatch,
    pub periods: Vec<Option<NaiveDate>>,
    /// The first dates of all periods, also of those of which no row is left.
    pub starts: BTreeSet<Option<NaiveDate>>,
    /// First and last date of all periods.
    pub dates: Option<(NaiveDate, NaiveDate)>,
}

/// Withholds numbers: they are null where each key has a row, and elsewhere their rows are left out. The rows are
/// those of the table, in the same order.
///
/// # Errors
/// Columns that cannot be made null.
pub fn released_rows(
    tables: &[Table],
    number: usize,
    rows: &RecordBatch,
    built: &Built,
    suppression: &Suppression,
) -> Result<ReleasedRows> {
    let table = &tables[number];
    let is_withheld = |number: Number| {
        built.cell(number).is_some_and(|cell| suppression.withheld(cell).is_some())
    };
    // by measure and row
    let mut withheld: Vec<Vec<bool>> = Vec::new();
    for (measure, declared) in table.measures.iter().enumerate() {
        let of_measure = match &declared.basis {
            Basis::From(column) => {
                let of = bases(tables, number, column);
                of.into_iter().map(|of| of.is_some_and(is_withheld)).collect()
            }
            Basis::Devices | Basis::Over(_) => (0..table.rows.len())
                .map(|row| is_withheld(Number { table: number, row, measure }))
                .collect(),
        };
        withheld.push(of_measure);
    }
    let is_suppressed: Vec<bool> =
        (0..table.rows.len()).map(|row| withheld.iter().any(|of| of[row])).collect();
    let is_kept: Vec<bool> = table
        .rows
        .iter()
        .zip(&is_suppressed)
        .map(|(row, withheld)| row.role == Role::Released && (table.keys.are_complete || !withheld))
        .collect();
    let kept = BooleanArray::from(is_kept.clone());
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        let column = match table.measure(field.name()) {
            Some(measure) => nullif(column, &BooleanArray::from(withheld[measure].clone()))?,
            None => Arc::clone(column),
        };
        fields.push(field.as_ref().clone().with_nullable(true));
        columns.push(filter(&column, &kept)?);
    }
    fields.push(Field::new(SUPPRESSED, DataType::Boolean, true));
    columns.push(filter(&BooleanArray::from(is_suppressed), &kept)?);
    let released = || table.rows.iter().filter(|row| row.role == Role::Released);
    let start = |row: &Row| row.period.map(|(first, _)| first);
    let of_kept = table.rows.iter().zip(&is_kept).filter(|(_, kept)| **kept);
    let dated = || released().filter_map(|row| row.period);
    Ok(ReleasedRows {
        rows: RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?,
        periods: of_kept.map(|(row, _)| start(row)).collect(),
        starts: released().map(start).collect(),
        dates: dated().map(|(first, _)| first).min().zip(dated().map(|(_, last)| last).max()),
    })
}

impl ReleasedRows {
    /// The rows of each period, in the order of the periods.
    ///
    /// # Errors
    /// Rows that cannot be filtered.
    pub fn by_period(&self) -> Result<Vec<(Option<NaiveDate>, RecordBatch)>> {
        let of = |start: Option<NaiveDate>| {
            let is_of: BooleanArray =
                self.periods.iter().map(|period| Some(*period == start)).collect();
            Ok((start, filter_record_batch(&self.rows, &is_of)?))
        };
        self.starts.iter().copied().map(of).collect()
    }

    /// The rows of the newest period alone.
    ///
    /// # Errors
    /// Rows that cannot be filtered.
    pub fn newest(&self) -> Result<RecordBatch> {
        let newest = self.starts.last().copied().flatten();
        let is_of: BooleanArray =
            self.periods.iter().map(|period| Some(*period == newest)).collect();
        Ok(filter_record_batch(&self.rows, &is_of)?)
    }
}

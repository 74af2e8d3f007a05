//! The rows of a view as they are released.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{filter, filter_record_batch, nullif};
use arrow::datatypes::{DataType, Field, Schema};
use chrono::NaiveDate;

use super::coverage::Coverage;
use super::numbers::bases;
use super::problem::Built;
use super::relations::{Containers, key_of, target};
use super::table::{KeyValues, Number, Role, Row, Table};
use crate::datasets::published::SUPPRESSED;
use crate::publication::Suppression;
use crate::views::publication::{Basis, Need, RowsOf};

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

/// Withholds numbers: they are null where each key has a row, or a row of which any number is shown, and elsewhere their
/// rows are left out. The rows are those of the table, in the same order.
///
/// # Errors
/// Columns that cannot be made null.
pub fn released_rows(
    tables: &[Table],
    table_number: usize,
    rows: &RecordBatch,
    (built, suppression): (&Built, &Suppression),
    (containers, coverage): (&Containers, &Coverage),
) -> Result<ReleasedRows> {
    let table = &tables[table_number];
    let is_withheld = |number: Number| {
        let Number { table: of, row, measure } = number;
        let is_blind = || coverage.is_blind(&tables[of], &tables[of].rows[row], measure);
        let is_hidden = |cell| suppression.withheld(cell).is_some();
        // other numbers are decided about with those of these rows
        let is_context = of != table_number && tables[of].rows[row].role == Role::Context;
        is_context || built.cell(number).is_some_and(is_hidden) || is_blind()
    };
    let mut is_needed_withheld = vec![false; table.rows.len()];
    for need in &table.publication.needs {
        let needed = needed(tables, table_number, need, containers);
        for (withheld, needed) in is_needed_withheld.iter_mut().zip(needed) {
            *withheld |= needed.is_none_or(is_withheld);
        }
    }
    // by measure and row
    let mut withheld: Vec<Vec<bool>> = Vec::new();
    for (measure, declared) in table.measures.iter().enumerate() {
        let of_measure = match &declared.basis {
            Basis::From(columns) => {
                let mut withheld = is_needed_withheld.clone();
                for column in columns {
                    let of = bases(tables, table_number, column);
                    for (withheld, of) in withheld.iter_mut().zip(of) {
                        *withheld |= of.is_some_and(is_withheld);
                    }
                }
                withheld
            }
            Basis::Devices | Basis::Over(_) | Basis::OverUsers => (0..table.rows.len())
                .map(|row| is_withheld(Number { table: table_number, row, measure }))
                .collect(),
        };
        withheld.push(of_measure);
    }
    let is_suppressed: Vec<bool> =
        (0..table.rows.len()).map(|row| withheld.iter().any(|of| of[row])).collect();
    let is_there = |row: usize| match table.keys.rows {
        RowsOf::EveryKey => true,
        RowsOf::Devices => !is_suppressed[row],
        // a zero alone tells that there is a number which is withheld
        RowsOf::AnyNumber => table.measures.iter().enumerate().any(|(measure, declared)| {
            let is_from = declared.basis.is_computed();
            let is_shown = !withheld[measure][row] && !is_from;
            is_shown && table.rows[row].numbers[measure].is_some_and(|number| number > 0)
        }),
    };
    let is_kept: Vec<bool> = (0..table.rows.len())
        .map(|row| table.rows[row].role == Role::Released && is_there(row))
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

/// For each row of a table the number of another view that its own are computed from, if there is one.
fn needed(
    tables: &[Table],
    own: usize,
    need: &Need,
    containers: &Containers,
) -> Vec<Option<Number>> {
    let Some((table, measure)) = target(tables, own, &need.of) else {
        return vec![None; tables[own].rows.len()];
    };
    let other = &tables[table];
    let keys: Vec<usize> = need.by.iter().filter_map(|pair| other.key(&pair.theirs)).collect();
    let rows = other.rows.iter().enumerate();
    let rows: HashMap<KeyValues, usize> = rows
        .map(|(number, row)| (keys.iter().map(|key| row.keys[*key].clone()).collect(), number))
        .collect();
    let found = |row: &Row| {
        let row = *rows.get(&key_of(&tables[own], row, &need.by, containers)?)?;
        Some(Number { table, row, measure })
    };
    tables[own].rows.iter().map(found).collect()
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

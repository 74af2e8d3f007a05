//! Verifies what the headers of views say about their growth: the rows of some periods are computed over all
//! dates and compared with the stored ones, which were computed from the dates that the header names.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Date32Type;
use arrow::util::display::array_value_to_string;
use chrono::NaiveDate;

use crate::domain::tables::quoted;
use crate::views::{Growth, View, without_semicolon};
use crate::warehouse::{DayColumn, Rows, Warehouse};

/// Periods of each view that are compared.
const SAMPLE: usize = 5;

/// A view whose stored rows are right.
#[derive(Debug, Clone)]
pub struct Verified {
    pub view: String,
    /// The periods that were compared; `None` if the rows of all dates were.
    pub periods: Option<usize>,
    pub rows: u64,
}

/// Compares a sample of the periods of a view; `None` for a view that is computed as a whole, and for a view of
/// one date, which is computed from that date in any case.
///
/// # Errors
/// The first row that differs, with view and period; errors of the warehouse.
pub fn verify(warehouse: &dyn Warehouse, view: &View) -> Result<Option<Verified>> {
    let Some(growth) = view.growth.filter(|_| view.snapshot.is_none()) else { return Ok(None) };
    let columns = view.columns.as_ref().with_context(|| {
        format!("{}: its columns are unknown, so that it cannot be verified", view.place())
    })?;
    let by: Vec<String> = (1..=columns.fields().len()).map(|number| number.to_string()).collect();
    let by = by.join(", ");
    let compare = |condition: &str, period: &str| -> Result<u64> {
        let where_clause = match condition {
            "" => String::new(),
            condition => format!(" WHERE {condition}"),
        };
        let sql = without_semicolon(&view.sql);
        let whole = format!("SELECT * FROM (\n{sql}\n) AS whole{where_clause} ORDER BY {by}");
        let stored = format!("SELECT * FROM {}{where_clause} ORDER BY {by}", view.view);
        let difference = first_difference(warehouse.sql(&stored)?, warehouse.sql(&whole)?);
        match difference.map_err(|error| view.placed(error))? {
            Ok(rows) => Ok(rows),
            Err(difference) => bail!(
                "{}: by: {growth} is not true for {period}: {difference}; correct the header, or leave out \
                 by and run `mobility views`",
                view.place()
            ),
        }
    };
    let day = match (&view.period, &view.accumulate) {
        (_, Some(_)) => None,
        (Some(period), None) => Some(DayColumn::Date(period.clone())),
        (None, None) => DayColumn::of(columns),
    };
    let Some(day) = day else {
        let rows = compare("", "all dates")?;
        return Ok(Some(Verified { view: view.view.clone(), periods: None, rows }));
    };
    let sample = sample(warehouse, growth)?;
    let mut rows = 0;
    for start in &sample {
        let last = growth.unit.end(*start);
        rows += compare(
            &condition(&day, *start),
            &match last == *start {
                true => start.to_string(),
                false => format!("{start} to {last}"),
            },
        )?;
    }
    Ok(Some(Verified { view: view.view.clone(), periods: Some(sample.len()), rows }))
}

/// The condition for the rows of a period.
fn condition(day: &DayColumn, start: NaiveDate) -> String {
    match day {
        DayColumn::Date(column) => format!("{} = DATE '{start}'", quoted(column)),
        DayColumn::Time(column) => {
            let column = quoted(column);
            let next = start.succ_opt().unwrap_or(start);
            format!(
                "{column} >= TIMESTAMP '{start} 00:00:00' AND {column} < TIMESTAMP '{next} 00:00:00'"
            )
        }
    }
}

/// The first dates of some periods, from the first to the last one.
fn sample(warehouse: &dyn Warehouse, growth: Growth) -> Result<Vec<NaiveDate>> {
    let mut dates = BTreeSet::new();
    for batch in warehouse.sql("SELECT DISTINCT date FROM mobile_events_compressed")? {
        let batch = batch?;
        let days = batch.column(0).as_primitive_opt::<Date32Type>();
        let days = days.ok_or_else(|| anyhow!("the dates of hourly presence are no dates"))?;
        dates.extend(days.iter().flatten().filter_map(NaiveDate::from_epoch_days));
    }
    let periods: Vec<NaiveDate> = growth.periods(dates).into_iter().collect();
    let count = periods.len().min(SAMPLE);
    let at = |number: usize| periods[number * (periods.len() - 1) / (count - 1).max(1)];
    Ok((0..count).map(at).collect())
}

/// A row of a result, without its batch.
struct Cursor {
    rows: Rows,
    batch: Option<RecordBatch>,
    row: usize,
}

impl Cursor {
    fn new(rows: Rows) -> Self {
        Cursor { rows, batch: None, row: 0 }
    }

    /// The next row as text.
    fn next(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(batch) = self.batch.as_ref().filter(|batch| self.row < batch.num_rows()) {
                let mut text = Vec::new();
                for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                    text.push(format!(
                        "{}={}",
                        field.name(),
                        array_value_to_string(column, self.row)?
                    ));
                }
                self.row += 1;
                return Ok(Some(text.join(", ")));
            }
            match self.rows.next() {
                Some(batch) => (self.batch, self.row) = (Some(batch?), 0),
                None => return Ok(None),
            }
        }
    }
}

/// The number of rows, or else the first one that differs.
fn first_difference(stored: Rows, whole: Rows) -> Result<Result<u64, String>> {
    let (mut stored, mut whole) = (Cursor::new(stored), Cursor::new(whole));
    let mut rows = 0;
    loop {
        let difference = match (stored.next()?, whole.next()?) {
            (None, None) => return Ok(Ok(rows)),
            (Some(stored), Some(whole)) if stored == whole => {
                rows += 1;
                continue;
            }
            (Some(stored), Some(whole)) => {
                format!("the stored row is {stored}, and over all dates it is {whole}")
            }
            (Some(stored), None) => format!("the row {stored} does not exist over all dates"),
            (None, Some(whole)) => format!("over all dates there is also the row {whole}"),
        };
        return Ok(Err(difference));
    }
}

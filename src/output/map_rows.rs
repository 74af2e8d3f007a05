//! What a layer of a map gets of a view: the rows of one date, and every LAU.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, RecordBatch, RecordBatchReader, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Date32Type, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use chrono::{Datelike, NaiveDate};

use crate::output::columns::{ColumnInfo, has_location, lau_ends};
use crate::output::formats::{LauShapes, Rows};
use crate::views::OrderBy;
use crate::warehouse::{DayColumn, Relation, Select, Warehouse};

/// Rows of a batch of LAUs without a row.
const BATCH_ROWS: usize = 8_192;

/// Restricts the rows of a view with dates to the newest one, unless the user chose dates. On a map the
/// others would lie below it. Returns a remark if there are others.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn choose_date(
    warehouse: &dyn Warehouse,
    select: &mut Select,
    schema: &Schema,
) -> Result<Option<String>> {
    let Relation::View(view) = select.relation else { return Ok(None) };
    let columns = ColumnInfo::all(schema);
    let is_drawn = has_location(&columns) || lau_ends(&columns).is_some();
    if select.from.is_some() || select.to.is_some() || !is_drawn {
        return Ok(None);
    }
    let Some(column) = DayColumn::of(schema) else { return Ok(None) };
    let (oldest, newest) =
        (end(warehouse, select, &column, false)?, end(warehouse, select, &column, true)?);
    (select.from, select.to) = (newest, newest);
    Ok(match (oldest, newest) {
        (Some(oldest), Some(newest)) if oldest < newest => Some(format!(
            "{} has rows from {oldest} to {newest}; these are the rows of {newest}",
            view.name
        )),
        _ => None,
    })
}

/// The first or last date of a view; `None` without rows.
fn end(
    warehouse: &dyn Warehouse,
    select: &Select,
    column: &DayColumn,
    last: bool,
) -> Result<Option<NaiveDate>> {
    let (DayColumn::Date(name) | DayColumn::Time(name)) = column;
    let select = Select {
        // leaves out rows without a date
        from: NaiveDate::from_ymd_opt(1, 1, 1),
        order: vec![OrderBy { column: name.clone(), descending: last }],
        limit: Some(1),
        ..Select::all(select.relation)
    };
    for batch in warehouse.select(&select)? {
        let batch = batch?;
        let Some(values) = batch.column_by_name(name).filter(|v| !v.is_empty()) else { continue };
        if let Some(dates) = values.as_primitive_opt::<Date32Type>() {
            return Ok(dates.value_as_date(0));
        }
        let times = arrow::compute::cast(values, &crate::domain::tables::TIMESTAMP)?;
        let times = times.as_any().downcast_ref::<TimestampMicrosecondArray>();
        return Ok(times.and_then(|times| times.value_as_date(0)));
    }
    Ok(None)
}

/// The rows, followed by one for each LAU and date without a row, whose other columns are null: a layer
/// without holes. Rows of a table, a selection of rows (`limit`, `offset`) and rows with a geometry of
/// their own are left as they are. The counter tells how many rows were added.
pub fn with_every_lau(
    rows: Rows,
    select: &Select,
    shapes: Option<&Arc<LauShapes>>,
) -> (Rows, Arc<AtomicU64>) {
    let added = Arc::new(AtomicU64::new(0));
    let schema = rows.schema();
    let is_text = |field: &Field| *field.data_type() == DataType::Utf8;
    let lau = schema.column_with_name("lau_id").filter(|(_, field)| is_text(field));
    let (Some((lau, _)), Some(shapes), Relation::View(_)) = (lau, shapes, select.relation) else {
        return (rows, added);
    };
    if select.limit.is_some() || select.offset > 0 {
        return (rows, added);
    }
    let nullable = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
    let fields: Vec<Field> = schema.fields().iter().map(nullable).collect();
    let date = schema.column_with_name("date").filter(|(_, f)| *f.data_type() == DataType::Date32);
    let name = schema.column_with_name("lau_name").filter(|(_, field)| is_text(field));
    let wanted = |id: &&String| select.lau.as_ref().is_none_or(|lau| lau == *id);
    let day = select.from.filter(|from| select.to == Some(*from)).map(days_since_1970);
    let filled = EveryLau {
        ids: shapes.keys().filter(wanted).cloned().collect(),
        rows: Some(rows),
        schema: Arc::new(Schema::new(fields)),
        shapes: Arc::clone(shapes),
        lau,
        name: name.map(|(index, _)| index),
        date: date.map(|(index, _)| index),
        seen: HashSet::new(),
        days: day.filter(|_| date.is_some()).into_iter().collect(),
        missing: None,
        added: Arc::clone(&added),
    };
    (Box::new(filled), added)
}

fn days_since_1970(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - NaiveDate::default().num_days_from_ce()
}

/// A date in days since 1970, if rows have dates, and the place of a LAU in the list of ids.
type Place = (Option<i32>, usize);

struct EveryLau {
    /// `None` once all have been passed on.
    rows: Option<Rows>,
    schema: SchemaRef,
    shapes: Arc<LauShapes>,
    ids: Vec<String>,
    lau: usize,
    name: Option<usize>,
    date: Option<usize>,
    seen: HashSet<Place>,
    days: BTreeSet<i32>,
    /// What remains to be added, the next one last.
    missing: Option<Vec<Place>>,
    added: Arc<AtomicU64>,
}

impl EveryLau {
    fn note(&mut self, batch: &RecordBatch) {
        let laus = batch.column(self.lau).as_string::<i32>();
        let dates = self.date.and_then(|i| batch.column(i).as_primitive_opt::<Date32Type>());
        for row in 0..batch.num_rows() {
            let day = dates.filter(|dates| dates.is_valid(row)).map(|dates| dates.value(row));
            self.days.extend(day);
            if laus.is_valid(row)
                && let Ok(place) = self.ids.binary_search_by(|id| id.as_str().cmp(laus.value(row)))
            {
                self.seen.insert((day, place));
            }
        }
    }

    fn missing(&self) -> Vec<Place> {
        let days: Vec<Option<i32>> = match self.days.is_empty() {
            true => vec![None],
            false => self.days.iter().copied().map(Some).collect(),
        };
        let all = days.iter().flat_map(|day| (0..self.ids.len()).map(move |place| (*day, place)));
        let mut missing: Vec<Place> = all.filter(|place| !self.seen.contains(place)).collect();
        missing.reverse();
        missing
    }

    fn batch_of(&self, places: &[Place]) -> Result<RecordBatch, ArrowError> {
        let ids = || places.iter().map(|(_, place)| self.ids[*place].as_str());
        let names = || ids().map(|id| self.shapes.get(id).and_then(|shape| shape.name.as_deref()));
        let column = |(index, field): (usize, &Arc<Field>)| -> ArrayRef {
            match Some(index) {
                place if place == Some(self.lau) => Arc::new(StringArray::from_iter_values(ids())),
                place if place == self.name => Arc::new(StringArray::from_iter(names())),
                place if place == self.date => {
                    Arc::new(Date32Array::from_iter(places.iter().map(|(day, _)| *day)))
                }
                _ => new_null_array(field.data_type(), places.len()),
            }
        };
        let columns = self.schema.fields().iter().enumerate().map(column).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

impl Iterator for EveryLau {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(rows) = &mut self.rows {
            match rows.next() {
                Some(Ok(batch)) => {
                    self.note(&batch);
                    let columns = batch.columns().to_vec();
                    return Some(RecordBatch::try_new(Arc::clone(&self.schema), columns));
                }
                Some(Err(error)) => return Some(Err(error)),
                None => self.rows = None,
            }
        }
        if self.missing.is_none() {
            self.missing = Some(self.missing());
        }
        let missing = self.missing.as_mut()?;
        let start = missing.len().saturating_sub(BATCH_ROWS);
        let mut places = missing.split_off(start);
        if places.is_empty() {
            return None;
        }
        places.reverse();
        self.added.fetch_add(places.len() as u64, Ordering::Relaxed);
        Some(self.batch_of(&places))
    }
}

impl RecordBatchReader for EveryLau {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

//! Reads what a release is made of from the warehouse.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, RecordBatchReader};
use arrow::compute::{
    SortColumn, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch,
};
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use chrono::NaiveDate;

use super::dating::{Dating, Scope};
use super::period::AnchorWindows;
use crate::domain::tables::{self, TIMESTAMP, quoted};
use crate::views::publication::{KeyValue, Period, Publication};
use crate::views::{Registry, View};
use crate::warehouse::{DayColumn, Relation, Rows, Select, Warehouse};

/// The view with the windows whose anchors apply to dates.
const ANCHOR_WINDOWS: &str = "anchor_windows";
/// A small view with all dates of the warehouse.
const USERS_PER_DAY: &str = "users_per_day";

/// All rows as one batch.
pub fn collect(rows: Rows) -> Result<RecordBatch> {
    let schema = rows.schema();
    let batches = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(concat_batches(&schema, &batches)?)
}

/// The dates of the warehouse.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn dates(warehouse: &dyn Warehouse, registry: &Registry) -> Result<BTreeSet<NaiveDate>> {
    let relation = match registry.by_sql_name(USERS_PER_DAY) {
        Some(view) if registry.is_known(view) => USERS_PER_DAY,
        _ => tables::Table::MobileEventsCompressed.name(),
    };
    let rows = collect(warehouse.sql(&format!("SELECT DISTINCT date FROM {relation}"))?)?;
    let dates = rows.column(0).as_primitive_opt::<Date32Type>();
    let dates = dates.context("the dates of the warehouse are no dates")?;
    Ok(dates.iter().flatten().filter_map(NaiveDate::from_epoch_days).collect())
}

/// The windows whose anchors apply to the dates that are read.
///
/// # Errors
/// A warehouse that cannot be read; no view with the windows, although the header of a view needs it.
pub fn anchor_windows(
    warehouse: &dyn Warehouse,
    registry: &Registry,
    scope: &Scope,
    needed: Option<&View>,
) -> Result<AnchorWindows> {
    let Some(view) = registry.by_sql_name(ANCHOR_WINDOWS) else {
        return match needed {
            Some(view) => bail!(
                "{}: its header names anchor_window, for which there has to be the view {ANCHOR_WINDOWS}; set \
                 views.builtin = true",
                view.place()
            ),
            None => Ok(AnchorWindows::new()),
        };
    };
    let (from, to) = scope.read().unzip();
    let select = Select { from, to, ..Select::all(Relation::View(view)) };
    anchor_windows_of(&collect(warehouse.select(&select)?)?)
}

/// The windows of the rows of the view.
///
/// # Errors
/// Rows without the two columns.
pub fn anchor_windows_of(rows: &RecordBatch) -> Result<AnchorWindows> {
    let column = |name: &str| {
        let column = rows.column_by_name(name);
        column.and_then(|column| column.as_primitive_opt::<Date32Type>()).with_context(|| {
            format!(
                "the view {ANCHOR_WINDOWS} has no column {name} with dates; its own file changes it"
            )
        })
    };
    let pairs = column("date")?.iter().zip(column("window_start")?.iter());
    let date = NaiveDate::from_epoch_days;
    Ok(pairs.filter_map(|(day, window)| Some((date(day?)?, date(window?)?))).collect())
}

/// The rows of a view that are looked at, in the order of its keys. `earliest` is the first date of windows that apply
/// to dates that are read.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn rows(
    warehouse: &dyn Warehouse,
    view: &View,
    dating: &Dating,
    scope: &Scope,
    earliest: Option<NaiveDate>,
) -> Result<RecordBatch> {
    let Some((first, last)) = scope.read() else {
        return collect(warehouse.select(&Select::all(Relation::View(view)))?);
    };
    let rows = match dating {
        Dating::Fixed(_) | Dating::None => warehouse.select(&Select::all(Relation::View(view)))?,
        Dating::Column(DayColumn::Date(column), _) if column != "date" => {
            let first = match dating {
                Dating::Column(_, super::dating::Span::Unit(unit)) => unit.start_of(first),
                _ => first,
            };
            let first = match dating.is_by_long_period() {
                true => earliest.map_or(first, |earliest| earliest.min(first)),
                false => first,
            };
            let column = quoted(column);
            warehouse.sql(&format!(
                "SELECT * FROM {} WHERE {column} >= DATE '{first}' AND {column} <= DATE '{last}'",
                view.view
            ))?
        }
        Dating::Column(..) => {
            let (from, to) = (Some(first), Some(last));
            warehouse.select(&Select { from, to, ..Select::all(Relation::View(view)) })?
        }
    };
    collect(rows)
}

/// The rows without those of nights of which the warehouse has one date alone, which are never released.
///
/// # Errors
/// A column of another type.
pub fn complete(rows: &RecordBatch, dating: &Dating, scope: &Scope) -> Result<RecordBatch> {
    let starts = periods(rows, dating)?;
    let is_complete: BooleanArray =
        starts.iter().map(|start| Some(dating.is_complete(*start, scope))).collect();
    Ok(filter_record_batch(rows, &is_complete)?)
}

/// The rows in the order of the view, and then of all columns, so that the same rows always have the same order.
///
/// # Errors
/// Columns that cannot be compared.
pub fn sorted(view: &View, rows: &RecordBatch) -> Result<RecordBatch> {
    let by_order = view.order.iter().filter_map(|order| {
        let values = rows.column_by_name(&order.column)?.clone();
        Some(SortColumn { values, options: Some(options(order.descending)) })
    });
    let all = rows
        .columns()
        .iter()
        .map(|column| SortColumn { values: column.clone(), options: Some(options(false)) });
    let columns: Vec<SortColumn> = by_order.chain(all).collect();
    if columns.is_empty() || rows.num_rows() == 0 {
        return Ok(rows.clone());
    }
    Ok(take_record_batch(rows, &lexsort_to_indices(&columns, None)?)?)
}

fn options(descending: bool) -> arrow::compute::SortOptions {
    arrow::compute::SortOptions { descending, nulls_first: true }
}

/// The first date of the period of each row; `None` for rows without one.
///
/// # Errors
/// A column of another type.
pub fn periods(rows: &RecordBatch, dating: &Dating) -> Result<Vec<Option<NaiveDate>>> {
    let column = match dating {
        Dating::None => return Ok(vec![None; rows.num_rows()]),
        Dating::Fixed(date) => return Ok(vec![Some(*date); rows.num_rows()]),
        Dating::Column(DayColumn::Date(name) | DayColumn::Time(name), _) => {
            rows.column_by_name(name).with_context(|| format!("there is no column {name}"))?
        }
    };
    if let Some(dates) = column.as_primitive_opt::<Date32Type>() {
        return Ok(dates.iter().map(|day| NaiveDate::from_epoch_days(day?)).collect());
    }
    let times = arrow::compute::cast(column, &TIMESTAMP)?;
    let times = times.as_primitive::<TimestampMicrosecondType>();
    Ok((0..times.len())
        .map(|row| times.is_valid(row).then(|| times.value_as_date(row)).flatten())
        .collect())
}

/// True if values of keys name the windows whose anchors apply.
pub fn needs_anchor_windows(publication: &Publication) -> bool {
    let mut values = publication.key_values();
    values.any(|value| matches!(value, KeyValue::Period(Period::AnchorWindow, _)))
}

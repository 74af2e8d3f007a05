//! Reads what a release is made of from the warehouse.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result, bail};
use arrow::array::{Array, AsArray, RecordBatch, RecordBatchReader};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Date32Type, Int64Type, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use chrono::NaiveDate;

use super::dating::{Dating, Scope};
use super::period::AnchorWindows;
use super::problem::Largest;
use super::table::KeyValues;
use crate::domain::tables::{self, TIMESTAMP, quoted};
use crate::views::publication::{Basis, KeyValue, Link, Publication};
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

/// The largest contributions of single devices to the sums of a view.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn largest(
    warehouse: &dyn Warehouse,
    registry: &Registry,
    view: &View,
    publication: &Publication,
    scope: &Scope,
    found: &mut Largest,
) -> Result<()> {
    for measure in publication.counts.iter().flatten() {
        if !matches!(measure.basis, Basis::Over(_)) {
            continue;
        }
        let link = publication.largest.iter().find(|link| link.counts == [measure.column.as_str()]);
        let Some(link) = link else { continue };
        let rows = collect(warehouse.sql(&statement(registry, link, scope)?)?)
            .with_context(|| format!("{}: largest {link}", view.place()))?;
        let keys = rows.num_columns() - 1;
        let Some(values) = rows.column(keys).as_primitive_opt::<Int64Type>() else {
            bail!("{}: largest {link}: the column is no whole number", view.place());
        };
        let mut of_rows: HashMap<KeyValues, u64> = HashMap::new();
        for row in 0..rows.num_rows() {
            let key = (0..keys).map(|key| {
                let column = rows.column(key);
                let text = || array_value_to_string(column, row);
                column.is_valid(row).then(text).transpose()
            });
            let value = if values.is_valid(row) { values.value(row) } else { 0 };
            of_rows.insert(key.collect::<Result<_, _>>()?, value.unsigned_abs());
        }
        found.insert((view.view.clone(), measure.column.clone()), of_rows);
    }
    Ok(())
}

/// The SELECT for the largest sum of a device, by the keys.
fn statement(registry: &Registry, link: &Link, scope: &Scope) -> Result<String> {
    let relation = link.to.view.as_deref().unwrap_or_default();
    let schema = match (tables::Table::from_name(relation), registry.by_sql_name(relation)) {
        (Some(table), _) => table.schema(),
        (None, Some(View { columns: Some(columns), .. })) => columns.clone(),
        _ => bail!("{relation} is neither a table nor a view"),
    };
    let keys: Vec<String> = link.by.iter().map(|pair| quoted(&pair.theirs)).collect();
    let keys = keys.join(", ");
    let column = quoted(&link.to.column);
    let is_dated = schema.field_with_name("date").is_ok_and(|f| *f.data_type() == DataType::Date32);
    let condition = match scope.read().filter(|_| is_dated) {
        Some((first, last)) => format!(" WHERE date >= DATE '{first}' AND date <= DATE '{last}'"),
        None => String::new(),
    };
    Ok(format!(
        "SELECT {keys}, CAST(MAX(total) AS BIGINT) AS largest FROM (SELECT {keys}, user_id, SUM({column}) AS total \
         FROM {relation}{condition} GROUP BY {keys}, user_id) AS by_user GROUP BY {keys}"
    ))
}

/// True if a link needs the windows whose anchors apply.
pub fn needs_anchor_windows(publication: &Publication) -> bool {
    use crate::views::publication::Period;
    let links = publication.sums.iter().chain(&publication.linked);
    let mut values = links.flat_map(|link| {
        let of_condition = link.condition.iter().map(|condition| &condition.equals);
        link.by.iter().map(|pair| &pair.ours).chain(of_condition)
    });
    values.any(|value| matches!(value, KeyValue::Period(Period::AnchorWindow, _)))
}

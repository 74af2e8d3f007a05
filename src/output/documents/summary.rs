//! The key figures of the loaded data, taken from views with few rows.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate};
use serde_json::{Value, json};

use super::{LoadedData, Period, released_summary};
use crate::config::Time;
use crate::domain::tables::Table;
use crate::stages::quality;
use crate::stages::quality::{DayFigures, Expectation};
use crate::views::OrderBy;
use crate::warehouse::{Relation, Select, Warehouse};

/// The key figures; null where no view provides one. `location` names the warehouse. With a period, events,
/// users, dates and quality are those of its dates. Of released tables there are no sums, and nothing is said about
/// their origin.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn summary(
    data: &LoadedData,
    time: &Time,
    expectation: &Expectation,
    location: Option<&str>,
    period: Period,
) -> Result<Value> {
    let warehouse = data.warehouse;
    if let Some(releases) = warehouse.releases()? {
        return released_summary::document(data, time, &releases, period);
    }
    let rows = |view: &str| -> Result<Option<Vec<RecordBatch>>> {
        let Some(view) = data.registry.by_sql_name(view) else { return Ok(None) };
        let all = Select::all(Relation::View(view));
        let has_dates = view.view == "agg_events_per_hour";
        let select = if has_dates { period.restrict(all) } else { all };
        let rows = warehouse.select(&select)?;
        Ok(Some(rows.collect::<Result<_, _>>()?))
    };
    let hours = rows("agg_events_per_hour")?;
    let dates: Option<BTreeSet<NaiveDate>> = hours.as_deref().map(dates_of).transpose()?;
    let events = hours.as_deref().map(|rows| sum(rows, "event_count")).transpose()?;
    let users = match period.is_all() {
        true => {
            let rows = rows("user_location_distribution")?;
            rows.as_deref().map(|rows| sum(rows, "user_count")).transpose()?
        }
        false => Some(users_in(warehouse, period)?),
    };
    let (cells, mapped) = cells(warehouse)?;
    let laus = warehouse.count(&Select::all(Relation::Table(Table::Lau)))?;
    let recorded = data.version.recorded_dates(warehouse)?;
    let present: BTreeSet<NaiveDate> =
        recorded.iter().chain(dates.iter().flatten()).copied().collect();
    let found = dates.as_ref().and_then(|d| Some((d.first()?, d.last()?)));
    Ok(json!({
        "audience": "analyst",
        "warehouse": location,
        "loaded_at": data.version.loaded.loaded_at,
        "version": data.version.id(),
        "period": found.map(|(from, to)| json!({ "from": from.to_string(), "to": to.to_string() })),
        "dates": dates.map(|d| d.iter().map(NaiveDate::to_string).collect::<Vec<_>>()),
        "gaps": expectation.gaps(&present, (period.from, period.to))?,
        "events": events,
        "users": users,
        "cells": cells,
        "cells_mapped": mapped,
        "laus": laus,
        "quality": quality_of_newest_date(warehouse, period)?,
        "day_start": time.day_start,
        "day_end": time.day_end,
        "allow_user_rows": data.allow_user_rows,
    }))
}

/// The number of different users in a period.
fn users_in(warehouse: &dyn Warehouse, period: Period) -> Result<i64> {
    let dates = period.condition();
    let rows = warehouse.sql(&format!(
        "SELECT COUNT(*) AS n FROM (SELECT DISTINCT user_id FROM mobile_events_compressed{dates}) AS seen"
    ))?;
    sum(&rows.collect::<Result<Vec<_>, _>>()?, "n")
}

/// The warnings of the newest date; null when the warehouse has no quality figures.
fn quality_of_newest_date(warehouse: &dyn Warehouse, period: Period) -> Result<Value> {
    let mut select = period.restrict(Select::all(Relation::Table(Table::QualityDaily)));
    select.order = vec![OrderBy { column: "date".to_owned(), descending: true }];
    select.limit = Some(1);
    let mut newest = Value::Null;
    for batch in warehouse.select(&select)? {
        for day in quality::rows_of::<DayFigures>(&batch?)? {
            newest = json!({
                "date": day.date.to_string(),
                "provisional": day.provisional,
                "warnings": day.warnings,
                "criticals": day.criticals,
            });
        }
    }
    Ok(newest)
}

/// The numbers of distinct cells and of those that lie in a LAU in at least one plan version.
fn cells(warehouse: &dyn Warehouse) -> Result<(usize, usize)> {
    let mut all = BTreeSet::new();
    let mut mapped = BTreeSet::new();
    for batch in warehouse.select(&Select::all(Relation::Table(Table::CellPlan)))? {
        let batch = batch?;
        let (ids, laus) = (text(&batch, "cell_id")?, text(&batch, "lau_id")?);
        for (id, lau) in ids.as_string::<i32>().iter().zip(laus.as_string::<i32>()) {
            let id = id.unwrap_or_default();
            all.insert(id.to_owned());
            if lau.is_some() {
                mapped.insert(id.to_owned());
            }
        }
    }
    Ok((all.len(), mapped.len()))
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array> {
    let column = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
    if *column.data_type() == DataType::Utf8 {
        return Ok(column.as_ref());
    }
    anyhow::bail!("column {name} is {}, not text", column.data_type())
}

fn sum(rows: &[RecordBatch], column: &str) -> Result<i64> {
    let mut sum = 0;
    for batch in rows {
        let counts = batch.column_by_name(column).with_context(|| format!("no column {column}"))?;
        let counts = counts.as_primitive_opt::<Int64Type>();
        let counts = counts.with_context(|| format!("column {column} does not hold integers"))?;
        sum += counts.iter().flatten().sum::<i64>();
    }
    Ok(sum)
}

fn dates_of(rows: &[RecordBatch]) -> Result<BTreeSet<NaiveDate>> {
    let mut dates = BTreeSet::new();
    for batch in rows {
        let hours = batch.column_by_name("hour").context("no column hour")?;
        let hours = hours.as_primitive_opt::<TimestampMicrosecondType>();
        let hours = hours.context("column hour is not a timestamp")?;
        let date = |us: i64| DateTime::from_timestamp_micros(us).map(|t| t.date_naive());
        dates.extend(hours.iter().flatten().filter_map(date));
    }
    Ok(dates)
}

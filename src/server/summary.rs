//! `/summary`: the figures of the data at first sight, taken from the small views.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate};
use serde_json::{Value, json};

use super::edition::Edition;
use super::state::Shared;
use crate::domain::tables::Table;
use crate::stages::quality;
use crate::stages::quality::DayFigures;
use crate::views::OrderBy;
use crate::warehouse::{Relation, Select, Warehouse};

/// The figures as JSON; null for what no view tells.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn json(shared: &Shared, edition: &Edition, warehouse: &dyn Warehouse) -> Result<Vec<u8>> {
    let rows = |view: &str| -> Result<Option<Vec<RecordBatch>>> {
        let Some(view) = shared.registry.by_sql_name(view) else { return Ok(None) };
        let rows = warehouse.select(&Select::all(Relation::View(view)))?;
        Ok(Some(rows.collect::<Result<_, _>>()?))
    };
    let hours = rows("agg_events_per_hour")?;
    let days: Option<BTreeSet<NaiveDate>> = hours.as_deref().map(days).transpose()?;
    let events = hours.as_deref().map(|rows| sum(rows, "event_count")).transpose()?;
    let users = rows("user_location_distribution")?;
    let users = users.as_deref().map(|rows| sum(rows, "user_count")).transpose()?;
    let (cells, mapped) = cells(warehouse)?;
    let laus = warehouse.count(&Select::all(Relation::Table(Table::Lau)))?;
    let period = days.as_ref().and_then(|d| Some((d.first()?, d.last()?)));
    let config = &shared.config;
    let body = json!({
        "warehouse": config.warehouse.url.to_string(),
        "loaded_at": edition.loaded.loaded_at,
        "version": edition.version(),
        "period": period.map(|(from, to)| json!({ "from": from.to_string(), "to": to.to_string() })),
        "dates": days.map(|d| d.iter().map(NaiveDate::to_string).collect::<Vec<_>>()),
        "events": events,
        "users": users,
        "cells": cells,
        "cells_mapped": mapped,
        "laus": laus,
        "quality": newest(warehouse)?,
        "day_start": config.time.day_start,
        "day_end": config.time.day_end,
        "allow_user_rows": config.serve.allow_user_rows,
    });
    Ok(format!("{body}\n").into_bytes())
}

/// What is to be looked at on the newest date; null where nothing is known.
fn newest(warehouse: &dyn Warehouse) -> Result<Value> {
    let mut select = Select::all(Relation::Table(Table::QualityDaily));
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

/// Different cells, and those among them that lie in a LAU at some time.
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
        let counts = counts.with_context(|| format!("column {column} does not count"))?;
        sum += counts.iter().flatten().sum::<i64>();
    }
    Ok(sum)
}

fn days(rows: &[RecordBatch]) -> Result<BTreeSet<NaiveDate>> {
    let mut days = BTreeSet::new();
    for batch in rows {
        let hours = batch.column_by_name("hour").context("no column hour")?;
        let hours = hours.as_primitive_opt::<TimestampMicrosecondType>();
        let hours = hours.context("column hour is no time stamp")?;
        let day = |us: i64| DateTime::from_timestamp_micros(us).map(|t| t.date_naive());
        days.extend(hours.iter().flatten().filter_map(day));
    }
    Ok(days)
}

//! Charts of views as SVG files: lines and bars by plotters, maps from the outlines of LAUs.
//!
//! There is no PNG output, because rendering text to pixels needs font files, which a server may not
//! have. The viewer of an SVG renders the text.

mod bar;
mod data;
mod line;
mod map;
mod style;

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};
use arrow::datatypes::Schema;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::errors::UsageError;
use crate::output::data_version::recorded_dates;
use crate::output::{lau_outlines, snapshots};
use crate::views::{ChartKind, View};
use crate::warehouse::{Select, Warehouse};
pub use data::{Axis, Data, Series};
use line::Line;
use style::ChartStyle;

/// Missing dates interrupt the line of a period of up to this many days.
const MAX_DAYS: i64 = 20_000;

/// A view as an SVG document. `date` selects the day of a map, by default the last one.
///
/// # Errors
/// [`UsageError`] for a view that has no chart or has rows of single users; a warehouse that cannot be
/// read.
pub fn svg(warehouse: &dyn Warehouse, view: &View, date: Option<NaiveDate>) -> Result<String> {
    let usage = |text: String| anyhow!(UsageError(text));
    if let Some(reason) = &view.single_users {
        return Err(usage(format!(
            "{} counts as rows of single users, because {reason}; these are never drawn, but `mobility \
             query {}` prints them",
            view.name, view.name
        )));
    }
    if let Some(reason) = snapshots::why_empty(warehouse, view.into())? {
        bail!("{} has nothing to draw, because {reason}", view.name);
    }
    let mut select = Select::all(view.into());
    (select.from, select.to) = (date, date);
    let schema = warehouse.columns(view.into())?;
    let columns = named(view, &schema)?;
    let rows = warehouse.select(&select)?;
    match (view.chart.kind, columns.as_slice()) {
        (ChartKind::Table, _) | (_, []) => Err(usage(format!(
            "{} has no chart; add `-- chart: line`, `bar` or `map` with its columns to {}",
            view.name,
            view.file.display()
        ))),
        (ChartKind::Map, [column, ..]) => {
            let map_data = data::map_data(rows, column)?;
            let drawing = lau_outlines::drawing(warehouse)?;
            let title =
                map_data.day.map_or(view.title.clone(), |day| format!("{}, {day}", view.title));
            Ok(map::svg(&title, column, &map_data.values, &drawing))
        }
        (kind, [axis, values @ ..]) => {
            let data = data::read(rows, axis, values, &recorded_dates(warehouse)?)?;
            if data.is_empty() {
                return Err(anyhow!("{} has no rows to draw", view.name));
            }
            match (kind, &data.axis) {
                (ChartKind::Line, Axis::Time(times)) => {
                    let (title, top) = (view.title.as_str(), data.top());
                    let (style, text) = (ChartStyle::LARGE, style::number as fn(f64) -> String);
                    Line { style, title, times, data: &data, top, text }.svg()
                }
                _ => bar::svg(&view.title, &data),
            }
        }
    }
}

/// A small line chart with one value per date, for a page that provides title and colours. The line is
/// interrupted at missing dates.
///
/// # Errors
/// An error of the drawing library.
pub fn small(values: &[(NaiveDate, f64)], text: fn(f64) -> String) -> Result<String> {
    let by_date: BTreeMap<NaiveDate, f64> = values.iter().copied().collect();
    let (first, last) = by_date.keys().next().zip(by_date.keys().last()).context("no dates")?;
    let dates: Vec<NaiveDate> = match (*last - *first).num_days() < MAX_DAYS {
        true => first.iter_days().take_while(|date| date <= last).collect(),
        false => by_date.keys().copied().collect(),
    };
    let times: Vec<NaiveDateTime> = dates.iter().map(|d| d.and_time(NaiveTime::MIN)).collect();
    let value = |date: &NaiveDate| by_date.get(date).copied().unwrap_or(f64::NAN);
    let numbers: Vec<f64> = dates.iter().map(value).collect();
    let top = numbers.iter().copied().fold(0.0, f64::max);
    let top = if top > 0.0 { top } else { 1.0 };
    let series = vec![Series { name: String::new(), values: numbers }];
    let data = Data { axis_name: "date".into(), axis: Axis::Time(times.clone()), series };
    Line { style: ChartStyle::SMALL, title: "", times: &times, data: &data, top, text }.svg()
}

/// The columns that the header names, which must exist.
fn named(view: &View, schema: &Schema) -> Result<Vec<String>> {
    if let Some(missing) = view.chart.columns.iter().find(|c| schema.index_of(c).is_err()) {
        let present: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        return Err(anyhow!(UsageError(format!(
            "{}: the chart names the column {missing:?}, but the view has {}",
            view.place(),
            present.join(", ")
        ))));
    }
    Ok(view.chart.columns.clone())
}

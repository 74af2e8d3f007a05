//! Charts of views as SVG files: lines and bars by plotters, maps from the outlines of the LAUs.
//!
//! There is no PNG: drawing letters into pixels needs a font file, and a machine without a desktop
//! need not have one. In an SVG the reader's own program sets the letters.

mod bar;
mod data;
mod line;
mod map;
mod style;

use anyhow::{Result, anyhow};
use arrow::datatypes::Schema;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::errors::UsageError;
use crate::views::{ChartKind, View};
use crate::warehouse::{Select, Warehouse};
pub use data::{Axis, Data, Series};
use line::Line;
pub use map::Shape;
use style::Sheet;

/// A view as an SVG document. `shapes` gives the outlines, and the width and height of the box
/// they lie in; it is asked for maps alone. Of a map with several days `date` chooses one, else the
/// last is drawn.
///
/// # Errors
/// [`UsageError`] for a view that has no chart or shows single users; a warehouse that cannot be
/// read.
pub fn svg(
    warehouse: &dyn Warehouse,
    view: &View,
    date: Option<NaiveDate>,
    shapes: impl FnOnce() -> Result<(Vec<Shape>, (f64, f64))>,
) -> Result<String> {
    let usage = |text: String| anyhow!(UsageError(text));
    if view.single_users {
        return Err(usage(format!(
            "{} tells of single users, who are never drawn; `mobility query {}` prints its rows",
            view.name, view.name
        )));
    }
    let mut select = Select::all(view.into());
    (select.from, select.to) = (date, date);
    let schema = warehouse.columns(view.into())?;
    let columns = named(view, &schema)?;
    let rows = warehouse.select(&select)?;
    match (view.chart.kind, columns.as_slice()) {
        (ChartKind::Table, _) | (_, []) => Err(usage(format!(
            "{} has no chart; write `-- chart: line`, `bar` or `map` with its columns into {}",
            view.name,
            view.file.display()
        ))),
        (ChartKind::Map, [column, ..]) => {
            let places = data::places(rows, column)?;
            let (shapes, size) = shapes()?;
            let title =
                places.day.map_or(view.title.clone(), |day| format!("{}, {day}", view.title));
            Ok(map::svg(&title, column, &places.values, &shapes, size))
        }
        (kind, [axis, values @ ..]) => {
            let data = data::read(rows, axis, values)?;
            if data.is_empty() {
                return Err(anyhow!("{} has no rows to draw", view.name));
            }
            match (kind, &data.axis) {
                (ChartKind::Line, Axis::Time(times)) => {
                    let (title, top) = (view.title.as_str(), data.top());
                    let (sheet, text) = (Sheet::LARGE, style::number as fn(f64) -> String);
                    Line { sheet, title, times, data: &data, top, text }.svg()
                }
                _ => bar::svg(&view.title, &data),
            }
        }
    }
}

/// A small line of one value a date, for a page that gives it its title and its colours.
///
/// # Errors
/// When the drawing fails.
pub fn small(values: &[(NaiveDate, f64)], text: fn(f64) -> String) -> Result<String> {
    let times: Vec<NaiveDateTime> =
        values.iter().map(|(date, _)| date.and_time(NaiveTime::MIN)).collect();
    let numbers: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    let top = numbers.iter().copied().fold(0.0, f64::max);
    let top = if top > 0.0 { top } else { 1.0 };
    let series = vec![Series { name: String::new(), values: numbers }];
    let data = Data { axis_name: "date".into(), axis: Axis::Time(times.clone()), series };
    Line { sheet: Sheet::SMALL, title: "", times: &times, data: &data, top, text }.svg()
}

/// The columns of the header, which must be there.
fn named(view: &View, schema: &Schema) -> Result<Vec<String>> {
    if let Some(missing) = view.chart.columns.iter().find(|c| schema.index_of(c).is_err()) {
        let there: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        return Err(anyhow!(UsageError(format!(
            "{}: the chart names the column {missing:?}; there are {}",
            view.place(),
            there.join(", ")
        ))));
    }
    Ok(view.chart.columns.clone())
}

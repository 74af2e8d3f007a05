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
use chrono::NaiveDate;

use crate::usage::UsageError;
use crate::views::{ChartKind, View};
use crate::warehouse::{Select, Warehouse};
pub use data::{Axis, Data, Series};
pub use map::Shape;

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
                (ChartKind::Line, Axis::Time(times)) => line::svg(&view.title, times, &data),
                _ => bar::svg(&view.title, &data),
            }
        }
    }
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

//! Charts of views as SVG files: lines and bars by plotters, maps from the outlines of LAUs. PNG and PDF are
//! made from the SVG. A view without a chart is drawn if its columns say how: as lines between two LAUs, or as a
//! map for every fourth hour.

mod bar;
mod data;
mod flows;
mod hours;
mod line;
mod map;
mod newest;
mod raster;
mod style;
mod withheld;

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};
use arrow::datatypes::Schema;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use crate::errors::UsageError;
use crate::output::data_version::recorded_dates;
use crate::output::{lau_outlines, snapshots};
use crate::views::{ChartKind, Registry, View};
use crate::warehouse::{DayColumn, Select, Warehouse};
pub use data::{Axis, Data, Series};
use flows::FlowColumns;
use line::Line;
pub use raster::{pdf, png};
use style::ChartStyle;

/// Missing dates interrupt the line of a period of up to this many days.
const MAX_DAYS: i64 = 20_000;

/// What a chart shows, besides the view.
#[derive(Debug, Clone, Default)]
pub struct ChartOptions {
    /// First and last date. A map shows the last date of these that has rows.
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// Instead of the title of the view.
    pub title: Option<String>,
    /// A line below the chart.
    pub note: Option<String>,
    /// A map shows its values per square kilometre.
    pub per_km2: bool,
}

/// More hours than a month has are drawn by day.
const MAX_HOURS: usize = 31 * 24;
/// Views by hour, and how days are drawn instead: the sum of their hours, or another view, because a user who
/// is seen in two hours counts once a day.
const BY_DAY: [(&str, Option<&str>); 2] =
    [("agg_events_per_hour", None), ("agg_unique_users_per_hour", Some("users_per_day"))];

/// A view as an SVG document.
///
/// # Errors
/// [`UsageError`] for a view that has no chart or has rows of single users; a warehouse that cannot be
/// read.
pub fn svg(
    registry: &Registry,
    warehouse: &dyn Warehouse,
    view: &View,
    options: &ChartOptions,
) -> Result<String> {
    let svg = chart(registry, warehouse, view, options)?;
    let is_released = data::is_released(&*warehouse.columns(view.into())?);
    // maps say so in their legend
    let withheld = (is_released && !svg.contains(style::HATCHED)).then_some(withheld::NOTE);
    let notes = withheld.into_iter().chain(options.note.as_deref());
    Ok(notes.fold(svg, |svg, note| with_note(&svg, note)))
}

fn chart(
    registry: &Registry,
    warehouse: &dyn Warehouse,
    view: &View,
    options: &ChartOptions,
) -> Result<String> {
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
    (select.from, select.to) = (options.from, options.to);
    let title = options.title.as_deref();
    if options.per_km2 && view.chart.kind != ChartKind::Map {
        return Err(usage(format!(
            "{} is not drawn as a map, so it has no values per km²; leave out --per-km2, or name a view that is, \
             such as users-per-lau",
            view.name
        )));
    }
    let schema = warehouse.columns(view.into())?;
    let columns = named(view, &schema)?;
    if let Some(svg) = of_period(warehouse, view, &schema, &columns, options)? {
        return Ok(svg);
    }
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
            let title = match (title, map_data.day) {
                (Some(title), _) => title.to_owned(),
                (None, Some(day)) => format!("{}, {day}", view.title),
                (None, None) => view.title.clone(),
            };
            let withheld = withheld::meaning(view, &schema);
            Ok(map::svg(&title, column, &map_data.values, &drawing, options.per_km2, withheld))
        }
        (kind, [axis, values @ ..]) => {
            let data = data::read(rows, axis, values, &recorded_dates(warehouse)?)?;
            if data.is_empty() {
                return Err(anyhow!("{} has no rows to draw", view.name));
            }
            let (data, of_days) = match &data.axis {
                Axis::Time(times) if times.len() > MAX_HOURS => {
                    by_day(registry, warehouse, view, (&select, data))?
                }
                _ => (data, None),
            };
            let title = title.or(of_days.as_deref()).unwrap_or(&view.title);
            let title = match (options.title.is_none(), options.from, options.to) {
                (true, Some(from), Some(to)) if from == to => format!("{title}, {from}"),
                (true, Some(from), Some(to)) => format!("{title}, {from} to {to}"),
                _ => title.to_owned(),
            };
            match (kind, &data.axis) {
                (ChartKind::Line, Axis::Time(times)) => {
                    let (title, top) = (title.as_str(), data.top());
                    let (style, text) = (ChartStyle::LARGE, style::number as fn(f64) -> String);
                    Line { style, title, times, data: &data, top, text }.svg()
                }
                _ => bar::svg(&title, &data),
            }
        }
    }
}

/// A view of places that has several nights or windows, or no chart, as a map of the newest period; `None` for
/// other views.
fn of_period(
    warehouse: &dyn Warehouse,
    view: &View,
    schema: &Schema,
    columns: &[String],
    options: &ChartOptions,
) -> Result<Option<String>> {
    let flows = FlowColumns::of(schema);
    let hourly = hours::value_column(schema);
    let value = match (view.chart.kind, columns, DayColumn::of(schema)) {
        (ChartKind::Map, [column, ..], None) => Some(column),
        (ChartKind::Table, _, _) if flows.is_some() || hourly.is_some() => None,
        _ => return Ok(None),
    };
    let nothing = || anyhow!("{} has no rows to draw", view.name);
    let newest = newest::newest(warehouse, view, schema, options)?;
    let newest = match (newest, value) {
        (Some(newest), _) => newest,
        // a map of a view without periods has all rows
        (None, Some(_)) if !newest::has_periods(schema) => return Ok(None),
        (None, _) => return Err(nothing()),
    };
    let title = match &options.title {
        Some(title) => title.clone(),
        None => format!("{}, {}", view.title, newest.text()),
    };
    let drawing = lau_outlines::drawing(warehouse)?;
    let svg = match (value, flows, hourly) {
        (Some(column), _, _) => {
            let (name, condition) = (&view.view, newest.condition());
            let sql = format!("SELECT lau_id, {column} FROM {name} WHERE {condition}");
            let values = data::map_data(warehouse.sql_with(&sql, &[])?, column)?.values;
            let meaning = withheld::meaning(view, schema);
            Some(map::svg(&title, column, &values, &drawing, options.per_km2, meaning))
        }
        (None, Some(flows), _) => {
            withheld::refuse_sums(view, schema, &flows.ends())?;
            flows::svg(warehouse, view, &flows, &newest, &title, &drawing)?
        }
        (None, None, Some(value)) => {
            withheld::refuse_sums(view, schema, &["hour", "lau_id"])?;
            let about = (title.as_str(), withheld::meaning(view, schema));
            hours::svg(warehouse, view, value, &newest, about, &drawing)?
        }
        (None, None, None) => None,
    };
    svg.map(Some).ok_or_else(nothing)
}

/// The days of a chart with more hours than can be told apart, and their title. Other views keep their
/// hours: whether these may be added up is unknown.
fn by_day(
    registry: &Registry,
    warehouse: &dyn Warehouse,
    view: &View,
    (select, data): (&Select, Data),
) -> Result<(Data, Option<String>)> {
    // released numbers are not added up, since some of them are withheld
    let is_released = registry.is_released();
    match BY_DAY.iter().find(|(hours, _)| *hours == view.view && !is_released) {
        None => Ok((data, None)),
        Some((_, None)) => Ok((data.sums_by_day(), Some("Events per day".to_owned()))),
        Some((_, Some(days))) => {
            let Some(days) = registry.by_sql_name(days) else { return Ok((data, None)) };
            let (axis, values) = days.chart.columns.split_first().context("no columns to draw")?;
            let select = Select { relation: days.into(), ..select.clone() };
            let loaded = recorded_dates(warehouse)?;
            let data = data::read(warehouse.select(&select)?, axis, values, &loaded)?;
            Ok((data, Some(days.title.clone())))
        }
    }
}

/// Adds a line of text below a chart.
fn with_note(svg: &str, note: &str) -> String {
    const LINE: u32 = 34;
    let size = |name: &str| -> Option<u32> {
        let value = svg.split_once(&format!("{name}=\""))?.1.split_once('"')?.0;
        value.parse().ok()
    };
    let (Some(width), Some(height)) = (size(" width"), size(" height")) else {
        return svg.to_owned();
    };
    let taller = height + LINE;
    let text = format!(
        "<rect x=\"0\" y=\"{height}\" width=\"{width}\" height=\"{LINE}\" fill=\"#ffffff\"/>\n\
         <text x=\"24\" y=\"{}\" font-size=\"14\" font-family=\"{}\" fill=\"#5b6878\">{}</text>\n</svg>",
        height + 14,
        style::FONT,
        style::escaped(note)
    );
    svg.replacen(&format!("height=\"{height}\""), &format!("height=\"{taller}\""), 1)
        .replacen(&format!("0 0 {width} {height}\""), &format!("0 0 {width} {taller}\""), 1)
        .replacen("</svg>", &text, 1)
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

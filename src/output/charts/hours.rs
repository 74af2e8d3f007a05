//! Small maps of a date side by side, one for every fourth hour, of a view by hour and LAU.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, TimestampMicrosecondType};
use chrono::{NaiveDateTime, Timelike};

use super::data::{numbers, texts, whole_columns};
use super::map::{HEAD, class_bounds, head, legend_of, shade};
use super::newest::Newest;
use super::style::{HATCHED_BORDER, HATCHING, MUTED_TEXT, escaped, label, number};
use crate::domain::tables::TIMESTAMP;
use crate::output::lau_outlines::Drawing;
use crate::views::View;
use crate::warehouse::Warehouse;

const EVERY: u32 = 4;
const COLUMNS: usize = 3;
const GAP: f64 = 18.0;
/// Height of the text above each map.
const NAME: f64 = 26.0;

/// The column of the values, of a view with date, hour and LAU; `None` for other views.
pub fn value_column(schema: &Schema) -> Option<&'static str> {
    let has = |name: &str| schema.index_of(name).is_ok();
    let is_time = |name: &str| {
        let field = schema.field_with_name(name);
        field.is_ok_and(|field| matches!(field.data_type(), DataType::Timestamp(..)))
    };
    let is_hourly = has("date") && is_time("hour") && has("lau_id");
    ["devices", "estimate"].into_iter().find(|value| is_hourly && has(value))
}

/// An SVG document of the hours of a date; `None` without rows. Of a release, LAUs without a number are hatched,
/// and `withheld` says what that means.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn svg(
    warehouse: &dyn Warehouse,
    view: &View,
    value: &str,
    newest: &Newest,
    (title, withheld): (&str, Option<&str>),
    drawing: &Drawing,
) -> Result<Option<String>> {
    let sql = format!(
        "SELECT hour, lau_id, CAST(SUM({value}) AS DOUBLE PRECISION) AS total FROM {} WHERE {} \
         GROUP BY hour, lau_id ORDER BY hour, lau_id",
        view.view,
        newest.condition()
    );
    let columns = whole_columns(warehouse.sql_with(&sql, &[])?, &["hour", "lau_id", "total"])?;
    let null = if withheld.is_some() { f64::NAN } else { 0.0 };
    let times = cast(&columns[0], &TIMESTAMP)?;
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let (laus, values) = (texts(&columns[1])?, numbers(&columns[2], value, null)?);
    let mut hours: BTreeMap<NaiveDateTime, BTreeMap<String, f64>> = BTreeMap::new();
    for (row, (lau, value)) in laus.into_iter().zip(values).enumerate() {
        let Some(hour) = times.value_as_datetime(row) else { continue };
        // the second of two equal hours is left out
        if hour.hour().is_multiple_of(EVERY) && hour.nanosecond() == 0 {
            hours.entry(hour).or_default().insert(lau, value);
        }
    }
    Ok((!hours.is_empty()).then(|| draw((title, withheld), value, &hours, drawing)))
}

fn draw(
    (title, withheld): (&str, Option<&str>),
    value: &str,
    hours: &BTreeMap<NaiveDateTime, BTreeMap<String, f64>>,
    drawing: &Drawing,
) -> String {
    let width = f64::from(drawing.width);
    let tile = (width - GAP * (COLUMNS - 1) as f64) / COLUMNS as f64;
    let scale = tile / width;
    let tile_height = f64::from(drawing.height) * scale + NAME;
    let lines = hours.len().div_ceil(COLUMNS) as f64;
    let height = lines * tile_height + (lines - 1.0) * GAP;
    // all hours share the classes
    let bounds = class_bounds(hours.values().flat_map(BTreeMap::values).copied());
    let mut out = head(title, width, height);
    out.push_str(if withheld.is_some() { HATCHING } else { "" });
    let none = if withheld.is_some() { f64::NAN } else { 0.0 };
    // writing into a string cannot fail
    let _ = writeln!(out, "<defs>");
    for (i, lau) in drawing.laus.iter().enumerate() {
        let _ = writeln!(out, "<path id=\"lau{i}\" d=\"{}\"/>", escaped(&lau.path));
    }
    let _ = writeln!(out, "</defs>");
    for (n, (hour, values)) in hours.iter().enumerate() {
        let x = (n % COLUMNS) as f64 * (tile + GAP);
        let y = (n / COLUMNS) as f64 * (tile_height + GAP);
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"16\" stroke=\"none\" fill=\"{MUTED_TEXT}\">{}</text>\n\
             <g transform=\"translate({x:.1} {:.1}) scale({scale:.5})\">",
            y + 17.0,
            hour.format("%H:%M"),
            y + NAME
        );
        for (i, lau) in drawing.laus.iter().enumerate() {
            let value = values.get(&lau.lau_id).copied().unwrap_or(none);
            let name = escaped(lau.lau_name.as_deref().unwrap_or(&lau.lau_id));
            let _ = writeln!(
                out,
                "<use href=\"#lau{i}\"{} fill=\"{}\"><title>{name}, {}: {}</title></use>",
                if value.is_nan() { HATCHED_BORDER } else { "" },
                shade(value, &bounds),
                hour.format("%H:%M"),
                withheld.filter(|_| value.is_nan()).map_or_else(|| number(value), str::to_owned)
            );
        }
        let _ = writeln!(out, "</g>");
    }
    let legend = legend_of(&label(value), &bounds, false, withheld, HEAD + height);
    let _ = write!(out, "</g>\n{legend}</svg>\n");
    out
}

//! Lines between LAUs on a map, of a view with the LAUs of both ends, as wide as the number of trips, devices or
//! people.

use std::collections::HashMap;
use std::fmt::Write;

use anyhow::Result;
use arrow::datatypes::Schema;

use super::data::{numbers, texts, whole_columns};
use super::map::{FOOT, HEAD, SIDE, head};
use super::newest::Newest;
use super::style::{MUTED_TEXT, NO_SHADE, escaped, label, number};
use crate::output::columns::{ColumnInfo, lau_ends};
use crate::output::lau_outlines::Drawing;
use crate::views::View;
use crate::warehouse::Warehouse;

/// Lines that are drawn, the widest first.
const MAX_LINES: usize = 2_000;
const MIN_WIDTH: f64 = 0.8;
const MAX_WIDTH: f64 = 14.0;
/// How far a line is bent to the right of its direction, as a share of its length.
const BEND: f64 = 0.16;
const COLOUR: &str = "#2f8f6b";

/// The columns of both ends and of the value.
pub struct FlowColumns {
    from: String,
    to: String,
    value: &'static str,
}

impl FlowColumns {
    /// `None` for a view that does not have exactly two LAUs and a number of trips, devices or people.
    pub fn of(schema: &Schema) -> Option<FlowColumns> {
        let columns = ColumnInfo::all(schema);
        let [from, to] = lau_ends(&columns)?.map(|column| columns[column].name.clone());
        let values = ["trips", "devices", "estimate"];
        let value = values.into_iter().find(|value| schema.index_of(value).is_ok())?;
        Some(FlowColumns { from, to, value })
    }
}

impl FlowColumns {
    /// The columns of both ends.
    pub fn ends(&self) -> [&str; 2] {
        [&self.from, &self.to]
    }
}

/// A line between two LAUs, by their places in the drawing.
struct Line {
    from: usize,
    to: usize,
    value: f64,
}

/// An SVG document of the lines of a period; `None` if there is no line to draw.
///
/// # Errors
/// A warehouse that cannot be read.
pub fn svg(
    warehouse: &dyn Warehouse,
    view: &View,
    columns: &FlowColumns,
    newest: &Newest,
    title: &str,
    drawing: &Drawing,
) -> Result<Option<String>> {
    let FlowColumns { from, to, value } = columns;
    // trips are stated by the hour, and add up
    let sql = format!(
        "SELECT {from}, {to}, CAST(SUM({value}) AS DOUBLE PRECISION) AS {value} FROM {} \
         WHERE {} AND {from} <> {to} AND {value} > 0 GROUP BY {from}, {to} \
         ORDER BY 3 DESC, {from}, {to} LIMIT {MAX_LINES}",
        view.view,
        newest.condition()
    );
    let columns = whole_columns(warehouse.sql_with(&sql, &[])?, &[from, to, value])?;
    let places: HashMap<&str, usize> =
        drawing.laus.iter().enumerate().map(|(i, lau)| (lau.lau_id.as_str(), i)).collect();
    let ends = texts(&columns[0])?.into_iter().zip(texts(&columns[1])?);
    let lines: Vec<Line> = ends
        .zip(numbers(&columns[2], value, 0.0)?)
        .filter_map(|((from, to), value)| {
            Some(Line { from: *places.get(&*from)?, to: *places.get(&*to)?, value })
        })
        .collect();
    Ok((!lines.is_empty()).then(|| draw(title, value, &lines, drawing)))
}

fn draw(title: &str, value: &str, lines: &[Line], drawing: &Drawing) -> String {
    let mut out = head(title, f64::from(drawing.width), f64::from(drawing.height));
    // writing into a string cannot fail
    for lau in &drawing.laus {
        let name = escaped(lau.lau_name.as_deref().unwrap_or(&lau.lau_id));
        let path = escaped(&lau.path);
        let _ =
            writeln!(out, "<path fill=\"{NO_SHADE}\" d=\"{path}\"><title>{name}</title></path>");
    }
    let most = lines.iter().map(|line| line.value).fold(1.0, f64::max);
    let _ = writeln!(
        out,
        "</g>\n<g transform=\"translate({SIDE} {HEAD})\" fill=\"none\" stroke=\"{COLOUR}\" \
         stroke-opacity=\"0.62\" stroke-linecap=\"round\">"
    );
    let name = |place: usize| {
        let lau = &drawing.laus[place];
        escaped(lau.lau_name.as_deref().unwrap_or(&lau.lau_id))
    };
    for Line { from, to, value } in lines {
        let ((x1, y1), (x2, y2)) = (drawing.laus[*from].centre, drawing.laus[*to].centre);
        let (cx, cy) = ((x1 + x2) / 2.0 - (y2 - y1) * BEND, (y1 + y2) / 2.0 + (x2 - x1) * BEND);
        let width = (MAX_WIDTH * value / most).max(MIN_WIDTH);
        let _ = writeln!(
            out,
            "<path stroke-width=\"{width:.2}\" d=\"M{x1:.1} {y1:.1}Q{cx:.1} {cy:.1} {x2:.1} {y2:.1}\">\
             <title>{} to {}: {}</title></path>",
            name(*from),
            name(*to),
            number(*value)
        );
    }
    let y = HEAD + f64::from(drawing.height) + 34.0;
    let text =
        format!("{}: the widest of {} lines has {}", label(value), lines.len(), number(most));
    let _ = writeln!(
        out,
        "</g>\n<text x=\"{SIDE}\" y=\"{y}\" font-size=\"15\" fill=\"#16202c\">{text}</text>\n\
         <text x=\"{SIDE}\" y=\"{}\" font-size=\"14\" fill=\"{MUTED_TEXT}\">Lines bend to the right of their \
         direction.</text>\n</svg>",
        y + FOOT / 4.0
    );
    out
}

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
/// The widest line, and the least widths of the widest and of the others.
const MAX_WIDTH: f64 = 14.0;
const MIN_WIDEST: f64 = 2.0;
const MIN_WIDTHS: [f64; 2] = [0.3, 0.8];
/// How much of a map all lines may cover together; their widths follow from it.
const MAX_COVER: f64 = 0.4;
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

/// Widths of lines by their values.
#[derive(Debug, Clone, Copy)]
struct Widths {
    most: f64,
    widest: f64,
    least: f64,
}

impl Widths {
    /// From the length and value of each line on a map of this area. The more and the longer the lines are, the thinner
    /// they all are.
    fn of(lines: &[(f64, f64)], area: f64) -> Self {
        let most = lines.iter().map(|(_, value)| *value).fold(1.0, f64::max);
        let length: f64 = lines.iter().map(|(length, _)| length).sum();
        let weighted: f64 = lines.iter().map(|(length, value)| length * value / most).sum();
        let [least, greatest] = MIN_WIDTHS;
        Widths {
            most,
            widest: (MAX_COVER * area / weighted).clamp(MIN_WIDEST, MAX_WIDTH),
            least: (MAX_COVER * area / length).clamp(least, greatest),
        }
    }

    fn width(self, value: f64) -> f64 {
        (self.widest * value / self.most).max(self.least)
    }
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
    let length = |line: &Line| {
        let ((x1, y1), (x2, y2)) = (drawing.laus[line.from].centre, drawing.laus[line.to].centre);
        (x2 - x1).hypot(y2 - y1)
    };
    let measured: Vec<(f64, f64)> = lines.iter().map(|line| (length(line), line.value)).collect();
    let widths = Widths::of(&measured, f64::from(drawing.width) * f64::from(drawing.height));
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
        let width = widths.width(*value);
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
    let text = format!(
        "{}: the widest of {} lines has {}",
        label(value),
        lines.len(),
        number(widths.most)
    );
    let _ = writeln!(
        out,
        "</g>\n<text x=\"{SIDE}\" y=\"{y}\" font-size=\"15\" fill=\"#16202c\">{text}</text>\n\
         <text x=\"{SIDE}\" y=\"{}\" font-size=\"14\" fill=\"{MUTED_TEXT}\">Lines bend to the right of their \
         direction.</text>\n</svg>",
        y + FOOT / 4.0
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_lines_are_wide_and_many_do_not_hide_the_map() {
        let area = 1_000.0 * 500.0;
        let few = Widths::of(&[(100.0, 20.0), (300.0, 1.0)], area);
        assert_eq!([few.width(20.0), few.width(10.0), few.width(1.0)], [14.0, 7.0, 0.8]);
        // 200,000 long in all, of which a width of 1 covers 0.4 of the map
        let many = Widths::of(&[(100.0, 4.0); 2_000], area);
        assert_eq!((many.widest, many.least), (MIN_WIDEST, 0.8));
        let long = Widths::of(&[(400.0, 4.0); 2_000], area);
        assert_eq!((long.widest, long.least), (MIN_WIDEST, 0.3));
        let sparse = Widths::of(&[(100.0, 4.0); 500], area);
        assert_eq!((sparse.width(4.0), sparse.width(0.1)), (4.0, 0.8));
    }
}

//! Sizes, colours and texts that all charts share; the same shades as the dashboard's.

use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea, IntoFont, SVGBackend};
use plotters::style::{RGBColor, TextStyle, WHITE};

use crate::domain::numbers::grouped;

/// How large a chart and its letters are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sheet {
    /// Width and height in pixels.
    size: (u32, u32),
    margin: i32,
    /// Pixels at the right, for the half of the last label that sticks out.
    right: i32,
    label_size: i32,
    /// Pixels for what stands below the level axis, and beside the upright one.
    below: i32,
    pub beside: i32,
    /// Most labels of the axes.
    pub times: i64,
    pub numbers: usize,
    /// With a title, the names of the axes and a ground of its own.
    pub alone: bool,
}

impl Sheet {
    /// A chart that is a file of its own.
    pub const LARGE: Sheet = Sheet {
        size: (1_100, 560),
        margin: 24,
        right: 24,
        label_size: 14,
        below: 48,
        beside: 84,
        times: 12,
        numbers: 10,
        alone: true,
    };
    /// One of several on a page, which gives it its title and its ground.
    pub const SMALL: Sheet = Sheet {
        size: (420, 180),
        margin: 6,
        right: 26,
        label_size: 15,
        below: 28,
        beside: 84,
        times: 4,
        numbers: 4,
        alone: false,
    };
}

/// What SVG readers replace by a sans-serif font of their own.
pub const FONT: &str = "sans-serif";
const TITLE_SIZE: i32 = 24;

const INK: RGBColor = RGBColor(22, 32, 44);
pub const MUTED: RGBColor = RGBColor(91, 104, 120);
pub const GRID: RGBColor = RGBColor(232, 236, 240);
pub const SERIES: [RGBColor; 4] =
    [RGBColor(27, 126, 166), RGBColor(217, 118, 26), RGBColor(90, 70, 168), RGBColor(47, 143, 107)];
/// From few to many.
pub const SHADES: [&str; 7] =
    ["#d8ecf0", "#b1d9e2", "#7fbfd0", "#4c9fbd", "#2a7aa5", "#1f5488", "#1b2f62"];
pub const NO_SHADE: &str = "#eceff3";

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failure = Box<dyn std::error::Error>;

/// A sheet that is drawn into `out`.
///
/// # Errors
/// When the drawing fails.
pub fn canvas(out: &mut String, sheet: Sheet) -> Result<Canvas<'_>, Failure> {
    let canvas = SVGBackend::with_string(out, sheet.size).into_drawing_area();
    if sheet.alone {
        canvas.fill(&WHITE)?;
    }
    Ok(canvas)
}

/// A chart with its title, and `left` pixels for what stands beside its upright axis.
pub fn titled<'a, 'b>(
    canvas: &'a Canvas<'b>,
    sheet: Sheet,
    title: &str,
    left: i32,
) -> ChartBuilder<'a, 'static, SVGBackend<'b>> {
    let mut chart = ChartBuilder::on(canvas);
    chart
        .margin(sheet.margin)
        .margin_right(sheet.right)
        .x_label_area_size(sheet.below)
        .y_label_area_size(left);
    if sheet.alone {
        chart.caption(title, (FONT, TITLE_SIZE).into_font().color(&INK));
    }
    chart
}

/// How axes are labelled.
pub fn labels(sheet: Sheet) -> TextStyle<'static> {
    (FONT, sheet.label_size).into_font().color(&MUTED)
}

/// `Unique users` for `unique_user_count`, as on the dashboard.
pub fn label(column: &str) -> String {
    let words = match column.strip_suffix("_count") {
        Some(noun) => format!("{noun}s"),
        None => column.to_owned(),
    };
    let words = words.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `1,234,567`, with one decimal where there are any.
pub fn number(value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "" };
    let size = (value.abs() * 10.0).round() / 10.0;
    let whole = grouped(size.trunc() as u64);
    match (size.fract() * 10.0).round() as u8 {
        0 => format!("{sign}{whole}"),
        tenths => format!("{sign}{whole}.{tenths}"),
    }
}

/// Text for XML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_numbers_read_as_on_the_dashboard() {
        assert_eq!(label("unique_user_count"), "Unique users");
        assert_eq!(label("day_users"), "Day users");
        assert_eq!(number(1_234_567.0), "1,234,567");
        assert_eq!(number(-2.25), "−2.3");
        assert_eq!(number(0.0), "0");
    }
}

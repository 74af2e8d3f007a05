//! Sizes, colours and labels that all charts share. The colours are those of the dashboard.

use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea, IntoFont, SVGBackend};
use plotters::style::{RGBColor, TextStyle, WHITE};

use crate::domain::numbers::grouped;

/// Size and layout of a chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChartStyle {
    /// Width and height in pixels.
    size: (u32, u32),
    margin: i32,
    /// Right margin in pixels, with space for the overhanging half of the last label.
    right: i32,
    label_size: i32,
    /// Space for labels below the horizontal axis and beside the vertical one, pixels.
    x_labels: i32,
    pub y_labels: i32,
    /// Maximum number of labels on a time axis and on a value axis.
    pub max_time_labels: i64,
    pub max_value_labels: usize,
    /// Whether the chart has a title, axis names and a background.
    pub standalone: bool,
}

impl ChartStyle {
    /// A chart in a file of its own.
    pub const LARGE: ChartStyle = ChartStyle {
        size: (1_100, 560),
        margin: 24,
        right: 24,
        label_size: 14,
        x_labels: 48,
        y_labels: 84,
        max_time_labels: 12,
        max_value_labels: 10,
        standalone: true,
    };
    /// One of several charts on a page, which provides title and background.
    pub const SMALL: ChartStyle = ChartStyle {
        size: (420, 180),
        margin: 6,
        right: 26,
        label_size: 15,
        x_labels: 28,
        y_labels: 84,
        max_time_labels: 4,
        max_value_labels: 4,
        standalone: false,
    };
}

/// SVG viewers substitute a sans-serif font of their own.
pub const FONT: &str = "sans-serif";
const TITLE_SIZE: i32 = 24;

const INK: RGBColor = RGBColor(22, 32, 44);
pub const MUTED: RGBColor = RGBColor(91, 104, 120);
/// `MUTED` in SVG.
pub const MUTED_TEXT: &str = "#5b6878";
pub const GRID: RGBColor = RGBColor(232, 236, 240);
pub const SERIES: [RGBColor; 4] =
    [RGBColor(27, 126, 166), RGBColor(217, 118, 26), RGBColor(90, 70, 168), RGBColor(47, 143, 107)];
/// Shades from low to high values.
pub const SHADES: [&str; 7] =
    ["#d8ecf0", "#b1d9e2", "#7fbfd0", "#4c9fbd", "#2a7aa5", "#1f5488", "#1b2f62"];
pub const NO_SHADE: &str = "#eceff3";
/// Where a number is withheld: the pattern of [`HATCHING`].
pub const HATCHED: &str = "url(#withheld)";
/// The pattern of withheld numbers, once in a document.
pub const HATCHING: &str = "<defs><pattern id=\"withheld\" width=\"9\" height=\"9\" patternUnits=\"userSpaceOnUse\" \
    patternTransform=\"rotate(45)\" stroke=\"none\"><rect width=\"9\" height=\"9\" fill=\"#ffffff\"/>\
    <rect width=\"2\" height=\"9\" fill=\"#9aa5b1\"/></pattern></defs>\n";
/// The border of hatched shapes, which a white one would not set apart.
pub const HATCHED_BORDER: &str = " stroke=\"#9aa5b1\" stroke-width=\"0.7\"";

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failure = Box<dyn std::error::Error>;

/// A canvas that writes to `out`.
///
/// # Errors
/// An error of the drawing library.
pub fn canvas(out: &mut String, style: ChartStyle) -> Result<Canvas<'_>, Failure> {
    let canvas = SVGBackend::with_string(out, style.size).into_drawing_area();
    if style.standalone {
        canvas.fill(&WHITE)?;
    }
    Ok(canvas)
}

/// A chart with its title, and `left` pixels for the labels of the vertical axis.
pub fn titled<'a, 'b>(
    canvas: &'a Canvas<'b>,
    style: ChartStyle,
    title: &str,
    left: i32,
) -> ChartBuilder<'a, 'static, SVGBackend<'b>> {
    let mut chart = ChartBuilder::on(canvas);
    chart
        .margin(style.margin)
        .margin_right(style.right)
        .x_label_area_size(style.x_labels)
        .y_label_area_size(left);
    if style.standalone {
        chart.caption(title, (FONT, TITLE_SIZE).into_font().color(&INK));
    }
    chart
}

/// Text style of axis labels.
pub fn labels(style: ChartStyle) -> TextStyle<'static> {
    (FONT, style.label_size).into_font().color(&MUTED)
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

/// A number such as `1,234,567`, rounded to one decimal.
pub fn number(value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "" };
    let size = (value.abs() * 10.0).round() / 10.0;
    let whole = grouped(size.trunc() as u64);
    match (size.fract() * 10.0).round() as u8 {
        0 => format!("{sign}{whole}"),
        tenths => format!("{sign}{whole}.{tenths}"),
    }
}

/// Escapes text for XML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_numbers_match_the_dashboard() {
        assert_eq!(label("unique_user_count"), "Unique users");
        assert_eq!(label("day_users"), "Day users");
        assert_eq!(number(1_234_567.0), "1,234,567");
        assert_eq!(number(-2.25), "−2.3");
        assert_eq!(number(0.0), "0");
    }
}

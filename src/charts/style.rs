//! Sizes, colours and texts that all charts share; the same shades as the dashboard's.

use plotters::style::RGBColor;

use crate::report::grouped;

/// Width and height of a chart in pixels.
pub const SIZE: (u32, u32) = (1_100, 560);
/// What SVG readers replace by a sans-serif font of their own.
pub const FONT: &str = "sans-serif";
pub const TITLE_SIZE: i32 = 24;
pub const LABEL_SIZE: i32 = 14;

pub const INK: RGBColor = RGBColor(22, 32, 44);
pub const MUTED: RGBColor = RGBColor(91, 104, 120);
pub const GRID: RGBColor = RGBColor(232, 236, 240);
pub const SERIES: [RGBColor; 4] =
    [RGBColor(27, 126, 166), RGBColor(217, 118, 26), RGBColor(90, 70, 168), RGBColor(47, 143, 107)];
/// From few to many.
pub const SHADES: [&str; 7] =
    ["#d8ecf0", "#b1d9e2", "#7fbfd0", "#4c9fbd", "#2a7aa5", "#1f5488", "#1b2f62"];
pub const NO_SHADE: &str = "#eceff3";

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

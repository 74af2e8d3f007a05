//! Bar charts: vertical bars over numbers, horizontal bars beside names.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::data::{Axis, Data};
use super::style::{ChartStyle, GRID, MUTED, SERIES, canvas, label, labels, number, titled};

/// Maximum number of names; more would be unreadable.
const MAX_NAMES: usize = 25;

/// An SVG document of the first series of `data`.
///
/// # Errors
/// An error of the drawing library.
pub fn svg(title: &str, data: &Data) -> Result<String> {
    let mut out = String::new();
    let drawn = match &data.axis {
        Axis::Number(positions) => vertical(&mut out, title, positions, data),
        Axis::Text(names) => horizontal(&mut out, title, names, data),
        Axis::Time(times) => {
            let names: Vec<String> = times.iter().map(ToString::to_string).collect();
            horizontal(&mut out, title, &names, data)
        }
    };
    drawn.map_err(|e| anyhow!("the chart cannot be drawn: {e}"))?;
    Ok(out)
}

fn vertical(
    out: &mut String,
    title: &str,
    positions: &[f64],
    data: &Data,
) -> Result<(), Box<dyn std::error::Error>> {
    let low = positions.iter().copied().fold(f64::INFINITY, f64::min);
    let high = positions.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let root = canvas(out, ChartStyle::LARGE)?;
    let mut chart = titled(&root, ChartStyle::LARGE, title, ChartStyle::LARGE.y_labels)
        .build_cartesian_2d(low - 0.6..high + 0.6, 0.0..data.top() * 1.06)?;
    let labels = labels(ChartStyle::LARGE);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(MUTED)
        .label_style(labels.clone())
        .axis_desc_style(labels)
        .x_label_formatter(&|v| if v.fract() == 0.0 { number(*v) } else { String::new() })
        .y_label_formatter(&|v| number(*v))
        .x_desc(label(&data.axis_name))
        .y_desc(data.series.first().map(|s| label(&s.name)).unwrap_or_default())
        .draw()?;
    if let Some(series) = data.series.first() {
        let bars = positions.iter().zip(&series.values).filter(|(_, value)| !value.is_nan());
        chart.draw_series(bars.map(|(x, value)| {
            Rectangle::new([(x - 0.4, 0.0), (x + 0.4, *value)], SERIES[0].filled())
        }))?;
    }
    root.present()?;
    Ok(())
}

fn horizontal(
    out: &mut String,
    title: &str,
    names: &[String],
    data: &Data,
) -> Result<(), Box<dyn std::error::Error>> {
    let shown = names.len().min(MAX_NAMES);
    let title = match names.len() {
        all if all > shown => format!("{title} (the first {shown} of {})", number(all as f64)),
        _ => title.to_owned(),
    };
    let root = canvas(out, ChartStyle::LARGE)?;
    let rows = shown as f64;
    let mut chart = titled(&root, ChartStyle::LARGE, &title, 190)
        .build_cartesian_2d(0.0..data.top() * 1.04, rows..0.0)?;
    let labels = labels(ChartStyle::LARGE);
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(MUTED)
        .label_style(labels.clone())
        .axis_desc_style(labels.clone())
        .x_label_formatter(&|v| number(*v))
        .x_desc(data.series.first().map(|s| label(&s.name)).unwrap_or_default())
        .draw()?;
    if let Some(series) = data.series.first() {
        let values = series.values.iter().take(shown).enumerate();
        let bars = values.filter(|(_, value)| !value.is_nan()).map(|(i, value)| {
            let top = i as f64 + 0.15;
            Rectangle::new([(0.0, top), (*value, top + 0.7)], SERIES[0].filled())
        });
        chart.draw_series(bars)?;
        let middle = |i: usize| chart.backend_coord(&(0.0, i as f64 + 0.5));
        let style = labels.pos(plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Right,
            plotters::style::text_anchor::VPos::Center,
        ));
        for (i, name) in names.iter().take(shown).enumerate() {
            let (x, y) = middle(i);
            root.draw(&Text::new(truncate(name), (x - 10, y), style.clone()))?;
        }
    }
    root.present()?;
    Ok(())
}

/// Truncates a name to the space beside its bar.
fn truncate(name: &str) -> String {
    if name.chars().count() <= 24 {
        return name.to_owned();
    }
    name.chars().take(23).chain(['…']).collect()
}

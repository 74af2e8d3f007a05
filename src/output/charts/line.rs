//! Line charts over time.

use anyhow::{Result, anyhow};
use chrono::{NaiveDateTime, NaiveTime, TimeDelta};
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;

use super::data::Data;
use super::style::{ChartStyle, GRID, MUTED, SERIES, canvas, label, labels, titled};

/// A time axis in hours since its start, with ticks at round times; plotters would place them at round
/// numbers.
struct HourAxis {
    last: f64,
    ticks: Vec<f64>,
}

impl Ranged for HourAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        limit.0 + (f64::from(limit.1 - limit.0) * value / self.last).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        0.0..self.last
    }
}

/// Maximum number of values that are marked by points.
const MAX_POINTS: usize = 40;

/// A line chart.
pub struct Line<'a> {
    pub style: ChartStyle,
    pub title: &'a str,
    pub times: &'a [NaiveDateTime],
    pub data: &'a Data,
    /// Upper end of the value axis.
    pub top: f64,
    /// Formats a value.
    pub text: fn(f64) -> String,
}

impl Line<'_> {
    /// An SVG document.
    ///
    /// # Errors
    /// An error of the drawing library.
    pub fn svg(&self) -> Result<String> {
        let mut out = String::new();
        draw(&mut out, self).map_err(|e| anyhow!("the chart cannot be drawn: {e}"))?;
        Ok(out)
    }
}

fn draw(out: &mut String, line: &Line) -> Result<(), Box<dyn std::error::Error>> {
    let Line { style, title, times, data, top, text } = line;
    let first = times.iter().min().copied().unwrap_or_default();
    let last = times.iter().max().copied().unwrap_or_default().max(first + TimeDelta::hours(1));
    let midnights = times.iter().all(|t| t.time() == NaiveTime::MIN);
    let min_step = if midnights { 24 } else { 1 };
    let hours = |t: NaiveDateTime| (t - first).num_seconds() as f64 / 3_600.0;
    let root = canvas(out, *style)?;
    let mut chart = titled(&root, *style, title, style.y_labels).build_cartesian_2d(
        HourAxis {
            last: hours(last),
            ticks: ticks(first, last, min_step, style.max_time_labels).map(hours).collect(),
        },
        0.0..top * 1.06,
    )?;
    let names = data.series.iter().map(|s| label(&s.name)).collect::<Vec<_>>().join(", ");
    let when = |at: &f64| {
        let time = first + TimeDelta::seconds((at * 3_600.0).round() as i64);
        let midnight = time.time() == NaiveTime::MIN;
        time.format(if midnight { "%-d %b" } else { "%H:%M" }).to_string()
    };
    let labels = labels(*style);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(MUTED)
        .label_style(labels.clone())
        .axis_desc_style(labels.clone())
        .x_label_formatter(&when)
        .y_labels(style.max_value_labels)
        .y_label_formatter(&|v| text(*v))
        .y_desc(if style.standalone { names.as_str() } else { "" })
        .draw()?;
    for (series, colour) in data.series.iter().zip(SERIES.iter().cycle()) {
        let points: Vec<(f64, f64)> =
            times.iter().copied().map(hours).zip(series.values.iter().copied()).collect();
        let colour = *colour;
        // the line is interrupted where there is no value
        let parts = || points.split(|(_, value)| value.is_nan()).filter(|part| !part.is_empty());
        for (number, part) in parts().enumerate() {
            let points = || part.iter().copied();
            if data.series.len() == 1 {
                chart.draw_series(AreaSeries::new(points(), 0.0, colour.mix(0.1)))?;
            }
            let line = chart.draw_series(LineSeries::new(points(), colour.stroke_width(2)))?;
            if number == 0 {
                line.label(label(&series.name)).legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 10, y + 5)], colour.filled())
                });
            }
            let is_marked = !style.standalone && times.len() <= MAX_POINTS;
            // a value between two gaps has no line
            if is_marked || part.len() == 1 {
                chart.draw_series(points().map(|at| Circle::new(at, 3, colour.filled())))?;
            }
        }
    }
    if data.series.len() > 1 {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.85))
            .label_font(labels)
            .draw()?;
    }
    root.present()?;
    Ok(())
}

/// Times to label: round hours, days or weeks, at least `min_step` hours apart, and about `max_count`
/// of them.
fn ticks(
    first: NaiveDateTime,
    last: NaiveDateTime,
    min_step: i64,
    max_count: i64,
) -> impl Iterator<Item = NaiveDateTime> {
    const STEPS: [i64; 9] = [1, 2, 3, 6, 12, 24, 48, 168, 336];
    let span = (last - first).num_hours();
    let step = STEPS.into_iter().find(|s| *s >= min_step && span / s <= max_count);
    let step = step.unwrap_or(span / max_count / 24 * 24);
    let midnight = first.date().and_time(NaiveTime::MIN);
    let after = (first - midnight).num_hours();
    let start = midnight + TimeDelta::hours((after + step - 1) / step * step);
    (0..).map(move |i| start + TimeDelta::hours(step * i)).take_while(move |t| *t <= last)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn ticks_are_at_round_times_and_limited_in_number() {
        let day = NaiveDate::from_ymd_opt(2024, 10, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
        let texts = |from: i64, to: i64| -> Vec<String> {
            let at = |h| day + TimeDelta::hours(h);
            ticks(at(from), at(to), 1, 12).map(|t| t.format("%d %H").to_string()).collect()
        };
        assert_eq!(texts(0, 23).len(), 12);
        assert_eq!(
            texts(3, 10),
            ["01 03", "01 04", "01 05", "01 06", "01 07", "01 08", "01 09", "01 10"]
        );
        assert_eq!(texts(1, 167), ["02 00", "03 00", "04 00", "05 00", "06 00", "07 00"]);
        assert!(texts(0, 24 * 3_650).len() <= 14);
        let at = |h| day + TimeDelta::hours(h);
        assert_eq!(ticks(at(0), at(24), 24, 4).count(), 2, "days have no hours between them");
    }
}

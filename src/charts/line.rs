//! Lines over time.

use anyhow::{Result, anyhow};
use chrono::{NaiveDateTime, NaiveTime, TimeDelta};
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;

use super::data::Data;
use super::style::{GRID, MUTED, SERIES, canvas, label, labels, number, titled};

/// An axis of hours since its first, with ticks at round times; plotters would put them at round
/// numbers.
struct Hours {
    last: f64,
    ticks: Vec<f64>,
}

impl Ranged for Hours {
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

/// An SVG document of `data` over `times`.
///
/// # Errors
/// When the drawing fails.
pub fn svg(title: &str, times: &[NaiveDateTime], data: &Data) -> Result<String> {
    let mut out = String::new();
    draw(&mut out, title, times, data).map_err(|e| anyhow!("the chart cannot be drawn: {e}"))?;
    Ok(out)
}

fn draw(
    out: &mut String,
    title: &str,
    times: &[NaiveDateTime],
    data: &Data,
) -> Result<(), Box<dyn std::error::Error>> {
    let first = times.iter().min().copied().unwrap_or_default();
    let last = times.iter().max().copied().unwrap_or_default().max(first + TimeDelta::hours(1));
    let hours = |t: NaiveDateTime| (t - first).num_seconds() as f64 / 3_600.0;
    let root = canvas(out)?;
    let mut chart = titled(&root, title, 84).build_cartesian_2d(
        Hours { last: hours(last), ticks: ticks(first, last).map(hours).collect() },
        0.0..data.top() * 1.06,
    )?;
    let when = |at: &f64| {
        let time = first + TimeDelta::seconds((at * 3_600.0).round() as i64);
        let midnight = time.time() == NaiveTime::MIN;
        time.format(if midnight { "%-d %b" } else { "%H:%M" }).to_string()
    };
    let labels = labels();
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(MUTED)
        .label_style(labels.clone())
        .axis_desc_style(labels.clone())
        .x_label_formatter(&when)
        .y_label_formatter(&|v| number(*v))
        .y_desc(data.series.iter().map(|s| label(&s.name)).collect::<Vec<_>>().join(", "))
        .draw()?;
    for (series, colour) in data.series.iter().zip(SERIES.iter().cycle()) {
        let points = || times.iter().copied().map(hours).zip(series.values.iter().copied());
        if data.series.len() == 1 {
            chart.draw_series(AreaSeries::new(points(), 0.0, colour.mix(0.1)))?;
        }
        let colour = *colour;
        chart
            .draw_series(LineSeries::new(points(), colour.stroke_width(2)))?
            .label(label(&series.name))
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], colour.filled()));
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

/// Times to label: round hours, days or weeks, about a dozen.
fn ticks(first: NaiveDateTime, last: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
    const STEPS: [i64; 9] = [1, 2, 3, 6, 12, 24, 48, 168, 336];
    let span = (last - first).num_hours();
    let step = STEPS.into_iter().find(|s| span / s <= 12).unwrap_or(span / 12 / 24 * 24);
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
    fn ticks_stand_at_round_times_and_are_few() {
        let day = NaiveDate::from_ymd_opt(2024, 10, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
        let texts = |from: i64, to: i64| -> Vec<String> {
            let at = |h| day + TimeDelta::hours(h);
            ticks(at(from), at(to)).map(|t| t.format("%d %H").to_string()).collect()
        };
        assert_eq!(texts(0, 23).len(), 12);
        assert_eq!(
            texts(3, 10),
            ["01 03", "01 04", "01 05", "01 06", "01 07", "01 08", "01 09", "01 10"]
        );
        assert_eq!(texts(1, 167), ["02 00", "03 00", "04 00", "05 00", "06 00", "07 00"]);
        assert!(texts(0, 24 * 3_650).len() <= 14);
    }
}

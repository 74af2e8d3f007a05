//! What about a date should be looked at, from its figures and those of the dates before it.

use chrono::NaiveDate;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::BEFORE;
use super::figures::{DayFigures, rounded};
use crate::domain::numbers::{counted, grouped};

/// Earlier dates that a comparison needs.
const LEAST_BEFORE: usize = 3;
/// How far from the mean is too far: in standard deviations, and as a share of the mean.
const DEVIATIONS: f64 = 2.0;
const SHARE: f64 = 0.3;
/// Unmapped events from which on it is critical, in percent.
const UNMAPPED_CRITICAL: f64 = 1.0;
/// What adding up floating-point numbers can be off by, as a share of them.
const NOISE: f64 = 1e-9;

/// How bad it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something is unusual.
    Warning,
    /// The numbers of the date cannot be used as they are.
    Critical,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::Warning => "warning",
            Level::Critical => "critical",
        }
    }
}

/// One thing about one date.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Warning {
    pub date: NaiveDate,
    pub level: Level,
    /// The figure: `rows_in`, `rejected_percent`, `unmapped_percent`, `empty_hours`, `files`.
    pub what: &'static str,
    pub value: f64,
    /// What it should have been.
    pub expected: f64,
    /// The same in words.
    pub text: String,
}

/// Warnings of all dates; `days` are in order of date.
pub fn warnings(days: &[DayFigures]) -> Vec<Warning> {
    let mut all = Vec::new();
    for (number, day) in days.iter().enumerate() {
        of_day(day, &days[number.saturating_sub(BEFORE)..number], &mut all);
    }
    all
}

/// Warnings of one date; `before` are the dates before it, at most seven.
fn of_day(day: &DayFigures, before: &[DayFigures], out: &mut Vec<Warning>) {
    let mut push = |level, what, value: f64, expected: f64, text: String| {
        let still = if day.provisional { "; rows of the date can still come" } else { "" };
        let (value, expected) = (rounded(value), rounded(expected));
        let text = format!("{text}{still}");
        out.push(Warning { date: day.date, level, what, value, expected, text });
    };
    if let Some(mean) = outside(day.rows_in as f64, before.iter().map(|d| d.rows_in as f64)) {
        let (rows, direction) = (counted(day.rows_in, "row"), direction(day.rows_in as f64, mean));
        let usual = grouped(mean.round() as u64);
        let dates = before.len();
        let text = format!("{rows} in, {direction} the usual {usual} of the {dates} dates before");
        push(Level::Warning, "rows_in", day.rows_in as f64, mean, text);
    }
    let rejected = rejected_percent(day);
    if let Some(mean) = outside(rejected, before.iter().map(rejected_percent)) {
        let (now, usual) = (percent(rejected), percent(mean));
        let direction = direction(rejected, mean);
        let dates = before.len();
        let text = format!(
            "{now} of the rows rejected, {direction} the usual {usual} of the {dates} dates before"
        );
        push(Level::Warning, "rejected_percent", rejected, mean, text);
    }
    if day.events_unmapped > 0 {
        let share = unmapped_percent(day);
        let level = if share >= UNMAPPED_CRITICAL { Level::Critical } else { Level::Warning };
        let text = format!(
            "{} ({}) in no LAU: their cell is unknown, not valid on the date, or outside all LAUs",
            counted(day.events_unmapped, "event"),
            percent(share)
        );
        push(level, "unmapped_percent", share, 0.0, text);
    }
    if day.empty_hours > 0 && !day.provisional {
        let text = format!("{} without a single event", counted(day.empty_hours, "clock hour"));
        push(Level::Critical, "empty_hours", day.empty_hours as f64, 0.0, text);
    }
    let own = day.files_own();
    if let Some(expected) = day.files_expected.filter(|expected| own < *expected) {
        let text = format!("{} in the date's folder, usually {expected}", counted(own, "file"));
        push(Level::Warning, "files", own as f64, expected as f64, text);
    }
}

/// The mean of `before`, when `value` is too far from it.
fn outside(value: f64, before: impl Iterator<Item = f64>) -> Option<f64> {
    let before: Vec<f64> = before.collect();
    if before.len() < LEAST_BEFORE {
        return None;
    }
    let count = before.len() as f64;
    let mean = before.iter().sum::<f64>() / count;
    let squares = before.iter().map(|b| (b - mean).powi(2)).sum::<f64>();
    let deviation = (squares / (count - 1.0)).sqrt();
    let noise = NOISE * value.abs().max(mean.abs());
    let far = (value - mean).abs();
    (far > DEVIATIONS * deviation + noise || far > SHARE * mean.abs() + noise).then_some(mean)
}

fn direction(value: f64, mean: f64) -> &'static str {
    if value > mean { "more than" } else { "less than" }
}

/// Rejected rows of the rows in, in percent.
pub fn rejected_percent(day: &DayFigures) -> f64 {
    share(day.rows_rejected, day.rows_in)
}

/// Events in no LAU of the events kept, in percent.
pub fn unmapped_percent(day: &DayFigures) -> f64 {
    share(day.events_unmapped, day.rows_kept)
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// `1.5 %`, `0.0003 %`: two digits that say something, however small.
pub fn percent(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 0.1 => 2,
        v => (1.0 - v.log10().floor()).min(6.0) as usize,
    };
    let text = format!("{value:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text} %")
}

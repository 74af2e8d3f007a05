//! Warnings about a date, from its figures and those of the previous dates.

use chrono::NaiveDate;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::movement::{ChangedShare, changed_shares};
use super::usual::{MIN_PREVIOUS, changed, direction, mean, unusual};
use super::{PREVIOUS_DATES, rotation};
use crate::datasets::quality_tables::{DayFigures, rounded};
use crate::domain::numbers::{counted, grouped};

/// Share of unmapped events above which it is critical, percent.
const UNMAPPED_LIMIT_PERCENT: f64 = 1.0;
/// A share is about the limit if it is less than this many times greater or smaller.
const ABOUT_LIMIT: f64 = 1.25;

/// Severity of a warning.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A figure is unusual.
    Warning,
    /// The figures of the date should not be used as they are.
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

/// One warning about one date.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Warning {
    pub date: NaiveDate,
    pub level: Level,
    /// The name of the figure: `rows_in`, `rejected_percent`, `unmapped_percent`, `empty_hours`, `files`,
    /// `returning_share`, `unknown_share`, `returning_trips_share`.
    pub what: &'static str,
    pub value: f64,
    /// The expected value.
    pub expected: f64,
    /// The message.
    pub text: String,
}

/// Warnings of all dates; `days` are in order of date.
pub fn warnings(days: &[DayFigures]) -> Vec<Warning> {
    let mut all = Vec::new();
    let changes = rotation::changes(days);
    for (number, day) in days.iter().enumerate() {
        of_day(day, &days[number.saturating_sub(PREVIOUS_DATES)..number], &mut all);
        if changes.contains(&day.date) {
            all.push(pseudonyms_changed(day, &days[number - 1]));
        }
        let movement = changed_shares(days, number, PREVIOUS_DATES);
        all.extend(movement.iter().map(|share| share_changed(day, share)));
    }
    all
}

/// Warnings of one date; `previous` are the previous dates, at most seven.
fn of_day(day: &DayFigures, previous: &[DayFigures], out: &mut Vec<Warning>) {
    let mut push = |level, what, value: f64, expected: f64, text: String| {
        let suffix = if day.provisional { "; more rows of the date may follow" } else { "" };
        let (value, expected) = (rounded(value), rounded(expected));
        let text = format!("{text}{suffix}");
        out.push(Warning { date: day.date, level, what, value, expected, text });
    };
    if let Some(mean) = unusual(day.rows_in as f64, previous.iter().map(|d| d.rows_in as f64)) {
        let (rows, direction) = (counted(day.rows_in, "row"), direction(day.rows_in as f64, mean));
        let usual = grouped(mean.round() as u64);
        let dates = previous.len();
        let text =
            format!("{rows} in, {direction} the usual {usual} of the previous {dates} dates");
        push(Level::Warning, "rows_in", day.rows_in as f64, mean, text);
    }
    let rejected = rejected_percent(day);
    if let Some(mean) = changed(rejected, previous.iter().map(rejected_percent)) {
        let (now, usual) = (percent(rejected), percent(mean));
        let direction = direction(rejected, mean);
        let dates = previous.len();
        let text = format!(
            "{now} of the rows rejected, {direction} the usual {usual} of the previous {dates} dates"
        );
        push(Level::Warning, "rejected_percent", rejected, mean, text);
    }
    let unmapped = unmapped_percent(day);
    let before: Vec<f64> = previous.iter().map(unmapped_percent).collect();
    let usual = changed(unmapped, before.iter().copied()).filter(|mean| *mean < unmapped);
    if usual.is_some() || is_over_limit(unmapped, &before) {
        let is_critical = unmapped > UNMAPPED_LIMIT_PERCENT;
        let level = if is_critical { Level::Critical } else { Level::Warning };
        let more = usual.map(|mean| {
            let dates = previous.len();
            format!(", more than the usual {} of the previous {dates} dates", percent(mean))
        });
        let events = counted(day.events_unmapped, "event");
        let text = match is_without_places(day) {
            true => format!(
                "none of {events} finds a place: its cell is unknown, not valid on the date, or outside all \
                 LAUs; `mobility check` shows the shares"
            ),
            false => format!(
                "{events} ({}) in no LAU{}: the cell is unknown, not valid on the date, or outside all LAUs",
                percent(unmapped),
                more.unwrap_or_default()
            ),
        };
        let expected = usual.unwrap_or(UNMAPPED_LIMIT_PERCENT);
        push(level, "unmapped_percent", unmapped, expected, text);
    }
    if day.empty_hours > 0 && !day.provisional {
        let text = format!("{} without events", counted(day.empty_hours, "clock hour"));
        push(Level::Critical, "empty_hours", day.empty_hours as f64, 0.0, text);
    }
    let own = day.files_own();
    if let Some(expected) = day.files_expected.filter(|expected| own < *expected) {
        let text =
            format!("{} in the folder of the date, usually {expected}", counted(own, "file"));
        push(Level::Warning, "files", own as f64, expected as f64, text);
    }
}

fn share_changed(day: &DayFigures, share: &ChangedShare) -> Warning {
    let ChangedShare { what, of, value, usual, dates } = *share;
    let (now, direction) = (percent(value * 100.0), direction(value, usual));
    let usual_percent = percent(usual * 100.0);
    Warning {
        date: day.date,
        level: Level::Warning,
        what,
        value,
        expected: rounded(usual),
        text: format!(
            "{now} {of}, {direction} the usual {usual_percent} of the previous {dates} dates"
        ),
    }
}

/// `before` is the date before it.
fn pseudonyms_changed(day: &DayFigures, before: &DayFigures) -> Warning {
    let value = before.returning_share.unwrap_or_default();
    Warning {
        date: day.date,
        level: Level::Warning,
        what: "returning_share",
        value,
        expected: day.returning_share.unwrap_or_default(),
        text: format!(
            "pseudonyms seem to have changed on this date: only {} of the users of the date before are seen again after seven days; windows that hold both dates have neither homes nor work places",
            percent(value * 100.0)
        ),
    }
}

/// True if a share of unmapped events is above the limit. If the previous dates are about the limit, the
/// mean over all of them has to be clearly above it, so that a steady share is not reported on every other
/// date.
fn is_over_limit(share: f64, previous: &[f64]) -> bool {
    let usual = mean(previous).filter(|_| previous.len() >= MIN_PREVIOUS);
    let is_about = usual.is_some_and(|usual| usual * ABOUT_LIMIT >= UNMAPPED_LIMIT_PERCENT);
    let with_date = mean(&[previous, &[share]].concat()).unwrap_or(share);
    let is_clear = !is_about || with_date > UNMAPPED_LIMIT_PERCENT * ABOUT_LIMIT;
    share > UNMAPPED_LIMIT_PERCENT && is_clear
}

/// True for a date with events of which none is in a LAU.
pub fn is_without_places(day: &DayFigures) -> bool {
    day.events_unmapped > 0 && day.events_unmapped == day.rows_kept
}

/// Rejected rows as a share of the rows in, percent.
pub fn rejected_percent(day: &DayFigures) -> f64 {
    share(day.rows_rejected, day.rows_in)
}

/// Events in no LAU as a share of the kept events, percent.
pub fn unmapped_percent(day: &DayFigures) -> f64 {
    share(day.events_unmapped, day.rows_kept)
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// A percentage with two significant digits: `1.5 %`, `0.0003 %`.
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

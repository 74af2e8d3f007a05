//! The main figures of dates as columns of text, for terminal, document and page.

use crate::domain::numbers::grouped;
use crate::stages::quality::{DayFigures, percent, rejected_percent, unmapped_percent};

/// A column of the table of dates.
pub struct Column {
    pub heading: &'static str,
    /// What it tells, in a sentence.
    pub about: &'static str,
    /// Among columns without room the one with the greatest rank goes first.
    pub rank: u8,
    pub cell: fn(&DayFigures) -> String,
}

/// Columns in their order: what matters most stands first.
pub fn main_columns() -> [Column; 15] {
    let column = |heading, rank, cell, about| Column { heading, about, rank, cell };
    [
        column("date", 0, |d| d.date.to_string(), "The local date of the events."),
        column("state", 1, state, "Warnings of the date; provisional while rows can still come."),
        column("rows in", 2, |d| grouped(d.rows_in), "Rows read that belong to the date."),
        column(
            "rejected",
            3,
            |d| percent(rejected_percent(d)),
            "Rows that are counted nowhere, of the rows in.",
        ),
        column("users", 4, |d| grouped(d.users), "Different pseudonymous ids with an event kept."),
        column(
            "new",
            8,
            |d| optional(d.new_users),
            "Users seen on none of the last seven dates before.",
        ),
        column(
            "files",
            6,
            files,
            "Files in the date's own folder, of those expected; + late ones.",
        ),
        column(
            "empty h",
            5,
            |d| d.empty_hours.to_string(),
            "Clock hours of the date without an event.",
        ),
        column(
            "unmapped",
            7,
            |d| percent(unmapped_percent(d)),
            "Events whose cell lies in no LAU or is not planned, of the events kept.",
        ),
        column(
            "cells",
            9,
            |d| format!("{}/{}", grouped(d.cells_active), grouped(d.cells_planned)),
            "Planned cells with events, of the cells planned for the date.",
        ),
        column(
            "unplanned",
            10,
            |d| grouped(d.cells_unplanned),
            "Cells with events that the plan does not have on the date.",
        ),
        column(
            "ev/user p50",
            11,
            |d| optional(d.events_per_user_p50),
            "At least half of the users have at most so many events.",
        ),
        column(
            "p95",
            12,
            |d| optional(d.events_per_user_p95),
            "At least 95 % of the users have at most so many events.",
        ),
        column(
            "ev/hour",
            13,
            |d| grouped(d.events_per_hour_mean.round() as u64),
            "Events of an hour, on average.",
        ),
        column(
            "ratio",
            14,
            |d| d.compression_ratio.map_or_else(dash, |r| format!("{r:.1}")),
            "Bytes of the raw files for one byte of compressed events.",
        ),
    ]
}

fn dash() -> String {
    "–".to_owned()
}

fn optional(count: Option<u64>) -> String {
    count.map_or_else(dash, grouped)
}

fn files(day: &DayFigures) -> String {
    let own = grouped(day.files_own());
    let expected = day.files_expected.map(|n| format!("/{}", grouped(n))).unwrap_or_default();
    let late = if day.files_late > 0 { format!("+{}", day.files_late) } else { String::new() };
    format!("{own}{expected}{late}")
}

/// `ok`, `1 critical`, `2 warnings, provisional`.
fn state(day: &DayFigures) -> String {
    let mut parts = Vec::new();
    if day.criticals > 0 {
        parts.push(format!("{} critical", day.criticals));
    }
    if day.warnings > 0 {
        parts.push(crate::domain::numbers::counted(day.warnings, "warning"));
    }
    if parts.is_empty() {
        parts.push("ok".to_owned());
    }
    if day.provisional {
        parts.push("provisional".to_owned());
    }
    parts.join(", ")
}

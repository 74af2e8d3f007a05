//! The main figures of each date as text columns, for the terminal, Markdown and the page.

use crate::domain::numbers::grouped;
use crate::stages::quality::{DayFigures, percent, rejected_percent, unmapped_percent};

/// A column of the table of dates.
pub struct Column {
    pub heading: &'static str,
    /// The meaning, as a sentence.
    pub about: &'static str,
    /// On a narrow terminal, columns with the greatest rank are left out first.
    pub rank: u8,
    pub cell: fn(&DayFigures) -> String,
}

/// The columns, the most important ones first.
pub fn main_columns() -> [Column; 16] {
    let column = |heading, rank, cell, about| Column { heading, about, rank, cell };
    [
        column("date", 0, |d| d.date.to_string(), "The local date of the events."),
        column("state", 1, state, "Warnings of the date; provisional while more rows may arrive."),
        column("rows in", 2, |d| grouped(d.rows_in), "Rows read that belong to the date."),
        column(
            "rejected",
            3,
            |d| percent(rejected_percent(d)),
            "Rejected rows as a percentage of the rows in.",
        ),
        column(
            "users",
            4,
            |d| grouped(d.users),
            "Distinct pseudonymous ids with at least one kept event.",
        ),
        column("new", 8, |d| optional(d.new_users), "Users not seen on the seven previous dates."),
        column("files", 6, files, "Files in the folder of the date / expected files + late files."),
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
            "Kept events whose cell is outside all LAUs or not in the cell plan, as a percentage.",
        ),
        column(
            "unknown",
            9,
            |d| d.unknown_share.map_or_else(dash, |share| percent(share * 100.0)),
            "Time of the devices in which it is not known where they are, as a percentage.",
        ),
        column(
            "cells",
            10,
            |d| format!("{}/{}", grouped(d.cells_active), grouped(d.cells_planned)),
            "Cells of the plan with events / all cells of the plan on the date.",
        ),
        column(
            "unplanned",
            11,
            |d| grouped(d.cells_unplanned),
            "Cells with events that are not in the plan on the date.",
        ),
        column(
            "ev/user p50",
            12,
            |d| optional(d.events_per_user_p50),
            "Median of the events per user.",
        ),
        column(
            "p95",
            13,
            |d| optional(d.events_per_user_p95),
            "95th percentile of the events per user.",
        ),
        column(
            "ev/hour",
            14,
            |d| grouped(d.events_per_hour_mean.round() as u64),
            "Mean of the events per clock hour.",
        ),
        column(
            "ratio",
            15,
            |d| d.compression_ratio.map_or_else(dash, |r| format!("{r:.1}")),
            "Bytes of the raw files per byte of compressed events.",
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

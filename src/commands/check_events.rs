//! The part of `mobility check` about events: their files, and the values of some rows.

use anyhow::{Result, bail};
use chrono::Utc;

use crate::config::Config;
use crate::domain::numbers::{counted, share_of, size};
use crate::domain::time::MICROS_PER_HOUR;
use crate::domain::time::belief::Belief;
use crate::events::{self, EventFile, Sample};
use crate::stages::geojoin::CheckedPlan;

/// Without a zone, local time may be this far ahead of UTC.
const MAX_AHEAD_OF_UTC_US: i64 = 14 * MICROS_PER_HOUR;
/// The smallest share of events, percent, that should find a place: fewer unmapped ones are usual.
const USUAL_PERCENT: u64 = 99;

/// A summary, and warnings.
///
/// # Errors
/// Files that cannot be used; sampled rows of which none can be used, or none has a cell of the plan.
pub fn check(config: &Config, plan: Option<&CheckedPlan>) -> Result<(String, Vec<String>)> {
    let listed = events::list_files(&config.data.events)?;
    let files = events::open(&config.columns, listed.files)?;
    let (text, counted_files): (Vec<_>, Vec<_>) =
        files.iter().partition(|f| matches!(f, EventFile::Csv(_)));
    let rows_in_footer =
        |f: &EventFile| (0..f.parts()).filter_map(|part| f.rows_in_footer(part)).sum::<u64>();
    let rows: u64 = counted_files.iter().map(|f| rows_in_footer(f)).sum();
    let bytes: u64 = files.iter().map(|f| f.input().bytes).sum();
    if rows == 0 && text.is_empty() {
        bail!("{} without any rows", counted(files.len() as u64, "file"));
    }
    let mut parts = Vec::new();
    if !counted_files.is_empty() {
        let number = counted(counted_files.len() as u64, "file");
        parts.push(format!("{} in {number}", counted(rows, "row")));
    }
    if !text.is_empty() {
        parts.push(format!("{} in CSV with a valid header", counted(text.len() as u64, "file")));
    }
    let mut summary = format!("{}, {}", parts.join(", "), size(bytes));
    let mut warnings: Vec<String> = listed.passed_over.into_iter().collect();
    let belief = Belief { now_us: Utc::now().timestamp_micros() + MAX_AHEAD_OF_UTC_US };
    let sample = events::sample(&files, &config.columns, config.time.tz(), belief)?;
    if sample.rows > 0 {
        summary.push_str(&format!(
            "; {} of {} sampled",
            counted(sample.rows, "row"),
            counted(sample.files, "file")
        ));
    }
    let checked = values(&sample, &mut warnings).and_then(|()| match plan {
        Some(plan) => places(&sample, plan, &mut summary, &mut warnings),
        None => Ok(()),
    });
    match checked {
        Ok(()) => Ok((summary, warnings)),
        Err(error) if warnings.is_empty() => Err(error),
        Err(error) => bail!("{error}; {}", warnings.join("; ")),
    }
}

/// Warnings about values that are missing, or cannot be read or believed.
///
/// # Errors
/// None of the rows can be used.
fn values(sample: &Sample, warnings: &mut Vec<String>) -> Result<()> {
    let rows = sample.rows;
    for (count, what, key) in [
        (sample.without_user, "user id", "columns.user_id"),
        (sample.without_cell, "cell id", "columns.cell_id"),
        (sample.without_time, "time stamp", "columns.timestamp"),
    ] {
        let text = format!("{} sampled rows have no {what}", share_of(count, rows));
        if count == rows && rows > 0 {
            bail!("{text}; is {key} the right column?");
        }
        warnings.extend((count > 0).then_some(text));
    }
    for (count, what, first) in [
        (sample.unreadable_times, "cannot be read", &sample.first_unreadable),
        (sample.unlikely_times, "are before 1990 or in the future", &sample.first_unlikely),
    ] {
        let Some(first) = first else { continue };
        let text =
            format!("{} sampled time stamps {what}; the first is {first}", share_of(count, rows));
        if count == rows && count == sample.unreadable_times {
            bail!("{text}");
        }
        warnings.push(text);
    }
    if sample.bare_dates > 0 {
        warnings.push(format!(
            "{} sampled time stamps are a date without a time of day, and count at 00:00",
            share_of(sample.bare_dates, rows)
        ));
    }
    Ok(())
}

/// The shares of the sampled events whose cell is in the plan on their date, and lies in a LAU.
///
/// # Errors
/// None has a cell of the plan.
fn places(
    sample: &Sample,
    plan: &CheckedPlan,
    summary: &mut String,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let (mut all, mut known, mut planned, mut placed) = (0, 0, 0, 0);
    let mut example = None;
    for ((cell, date), rows) in &sample.places {
        all += rows;
        let Some(versions) = plan.cells.get(cell) else {
            example = example.max(Some(cell));
            continue;
        };
        known += rows;
        let Some(version) = versions.iter().find(|v| v.version.covers(date.0)) else { continue };
        planned += rows;
        placed += if version.is_in_lau { *rows } else { 0 };
    }
    if all == 0 {
        return Ok(());
    }
    let of_plan = plan.cells.keys().min().map(String::as_str).unwrap_or_default();
    let share = format!("{} sampled events have a cell of the cell plan", share_of(known, all));
    if known == 0 {
        bail!(
            "{share}, such as {:?}; the cell plan has ids such as {of_plan:?}: are columns.cell_id and \
             columns.plan_cell_id the right columns?",
            example.map(String::as_str).unwrap_or_default()
        );
    }
    if planned == 0 {
        bail!("{share}, but none on their dates: is the cell plan that of these dates?");
    }
    let is_few = |count: u64| count * 100 < all * USUAL_PERCENT;
    // each share is said once: in a warning, or in the summary
    let mut usual = Vec::new();
    if is_few(known) {
        let example = example.map(|cell| format!(", for example {cell:?} has none"));
        warnings.push(format!("{share}{}", example.unwrap_or_default()));
    } else {
        usual.push(share);
    }
    if is_few(planned) && planned < known {
        warnings.push(format!(
            "{} sampled events have a cell that the plan has on their date",
            share_of(planned, all)
        ));
    }
    let share = share_of(placed, all);
    match (is_few(placed) && placed < planned, usual.is_empty()) {
        (true, _) => warnings.push(format!("{share} sampled events have a cell in a LAU")),
        (false, true) => usual.push(format!("{share} sampled events have a cell in a LAU")),
        (false, false) => usual.push(format!("{share} one in a LAU")),
    }
    if !usual.is_empty() {
        summary.push_str(&format!("; {}", usual.join(", ")));
    }
    Ok(())
}

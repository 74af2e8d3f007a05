//! The quality report as a page of the server, or as one file.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use chrono::NaiveDate;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::{Templates, assets};
use crate::checks::{Code, Disposition, Limits};
use crate::domain::numbers::{counted, grouped};
use crate::output::charts::small as small_chart;
use crate::output::quality_report::{Report, main_columns};
use crate::stages::quality::{
    CodeRow, DayFigures, Level, percent, rejected_percent, unmapped_percent,
};

/// Warnings that are shown at once; the others are folded.
const MAX_OPEN_WARNINGS: usize = 8;
/// Files that a page lists; the table quality_codes has all of them.
const MAX_FILES: usize = 200;

/// The parts of the page around the report.
#[derive(Debug, Clone, Default)]
struct Frame {
    /// A file that is opened without a server: styles and script are inlined.
    is_file: bool,
    styles: String,
    script: String,
    /// What links to routes begin with.
    root: String,
    /// The link to the JSON document.
    json_href: String,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
}

/// The report as a page of the server, which shows the dates `from` to `to`.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn page(
    templates: &Templates,
    report: &Report,
    root: String,
    json_href: String,
    (from, to): (Option<NaiveDate>, Option<NaiveDate>),
) -> Result<String> {
    let frame = Frame { root, json_href, from, to, ..Frame::default() };
    templates.render("quality.html", context(report, frame)?)
}

/// The report as a page that needs no server.
///
/// # Errors
/// A chart that cannot be drawn.
pub fn file(report: &Report) -> Result<String> {
    let frame = Frame {
        is_file: true,
        styles: format!("{}\n{}", assets::text("mobility.css")?, assets::text("pages.css")?),
        script: assets::text("theme.js")?,
        ..Frame::default()
    };
    Templates::new()?.render("quality.html", context(report, frame)?)
}

#[derive(Serialize)]
struct Heading {
    name: String,
    about: Cow<'static, str>,
}

#[derive(Serialize)]
struct Tile {
    name: &'static str,
    value: String,
    note: String,
    level: Option<&'static str>,
}

#[derive(Serialize)]
struct Chart {
    title: &'static str,
    label: String,
    svg: String,
}

/// The values of the template.
fn context(report: &Report, frame: Frame) -> Result<Value> {
    let columns = main_columns();
    let headings: Vec<Heading> = columns
        .iter()
        .map(|c| Heading { name: c.heading.to_owned(), about: c.about.into() })
        .collect();
    let cells = |day: &DayFigures| columns.iter().map(|c| (c.cell)(day)).collect::<Vec<_>>();
    let dates: Vec<Vec<String>> = report.dates.iter().rev().map(cells).collect();
    let warnings = report.by_weight();
    let (open, folded) = warnings.split_at(warnings.len().min(MAX_OPEN_WARNINGS));
    let (file_rows, all_files) = files(report);
    let (code_headings, codes) = by_date(report);
    let undated = report.rows_undated();
    let Frame { is_file, styles, script, root, json_href, from, to } = frame;
    Ok(context! {
        is_file, styles, script, root, json_href,
        title => "Data quality",
        from => from.map(|date| date.to_string()),
        to => to.map(|date| date.to_string()),
        headline => report.headline(),
        newest => report.dates.last().map(Serde),
        tiles => Serde(report.dates.last().map(|day| tiles(report, day)).unwrap_or_default()),
        warnings => Serde(open),
        folded_warnings => Serde(folded),
        charts => Serde(charts(report)?),
        columns => Serde(headings),
        dates => dates,
        sum_columns => Serde(named_columns(&["code", "disposition", "what is wrong", "rows", "of all", "dates", "files"], &report.limits)),
        sums => sums(report),
        undated => (undated > 0).then(|| counted(undated, "row")),
        code_columns => Serde(code_headings),
        codes => codes,
        file_columns => Serde(named_columns(&["date", "file", "", "rows", "rejected", "unplaced", "flagged"], &report.limits)),
        more_files => (all_files > file_rows.len()).then(|| grouped((all_files - file_rows.len()) as u64)),
        files => file_rows,
    })
}

/// Headings of columns, with a description of those that are codes.
fn named_columns(names: &[&str], limits: &Limits) -> Vec<Heading> {
    let heading = |name: &&str| {
        let code = Code::ALL.into_iter().find(|code| code.name() == *name);
        let about = code.map(|code| code.describe(limits)).unwrap_or_default();
        Heading { name: name.replace('_', " "), about }
    };
    names.iter().map(heading).collect()
}

/// The key figures of the newest date.
fn tiles(report: &Report, day: &DayFigures) -> Vec<Tile> {
    let level = |what: &str| {
        let of = |w: &&crate::stages::quality::Warning| w.date == day.date && w.what == what;
        report.warnings.iter().filter(of).map(|w| w.level).max().map(Level::name)
    };
    let tile =
        |name, value: String, note: String, what| Tile { name, value, note, level: level(what) };
    let kept = format!("{} kept", grouped(day.rows_kept));
    let rejected = counted(day.rows_rejected, "row");
    let new = day
        .new_users
        .map_or_else(|| "no earlier date".to_owned(), |new| format!("{} new", grouped(new)));
    let unmapped = counted(day.events_unmapped, "event");
    let files = match day.files_expected {
        Some(expected) => format!("{} of {expected} files", day.files_own()),
        None => counted(day.files_own(), "file"),
    };
    let mut tiles = vec![
        tile("Rows in", grouped(day.rows_in), kept, "rows_in"),
        tile("Rejected", percent(rejected_percent(day)), rejected, "rejected_percent"),
        tile("Users", grouped(day.users), new, ""),
        tile("Unmapped", percent(unmapped_percent(day)), unmapped, "unmapped_percent"),
        tile("Empty hours", grouped(day.empty_hours), files, "empty_hours"),
    ];
    if let Some((unknown, stay)) = day.unknown_share.zip(day.stay_share) {
        let stays = format!("{} in stays", percent(stay * 100.0));
        tiles.push(tile("Unknown time", percent(unknown * 100.0), stays, "unknown_share"));
    }
    tiles
}

/// Lines over the dates; a single date makes no line, nor do dates without the figure.
fn charts(report: &Report) -> Result<Vec<Chart>> {
    type Figure = (&'static str, fn(&DayFigures) -> Option<f64>, fn(f64) -> String);
    let whole = |value: f64| grouped(value.round().max(0.0) as u64);
    let figures: [Figure; 4] = [
        ("Rows in", |day| Some(day.rows_in as f64), whole),
        ("Users", |day| Some(day.users as f64), whole),
        ("Rejected, % of the rows in", |day| Some(rejected_percent(day)), percent),
        ("Unknown, % of the time", |day| Some(day.unknown_share? * 100.0), percent),
    ];
    let chart = |(title, of, text): Figure| -> Option<Result<Chart>> {
        let values: Vec<(NaiveDate, f64)> =
            report.dates.iter().filter_map(|day| Some((day.date, of(day)?))).collect();
        let [first, .., last] = values.as_slice() else { return None };
        let label =
            format!("{title}: {} on {}, {} on {}", text(first.1), first.0, text(last.1), last.0);
        Some(small_chart(&values, text).map(|svg| Chart { title, label, svg }))
    };
    figures.into_iter().filter_map(chart).collect()
}

fn sums(report: &Report) -> Vec<Vec<String>> {
    let row = |sum: crate::output::quality_report::CodeSum| {
        vec![
            sum.code,
            sum.disposition,
            sum.meaning.to_owned(),
            grouped(sum.rows),
            percent(sum.percent),
            grouped(sum.dates as u64),
            grouped(sum.files as u64),
        ]
    };
    report.code_sums().into_iter().map(row).collect()
}

/// A row for each date, the newest first, and a column for each code that occurs.
fn by_date(report: &Report) -> (Vec<Heading>, Vec<Vec<String>>) {
    let mut rows: BTreeMap<(Option<NaiveDate>, &str), u64> = BTreeMap::new();
    for row in &report.codes {
        *rows.entry((row.date, row.code.as_str())).or_default() += row.rows;
    }
    let codes: Vec<&str> = Code::ALL
        .into_iter()
        .map(Code::name)
        .filter(|code| rows.keys().any(|(_, occurring)| occurring == code))
        .collect();
    let dates: BTreeSet<Option<NaiveDate>> = rows.keys().map(|(date, _)| *date).collect();
    let line = |date: &Option<NaiveDate>| {
        let name = date.map_or_else(|| "no date".to_owned(), |date| date.to_string());
        let count =
            |code: &&str| rows.get(&(*date, *code)).map_or_else(|| "–".to_owned(), |n| grouped(*n));
        std::iter::once(name).chain(codes.iter().map(count)).collect()
    };
    let names: Vec<&str> = std::iter::once("date").chain(codes.iter().copied()).collect();
    (named_columns(&names, &report.limits), dates.iter().rev().map(line).collect())
}

/// Files of the newest dates, and the number of all files.
fn files(report: &Report) -> (Vec<Vec<String>>, usize) {
    let mut files: BTreeMap<(Option<NaiveDate>, &str), Vec<&CodeRow>> = BTreeMap::new();
    for row in &report.codes {
        files.entry((row.date, row.file.as_str())).or_default().push(row);
    }
    let mut newest: Vec<_> = files.iter().collect();
    newest.sort_by_key(|((date, _), _)| std::cmp::Reverse(*date));
    let line = |((date, file), rows): (&(Option<NaiveDate>, &str), &Vec<&CodeRow>)| {
        let all: u64 = rows.iter().map(|row| row.rows).sum();
        let of = |disposition: Disposition| -> String {
            let rows = rows.iter().filter(|row| row.disposition == disposition.name());
            match rows.map(|row| row.rows).sum::<u64>() {
                0 => "–".to_owned(),
                n => grouped(n),
            }
        };
        vec![
            date.map_or_else(|| "no date".to_owned(), |date| date.to_string()),
            (*file).to_owned(),
            if rows.iter().any(|row| row.late) { "late" } else { "" }.to_owned(),
            grouped(all),
            of(Disposition::Rejected),
            of(Disposition::Unplaced),
            of(Disposition::Flagged),
        ]
    };
    (newest.into_iter().take(MAX_FILES).map(line).collect(), files.len())
}

//! The report as text, for a terminal or a file.

use comfy_table::{CellAlignment, Table, presets};
use console::{Style, measure_text_width};

use super::{CodeSum, Column, Report, main_columns};
use crate::domain::numbers::{counted, grouped, grouped_decimal};
use crate::domain::tables::Table as Schema;
use crate::stages::quality::{DayFigures, Level, Warning, percent};

/// Properties of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Width in columns; `None` without a limit.
    pub width: Option<u16>,
    pub color: bool,
}

/// Narrowest column that says what is wrong, with its margins.
const MIN_MEANING: usize = 18;

/// Dates, then codes, then warnings.
pub fn table(report: &Report, look: Look) -> String {
    let style = |style: Style, text: &str| match look.color {
        true => style.force_styling(true).apply_to(text).to_string(),
        false => text.to_owned(),
    };
    let mut out = format!("{}\n", style(Style::new().bold(), &report.headline()));
    if report.dates.is_empty() {
        out.push_str(&warnings(report, &style));
        return out;
    }
    out.push_str(&dates(report, look.width));
    if let [day] = report.dates.as_slice() {
        out.push_str(&format!("\n{}\n", all_figures(day)));
    }
    let sums = report.code_sums();
    if sums.is_empty() {
        out.push_str("\nAll rows passed the checks.\n");
    } else {
        out.push_str(&format!("\n{}", codes(&sums, look.width)));
    }
    let undated = report.rows_undated();
    if undated > 0 {
        out.push_str(&format!("{} belong to no date.\n", counted(undated, "row")));
    }
    out.push('\n');
    out.push_str(&warnings(report, &style));
    if report.warnings.is_empty() {
        out.push_str("No warnings.\n");
    }
    out
}

/// A line for each warning; `style` applies a style to a text.
fn warnings(report: &Report, style: &impl Fn(Style, &str) -> String) -> String {
    let line = |warning: &Warning| {
        let (word, paint) = match warning.level {
            Level::Critical => ("critical", Style::new().red().bold()),
            Level::Warning => ("warning ", Style::new().yellow()),
        };
        format!("{}  {}  {}\n", style(paint, word), warning.date, warning.text)
    };
    report.by_weight().into_iter().map(line).collect()
}

/// The table of codes. On a narrow terminal, what is wrong follows below it.
fn codes(sums: &[CodeSum], width: Option<u16>) -> String {
    let heading = ["code", "disposition", "rows", "of all", "dates", "files", "what is wrong"];
    let table = |columns: usize| {
        let mut table = framed(heading[..columns].to_vec());
        for sum in sums {
            let cells = [
                sum.code.clone(),
                sum.disposition.clone(),
                grouped(sum.rows),
                percent(sum.percent),
                grouped(sum.dates as u64),
                grouped(sum.files as u64),
                sum.meaning.to_owned(),
            ];
            table.add_row(cells.into_iter().take(columns).collect::<Vec<_>>());
        }
        (2..6).for_each(|column| align_right(&mut table, column));
        table
    };
    let natural = |table: &Table| table.lines().map(|line| measure_text_width(&line)).max();
    let without_meaning = natural(&table(heading.len() - 1)).unwrap_or(0);
    let (columns, fits) = match width.map(usize::from) {
        Some(width) if without_meaning + MIN_MEANING > width => {
            (heading.len() - 1, without_meaning <= width)
        }
        _ => (heading.len(), true),
    };
    let mut shown = table(columns);
    if let Some(width) = width.filter(|_| columns == heading.len() || !fits) {
        shown.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
        shown.set_width(width);
        if let Some(code) = shown.column_mut(0) {
            code.set_constraint(comfy_table::ColumnConstraint::ContentWidth);
        }
    }
    let mut text = format!("{shown}\n");
    if columns < heading.len() {
        sums.iter().for_each(|sum| text.push_str(&format!("{}: {}\n", sum.code, sum.meaning)));
    }
    text
}

fn framed(heading: impl Into<comfy_table::Row>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(heading);
    table
}

fn align_right(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// Every figure of one date by its name in `quality_daily`.
fn all_figures(day: &DayFigures) -> Table {
    let values = serde_json::to_value(day).unwrap_or_default();
    let mut table = framed(["figure", ""]);
    // date and state are shown in the table of dates
    for field in Schema::QualityDaily.schema().fields().iter().skip(2) {
        let value = &values[field.name()];
        let text = match (value.as_u64(), value.as_f64()) {
            (Some(count), _) => grouped(count),
            (None, Some(number)) => grouped_decimal(&number.to_string()),
            _ => "–".to_owned(),
        };
        table.add_row([field.name().as_str(), &text]);
    }
    align_right(&mut table, 1);
    table
}

/// The table of dates; columns that do not fit are listed below it.
fn dates(report: &Report, width: Option<u16>) -> String {
    let columns = main_columns();
    let needs = |column: &Column| {
        let cells = report.dates.iter().map(|day| measure_text_width(&(column.cell)(day)));
        // plus a space on each side
        cells.max().unwrap_or(0).max(measure_text_width(column.heading)) + 2
    };
    let widths = columns.each_ref().map(needs);
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let mut left_out = Vec::new();
    let fits = |shown: &[usize]| {
        // plus the border between columns
        let all = shown.iter().map(|at| widths[*at] + 1).sum::<usize>() + 1;
        width.is_none_or(|width| all <= usize::from(width))
    };
    while !fits(&shown) && shown.len() > 1 {
        let last = (0..shown.len()).max_by_key(|at| columns[shown[*at]].rank).unwrap_or_default();
        left_out.push(shown.remove(last));
    }
    let mut table = framed(shown.iter().map(|at| columns[*at].heading).collect::<Vec<_>>());
    for day in &report.dates {
        table.add_row(shown.iter().map(|at| (columns[*at].cell)(day)).collect::<Vec<_>>());
    }
    // date and state are text, the other columns are numbers
    let numbers = shown.iter().enumerate().filter(|(_, at)| **at > 1);
    numbers.for_each(|(place, _)| align_right(&mut table, place));
    let mut out = format!("{table}\n");
    if !left_out.is_empty() {
        left_out.sort_unstable();
        let names: Vec<&str> = left_out.iter().map(|at| columns[*at].heading).collect();
        let names = names.join(", ");
        out.push_str(&format!("columns that do not fit: {names}; use --format csv\n"));
    }
    out
}

//! The terminal table: fits the terminal, groups digits, never lets a value drive the terminal.

use std::io::Write;

use anyhow::Result;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use super::cells::{Cells, is_number};
use super::{Options, Rows};
use crate::report::grouped;

/// Rows shown when nobody asked for a number.
const MAX_ROWS: usize = 1_000;
/// Least width to which a long text is cut, characters.
const LEAST: usize = 8;

pub fn write(rows: Rows, mut out: Box<dyn Write + Send>, options: &Options) -> Result<u64> {
    let schema = arrow::record_batch::RecordBatchReader::schema(&rows);
    let max_rows = options.max_rows.unwrap_or(MAX_ROWS);
    let mut shown: Vec<Vec<String>> = Vec::new();
    let mut count = 0u64;
    for batch in rows {
        let batch = batch?;
        let columns = batch.columns().iter().map(Cells::new).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows().min(max_rows.saturating_sub(shown.len())) {
            shown.push(columns.iter().map(|c| shown_text(c, row)).collect());
        }
        count += batch.num_rows() as u64;
    }
    let names: Vec<String> = schema.fields().iter().map(|f| printable(f.name())).collect();
    let numbers: Vec<bool> = schema.fields().iter().map(|f| is_number(f.data_type())).collect();
    if let Some(width) = options.width {
        fit(&names, &mut shown, &numbers, usize::from(width));
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(names.iter().zip(&numbers).map(|(n, right)| aligned(n, *right)));
    for row in &shown {
        table.add_row(row.iter().zip(&numbers).map(|(v, right)| aligned(v, *right)));
    }
    if let Some(title) = &options.title {
        writeln!(out, "{}", printable(title))?;
    }
    writeln!(out, "{table}")?;
    let rows = if count == 1 { "row" } else { "rows" };
    let rest = count - shown.len() as u64;
    if rest > 0 {
        writeln!(
            out,
            "{} {rows}, {} not shown; --limit, --offset or --output FILE give them",
            grouped(count),
            grouped(rest)
        )?;
    } else {
        writeln!(out, "{} {rows}", grouped(count))?;
    }
    out.flush()?;
    Ok(count)
}

fn aligned(text: &str, right: bool) -> Cell {
    Cell::new(text).set_alignment(if right { CellAlignment::Right } else { CellAlignment::Left })
}

fn shown_text(column: &Cells, row: usize) -> String {
    if column.is_null(row) {
        return String::new();
    }
    if let Cells::Int(values) = column {
        let n = values.value(row);
        let sign = if n < 0 { "-" } else { "" };
        return format!("{sign}{}", grouped(n.unsigned_abs()));
    }
    let mut text = String::new();
    column.push(row, &mut text);
    printable(&text)
}

/// Control characters as their escapes, so that data cannot move the cursor or change colours.
fn printable(text: &str) -> String {
    if text.chars().any(char::is_control) {
        text.chars()
            .flat_map(
                |c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] },
            )
            .collect()
    } else {
        text.to_owned()
    }
}

/// Cuts the longest text columns until the table fits; numbers are never cut.
fn fit(names: &[String], rows: &mut [Vec<String>], numbers: &[bool], width: usize) {
    let measure = console::measure_text_width;
    let mut widths: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(i, n)| rows.iter().map(|r| measure(&r[i])).chain([measure(n)]).max().unwrap_or(0))
        .collect();
    // a border on either side, and two spaces and a gap a column
    let frame = |widths: &[usize]| widths.iter().sum::<usize>() + 3 * widths.len() + 1;
    while frame(&widths) > width {
        let widest = (0..widths.len())
            .filter(|i| !numbers[*i] && widths[*i] > LEAST.max(measure(&names[*i])))
            .max_by_key(|i| widths[*i]);
        let Some(widest) = widest else { break };
        widths[widest] -= 1;
    }
    for row in rows {
        for (value, width) in row.iter_mut().zip(&widths) {
            if measure(value) > *width {
                *value = console::truncate_str(value, *width, "…").into_owned();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{all_types, text_column, written};
    use super::super::{Format, Options};

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let ids: Vec<String> = (0..3).map(|i| format!("{i}").repeat(64)).collect();
        let options = Options { width: Some(30), ..Options::default() };
        let text = written(Format::Table, text_column(&ids), &options);
        assert!(text.lines().all(|l| console::measure_text_width(l) <= 30), "{text}");
        assert!(text.contains('…') && text.contains("3 rows"), "{text}");
        let whole = written(Format::Table, text_column(&ids), &Options::default());
        assert!(whole.contains(&ids[0]), "{whole}");
    }

    #[test]
    fn digits_are_grouped_and_control_characters_are_shown() {
        let text = written(Format::Table, all_types(), &Options::default());
        assert!(text.contains("9,007,199,254,740,993"), "{text}");
        let text =
            written(Format::Table, text_column(&["\u{1b}[31mred".to_owned()]), &Options::default());
        assert!(!text.contains('\u{1b}') && text.contains("u{1b}"), "{text}");
    }

    #[test]
    fn rows_beyond_the_most_are_counted_and_not_shown() {
        let ids: Vec<String> = (0..5).map(|i| i.to_string()).collect();
        let options = Options { max_rows: Some(2), ..Options::default() };
        let text = written(Format::Table, text_column(&ids), &options);
        assert!(text.contains("5 rows, 3 not shown"), "{text}");
    }
}

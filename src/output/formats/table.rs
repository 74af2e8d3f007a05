//! The terminal table: it fits the width of the terminal, groups the digits of numbers and ends with the
//! number of rows. The first rows are buffered to determine the column widths; the others are written
//! as they arrive, which comfy-table cannot do, since it holds all rows.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use console::measure_text_width;

use super::cells;
use super::cells::{Column, is_number, printable};
use super::fit::{ColumnWidth, truncate, widths};
use super::vertical::write_row;
use super::withheld::Withheld;
use super::{Options, RowWriter, geometry};
use crate::domain::numbers::{counted, grouped};

/// Number of rows that determine the column widths. A longer value in a later row overflows.
const SAMPLE_ROWS: usize = 10_000;
/// Minimum width of a truncated text; shorter ones would be hard to tell apart.
const MIN_TEXT_WIDTH: usize = 20;
/// Minimum width of a truncated heading over short values.
const MIN_HEADING_WIDTH: usize = 6;

pub(super) struct Table<'a> {
    schema: SchemaRef,
    names: Vec<String>,
    out: &'a mut (dyn Write + Send),
    options: &'a Options,
    geometry: Option<usize>,
    withheld: Withheld,
    /// Buffered rows.
    sample: Vec<Vec<String>>,
    /// Widths of the columns that fit, once the heading is written.
    widths: Option<Vec<usize>>,
    count: u64,
}

impl<'a> Table<'a> {
    pub fn new(schema: &SchemaRef, out: &'a mut (dyn Write + Send), options: &'a Options) -> Self {
        Table {
            schema: schema.clone(),
            names: schema.fields().iter().map(|f| printable(f.name()).into_owned()).collect(),
            out,
            options,
            geometry: geometry::column(schema),
            withheld: Withheld::new(schema, &options.measures),
            sample: Vec::new(),
            widths: None,
            count: 0,
        }
    }

    fn cell(&self, columns: &[Column], index: usize, row: usize) -> String {
        let text = self.withheld.text(columns, index, row, self.geometry);
        if is_number(self.schema.field(index).data_type()) {
            return with_groups(text);
        }
        printable(&text).into_owned()
    }

    /// Writes a line above or below the table.
    fn line(&mut self, text: &str) -> Result<()> {
        let text = printable(text);
        match self.options.width {
            Some(width) => writeln!(self.out, "{}", truncate(&text, width.into()))?,
            None => writeln!(self.out, "{text}")?,
        }
        Ok(())
    }

    /// Names the columns that do not fit, on as many lines as needed.
    fn missing(&mut self, names: &str) -> Result<()> {
        let width = usize::from(self.options.width.unwrap_or(u16::MAX));
        let how = self.options.how_to_see_all.map(|how| format!("; {how}")).unwrap_or_default();
        let text = format!("columns that do not fit: {names}{how}");
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && measure_text_width(&line) + 1 + measure_text_width(word) > width
            {
                self.line(&std::mem::take(&mut line))?;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&line)
    }

    /// Writes title, heading and the buffered rows.
    fn write_head(&mut self) -> Result<Vec<usize>> {
        if let Some(title) = &self.options.title {
            self.line(title)?;
        }
        let natural_widths = column_widths(&self.schema, &self.names, &self.sample);
        let widths = match self.options.width {
            Some(width) => widths(&natural_widths, width.into()),
            None => natural_widths.iter().map(|w| w.natural).collect(),
        };
        self.border(&widths, ["┌", "─", "┬", "┐"])?;
        self.row(&widths, &self.names.clone(), self.options.color)?;
        self.border(&widths, ["╞", "═", "╪", "╡"])?;
        for row in std::mem::take(&mut self.sample) {
            self.row(&widths, &row, false)?;
        }
        Ok(widths)
    }

    fn border(&mut self, widths: &[usize], [left, line, cross, right]: [&str; 4]) -> Result<()> {
        let lines: Vec<String> = widths.iter().map(|w| line.repeat(w + 2)).collect();
        writeln!(self.out, "{left}{}{right}", lines.join(cross))?;
        Ok(())
    }

    fn row(&mut self, widths: &[usize], cells: &[String], bold: bool) -> Result<()> {
        let fitted = widths.iter().zip(cells).enumerate().map(|(index, (width, text))| {
            let text = match self.options.width {
                Some(_) => truncate(text, *width),
                None => text.into(),
            };
            let blanks = " ".repeat(width.saturating_sub(measure_text_width(&text)));
            let text = if bold { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.into_owned() };
            match is_number(self.schema.field(index).data_type()) {
                true => format!("{blanks}{text}"),
                false => format!("{text}{blanks}"),
            }
        });
        let fitted: Vec<String> = fitted.collect();
        writeln!(self.out, "│ {} │", fitted.join(" ┆ "))?;
        Ok(())
    }
}

impl RowWriter for Table<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let remaining = self.options.max_rows.unwrap_or(u64::MAX).saturating_sub(self.count);
        let columns = cells::columns(batch)?;
        for row in 0..batch.num_rows().min(usize::try_from(remaining).unwrap_or(usize::MAX)) {
            let cells = (0..columns.len()).map(|index| self.cell(&columns, index, row));
            let cells: Vec<String> = cells.collect();
            match self.widths.take() {
                Some(widths) => {
                    self.row(&widths, &cells, false)?;
                    self.widths = Some(widths);
                }
                None => {
                    self.sample.push(cells);
                    if self.sample.len() == SAMPLE_ROWS {
                        self.widths = Some(self.write_head()?);
                    }
                }
            }
        }
        self.count += batch.num_rows() as u64;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if let (None, Some(width), [row]) = (&self.widths, self.options.width, &self.sample[..]) {
            let natural_widths = column_widths(&self.schema, &self.names, &self.sample);
            if widths(&natural_widths, width.into()).len() < self.names.len() && self.count == 1 {
                let (names, row) = (self.names.clone(), row.clone());
                if let Some(title) = &self.options.title {
                    self.line(title)?;
                }
                write_row(self.out, &names, &row)?;
                return self.line("1 row");
            }
        }
        let widths = match self.widths.take() {
            Some(widths) => widths,
            None => self.write_head()?,
        };
        self.border(&widths, ["└", "─", "┴", "┘"])?;
        let rest = self.count.saturating_sub(self.options.max_rows.unwrap_or(u64::MAX));
        let footer = if rest > 0 {
            let rest = counted(rest, "more row");
            format!("… {rest}; use --limit N, --offset N or --output FILE to get them")
        } else {
            counted(self.count, "row")
        };
        self.line(&footer)?;
        if widths.len() < self.names.len() {
            self.missing(&self.names[widths.len()..].join(", "))?;
        }
        Ok(())
    }
}

/// A number with commas between groups of three digits before the point.
fn with_groups(number: String) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number.as_str()),
    };
    let whole = digits.find('.').unwrap_or(digits.len());
    match digits[..whole].parse() {
        Ok(value) if !digits.contains('e') => {
            format!("{sign}{}{}", grouped(value), &digits[whole..])
        }
        _ => number,
    }
}

/// Width at which a heading differs from all others, even if it is cut.
fn distinct_width(names: &[String], index: usize) -> usize {
    let name = &names[index];
    let common =
        |other: &String| name.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let others = names.iter().enumerate().filter(|(i, other)| *i != index && *other != name);
    let longest = others.map(|(_, other)| common(other)).max().unwrap_or(0);
    // the first character that differs, and the mark
    measure_text_width(name).min(longest + 2)
}

/// Text may be truncated; numbers and dates may not, because part of a number is another number.
fn column_widths(schema: &Schema, names: &[String], rows: &[Vec<String>]) -> Vec<ColumnWidth> {
    let widest = |index: usize| rows.iter().map(|r| measure_text_width(&r[index])).max();
    names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let heading = measure_text_width(name);
            let values = widest(index).unwrap_or(0);
            let data_type = schema.field(index).data_type();
            let keep_whole = is_number(data_type) || data_type.is_temporal();
            let min_value_width = if keep_whole { values } else { values.min(MIN_TEXT_WIDTH) };
            ColumnWidth {
                natural: heading.max(values),
                minimum: heading
                    .min(MIN_HEADING_WIDTH)
                    .max(distinct_width(names, index))
                    .max(min_value_width),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, StringArray};

    use super::*;
    use crate::output::formats::Format;
    use crate::output::formats::samples::{every_type, points, rows, shown};

    const ID: &str = "3f2a000000000000000000000000000000000000000000000000000000009bc1";

    fn table(batch: RecordBatch, options: &Options) -> String {
        shown(Format::Table, vec![batch], options)
    }

    fn numbered(count: i64) -> RecordBatch {
        rows([("n", Arc::new(Int64Array::from_iter_values(0..count)) as ArrayRef)])
    }

    fn users() -> RecordBatch {
        let ids: ArrayRef = Arc::new(StringArray::from(vec![Some(ID), None]));
        let names: ArrayRef =
            Arc::new(StringArray::from(vec!["Põhja-Pärnumaa vald", "東京都港区"]));
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![19_997, 19_998]));
        let counts: ArrayRef = Arc::new(Int64Array::from(vec![Some(1_787_438), None]));
        rows([("user_id", ids), ("lau_name", names), ("date", dates), ("event_count", counts)])
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        let options = Options { title: Some("Events".to_owned()), ..Options::default() };
        let id = "─".repeat(66);
        let blank = " ".repeat(64);
        assert_eq!(
            table(users(), &options),
            format!(
                "Events\n\
                 ┌{id}┬─────────────────────┬────────────┬─────────────┐\n\
                 │ user_id{} ┆ lau_name            ┆ date       ┆ event_count │\n\
                 ╞{}╪═════════════════════╪════════════╪═════════════╡\n\
                 │ {ID} ┆ Põhja-Pärnumaa vald ┆ 2024-10-01 ┆   1,787,438 │\n\
                 │ {blank} ┆ 東京都港区          ┆ 2024-10-02 ┆             │\n\
                 └{id}┴─────────────────────┴────────────┴─────────────┘\n\
                 2 rows\n",
                " ".repeat(57),
                "═".repeat(66),
            )
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for batch in [users(), every_type(), points(), numbered(1_500)] {
            for width in (10..140).step_by(3) {
                let options =
                    Options { width: Some(width), color: width % 2 == 0, ..Options::default() };
                for line in table(batch.clone(), &options).lines() {
                    assert!(measure_text_width(line) <= usize::from(width), "{width}: {line}");
                }
            }
        }
    }

    #[test]
    fn text_is_cut_before_numbers_and_dates() {
        let text = table(users(), &Options { width: Some(72), ..Options::default() });
        let row = text.lines().nth(3).unwrap();
        assert_eq!(row, "│ 3f2a000000…000009bc1 ┆ Põhja-Pärnumaa vald ┆ 2024-10-01 ┆  1,787,438 │");
    }

    #[test]
    fn columns_without_room_are_named() {
        // before values are cut so short that they cannot be told apart
        let how_to_see_all = Some("use --wide, --vertical or --output FILE");
        let options = Options { width: Some(70), how_to_see_all, ..Options::default() };
        let text = table(users(), &options);
        let last: Vec<&str> = text.lines().rev().take(2).collect();
        let line = "columns that do not fit: event_count; use --wide, --vertical or";
        assert_eq!(last, ["--output FILE", line]);
        assert!(text.contains("┆ Põhja-Pärnumaa vald ┆ 2024-10-01 │"), "{text}");
    }

    #[test]
    fn headings_that_are_cut_differ() {
        let count = || Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef;
        let batch =
            || rows([("rows_in", count()), ("rows_kept", count()), ("rows_rejected", count())]);
        for width in 25..45 {
            let text = table(batch(), &Options { width: Some(width), ..Options::default() });
            let heading = text.lines().nth(1).unwrap();
            let cells: Vec<&str> = heading.split(['│', '┆']).map(str::trim).collect();
            let shown: std::collections::BTreeSet<String> =
                cells.iter().filter(|c| !c.is_empty()).map(|c| (*c).to_owned()).collect();
            let text = text.replace('\n', " ");
            let named = text.split_once("do not fit: ").map_or(0, |(_, n)| n.split(", ").count());
            assert_eq!(shown.len() + named, 3, "{text}");
        }
    }

    #[test]
    fn rows_beyond_the_bound_are_counted() {
        let options = Options { max_rows: Some(2), ..Options::default() };
        let text = shown(Format::Table, vec![numbered(1_000), numbered(503)], &options);
        let last = "… 1,501 more rows; use --limit N, --offset N or --output FILE to get them";
        assert_eq!(text.lines().last(), Some(last));
        assert_eq!(text.lines().count(), 7);
        let options = Options { max_rows: Some(1_000), ..Options::default() };
        let text = table(numbered(1_001), &options);
        assert!(
            text.ends_with(
                "… 1 more row; use --limit N, --offset N or --output FILE to get them\n"
            )
        );
    }

    #[test]
    fn without_a_bound_all_rows_are_written_however_many() {
        let many = SAMPLE_ROWS as i64 + 5;
        let batches = (0..many).step_by(3_000).map(|start| {
            let end = many.min(start + 3_000);
            rows([("n", Arc::new(Int64Array::from_iter_values(start..end)) as ArrayRef)])
        });
        let text = shown(Format::Table, batches.collect(), &Options::default());
        assert_eq!(text.lines().count(), 5 + SAMPLE_ROWS + 5);
        assert!(text.ends_with("│ 10,004 │\n└───────┘\n10,005 rows\n"), "{text}");
    }

    #[test]
    fn a_table_without_rows_shows_its_columns() {
        assert_eq!(table(numbered(0), &Options::default()), "┌───┐\n│ n │\n╞═══╡\n└───┘\n0 rows\n");
        assert!(table(numbered(1), &Options::default()).ends_with("\n1 row\n"));
    }

    #[test]
    fn a_value_cannot_drive_the_terminal() {
        let evil: ArrayRef = Arc::new(StringArray::from(vec!["\u{1b}[31mred\nline"]));
        let text = table(rows([("a\u{7}", evil)]), &Options::default());
        assert!(text.contains("│ \\u{1b}[31mred\\nline │"), "{text}");
        assert!(text.contains("│ a\\u{7}"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn headings_are_bold_only_in_colour() {
        let plain = table(numbered(1), &Options::default());
        let bold = table(numbered(1), &Options { color: true, ..Options::default() });
        assert!(!plain.contains('\u{1b}'));
        assert!(bold.contains("\u{1b}[1m"));
        assert_eq!(console::strip_ansi_codes(&bold), plain);
    }

    #[test]
    fn digits_are_grouped_before_the_point_only() {
        let floats: ArrayRef =
            Arc::new(Float64Array::from(vec![-1234.56789, 0.5, 1e300, f64::NAN]));
        let text = table(rows([("x", floats)]), &Options::default());
        let cells: Vec<&str> =
            text.lines().skip(3).take(4).map(|l| l.trim_matches(['│', ' '])).collect();
        assert_eq!(cells, ["-1,234.56789", "0.5", "1e+300", "NaN"]);
    }
}

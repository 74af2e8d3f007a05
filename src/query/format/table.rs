//! The table for people: fits the terminal, groups the digits of numbers, ends with the number of
//! rows. Only the first rows are kept, the rest are counted.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, presets};
use console::measure_text_width;

use super::cells::{self, Column, is_number, printable};
use super::fit::{Wish, cut, widths};
use super::{Options, RowWriter, geometry};
use crate::report::{counted, grouped};

/// Rows shown when nobody asked for a number.
const MAX_ROWS: usize = 1_000;
/// Least width to which a long text is cut.
const LEAST_TEXT: usize = 8;
/// Least width to which a heading over short values is cut.
const LEAST_HEADING: usize = 6;

pub(super) struct Table<'a> {
    schema: SchemaRef,
    out: &'a mut (dyn Write + Send),
    options: &'a Options,
    geometry: Option<usize>,
    rows: Vec<Vec<String>>,
    count: u64,
}

impl<'a> Table<'a> {
    pub fn new(schema: &SchemaRef, out: &'a mut (dyn Write + Send), options: &'a Options) -> Self {
        Table {
            schema: schema.clone(),
            out,
            options,
            geometry: geometry::column(schema),
            rows: Vec::new(),
            count: 0,
        }
    }

    fn cell(&self, column: &Column, index: usize, row: usize) -> String {
        let text = column.words(row, self.geometry == Some(index));
        if is_number(self.schema.field(index).data_type()) {
            return with_groups(text);
        }
        printable(&text).into_owned()
    }

    /// A line of its own below or above the table.
    fn line(&mut self, text: &str) -> Result<()> {
        let text = printable(text);
        match self.options.width {
            Some(width) => writeln!(self.out, "{}", cut(&text, width.into()))?,
            None => writeln!(self.out, "{text}")?,
        }
        Ok(())
    }
}

impl RowWriter for Table<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let max_rows = self.options.max_rows.unwrap_or(MAX_ROWS);
        let wanted = batch.num_rows().min(max_rows.saturating_sub(self.rows.len()));
        if wanted > 0 {
            let columns = cells::columns(batch)?;
            for row in 0..wanted {
                let cells = columns.iter().enumerate();
                self.rows.push(cells.map(|(index, c)| self.cell(c, index, row)).collect());
            }
        }
        self.count += batch.num_rows() as u64;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if let Some(title) = &self.options.title {
            self.line(title)?;
        }
        let names: Vec<String> =
            self.schema.fields().iter().map(|f| printable(f.name()).into_owned()).collect();
        let widths = match self.options.width {
            Some(width) => widths(&wishes(&self.schema, &names, &self.rows), width.into()),
            None => vec![usize::MAX; names.len()],
        };
        let right: Vec<bool> =
            self.schema.fields().iter().map(|f| is_number(f.data_type())).collect();
        let mut table = comfy_table::Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Disabled);
        // whether the output is a terminal is the caller's knowledge
        table.force_no_tty();
        if self.options.color {
            table.enforce_styling();
        }
        let aligned = |(index, width): (usize, &usize), text: &str| {
            let side = if right[index] { CellAlignment::Right } else { CellAlignment::Left };
            Cell::new(cut(text, *width)).set_alignment(side)
        };
        let heading = |column: (usize, &usize)| {
            let cell = aligned(column, &names[column.0]);
            if self.options.color { cell.add_attribute(Attribute::Bold) } else { cell }
        };
        table.set_header(widths.iter().enumerate().map(heading));
        for row in &self.rows {
            table.add_row(widths.iter().enumerate().map(|column| aligned(column, &row[column.0])));
        }
        for line in table.lines() {
            writeln!(self.out, "{line}")?;
        }
        let rest = self.count - self.rows.len() as u64;
        let footer = if rest > 0 {
            let rest = counted(rest, "more row");
            format!("… {rest}; --limit N, --offset N or --output FILE shows them")
        } else {
            counted(self.count, "row")
        };
        self.line(&footer)?;
        if widths.len() < names.len() {
            self.line(&format!("no room for {}", names[widths.len()..].join(", ")))?;
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

/// Text may be cut, numbers and dates may not: half a number is another number.
fn wishes(schema: &Schema, names: &[String], rows: &[Vec<String>]) -> Vec<Wish> {
    let widest = |index: usize| rows.iter().map(|r| measure_text_width(&r[index])).max();
    names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let heading = measure_text_width(name);
            let values = widest(index).unwrap_or(0);
            let data_type = schema.field(index).data_type();
            let whole = is_number(data_type) || data_type.is_temporal();
            let least_value = if whole { values } else { values.min(LEAST_TEXT) };
            Wish {
                natural: heading.max(values),
                least: heading.min(LEAST_HEADING).max(least_value),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, StringArray};

    use super::super::Format;
    use super::super::samples::{every_type, points, rows, shown};
    use super::*;

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
        let text = table(users(), &Options { width: Some(52), ..Options::default() });
        let row = text.lines().nth(3).unwrap();
        assert_eq!(row, "│ 3f2a0…9bc1 ┆ Põhja-Pär… ┆ 2024-10-01 ┆ 1,787,438 │");
    }

    #[test]
    fn columns_without_room_are_named() {
        let text = table(users(), &Options { width: Some(36), ..Options::default() });
        assert_eq!(text.lines().last(), Some("no room for event_count"));
    }

    #[test]
    fn rows_beyond_the_bound_are_counted() {
        let options = Options { max_rows: Some(2), ..Options::default() };
        let text = shown(Format::Table, vec![numbered(1_000), numbered(503)], &options);
        let last = "… 1,501 more rows; --limit N, --offset N or --output FILE shows them";
        assert_eq!(text.lines().last(), Some(last));
        assert_eq!(text.lines().count(), 7);
        let text = table(numbered(1_001), &Options::default());
        assert!(
            text.ends_with("… 1 more row; --limit N, --offset N or --output FILE shows them\n")
        );
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

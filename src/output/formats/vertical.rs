//! Rows one below the other: a line for each column, for rows with many columns or long values.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use console::measure_text_width;

use super::cells::{self, printable};
use super::withheld::Withheld;
use super::{Options, RowWriter, geometry};
use crate::domain::numbers::counted;

pub(super) struct Vertical<'a> {
    names: Vec<String>,
    out: &'a mut (dyn Write + Send),
    options: &'a Options,
    geometry: Option<usize>,
    withheld: Withheld,
    count: u64,
}

impl<'a> Vertical<'a> {
    pub fn new(schema: &SchemaRef, out: &'a mut (dyn Write + Send), options: &'a Options) -> Self {
        let names = schema.fields().iter().map(|f| printable(f.name()).into_owned()).collect();
        let withheld = Withheld::new(schema, &options.measures);
        Vertical { names, out, options, geometry: geometry::column(schema), withheld, count: 0 }
    }
}

impl RowWriter for Vertical<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = cells::columns(batch)?;
        for row in 0..batch.num_rows() {
            self.count += 1;
            if self.options.max_rows.is_some_and(|most| self.count > most) {
                continue;
            }
            if self.count == 1
                && let Some(title) = &self.options.title
            {
                writeln!(self.out, "{}", printable(title))?;
            }
            writeln!(self.out, "─ row {} ─", self.count)?;
            let values = (0..columns.len())
                .map(|index| self.withheld.text(&columns, index, row, self.geometry));
            let values: Vec<String> = values.map(|text| printable(&text).into_owned()).collect();
            write_row(self.out, &self.names, &values)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let rest = self.count.saturating_sub(self.options.max_rows.unwrap_or(u64::MAX));
        if rest > 0 {
            let rest = counted(rest, "more row");
            writeln!(self.out, "… {rest}; use --limit N, --offset N or --output FILE to get them")?;
        } else {
            writeln!(self.out, "{}", counted(self.count, "row"))?;
        }
        Ok(())
    }
}

/// A line for each column: its name, and its value in full.
pub(super) fn write_row(
    out: &mut (dyn Write + Send),
    names: &[String],
    values: &[String],
) -> Result<()> {
    let width = names.iter().map(|name| measure_text_width(name)).max().unwrap_or(0);
    for (name, value) in names.iter().zip(values) {
        let blanks = " ".repeat(width - measure_text_width(name));
        writeln!(out, "{}", format!("{name}{blanks}  {value}").trim_end())?;
    }
    Ok(())
}

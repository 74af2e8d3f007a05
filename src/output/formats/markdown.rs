//! A Markdown table. Cells are not padded, so that rows can be streamed.

use std::io::Write;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::cells;
use super::cells::printable;
use super::withheld::Withheld;
use super::{FLUSH_BYTES, Options, RowWriter, geometry};

pub(super) struct Markdown<'a> {
    out: &'a mut (dyn Write + Send),
    geometry: Option<usize>,
    withheld: Withheld,
    buffer: String,
}

impl<'a> Markdown<'a> {
    pub fn new(schema: &Schema, out: &'a mut (dyn Write + Send), options: &Options) -> Self {
        let mut buffer = String::new();
        for field in schema.fields() {
            cell(field.name(), &mut buffer);
        }
        buffer.push_str("|\n");
        for field in schema.fields() {
            let number = cells::is_number(field.data_type());
            buffer.push_str(if number { "| ---: " } else { "| --- " });
        }
        buffer.push_str("|\n");
        let withheld = Withheld::new(schema, &options.measures);
        Markdown { out, geometry: geometry::column(schema), withheld, buffer }
    }

    fn flush(&mut self) -> Result<()> {
        self.out.write_all(self.buffer.as_bytes())?;
        self.buffer.clear();
        Ok(())
    }
}

impl RowWriter for Markdown<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = cells::columns(batch)?;
        for row in 0..batch.num_rows() {
            for index in 0..columns.len() {
                let text = self.withheld.text(&columns, index, row, self.geometry);
                cell(&text, &mut self.buffer);
            }
            self.buffer.push_str("|\n");
            if self.buffer.len() >= FLUSH_BYTES {
                self.flush()?;
            }
        }
        self.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.flush()
    }
}

/// Writes `| text `, with characters escaped that would end the cell or start markup.
fn cell(text: &str, out: &mut String) {
    out.push_str("| ");
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push_str("<br>");
        }
        for c in line.trim_end_matches('\r').chars() {
            match c {
                '|' | '\\' | '`' | '*' | '<' | '[' => {
                    out.push('\\');
                    out.push(c);
                }
                c => out.push_str(&printable(c.encode_utf8(&mut [0; 4]))),
            }
        }
    }
    out.push(' ');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use crate::output::formats::samples::{points, rows, shown};
    use crate::output::formats::{Format, Options};

    #[test]
    fn numbers_are_right_aligned_and_markup_is_escaped() {
        let names: ArrayRef = Arc::new(StringArray::from(vec![
            Some("Jõgeva"),
            Some("a|b\\c\r\nd"),
            Some("<b>\u{1b}"),
            None,
        ]));
        let users: ArrayRef =
            Arc::new(Int64Array::from(vec![Some(1_234), Some(-5), None, Some(0)]));
        let batch = rows([("lau|name", names), ("user_count", users)]);
        assert_eq!(
            shown(Format::Markdown, vec![batch], &Options::default()),
            "| lau\\|name | user_count |\n| --- | ---: |\n| Jõgeva | 1234 |\n\
             | a\\|b\\\\c<br>d | -5 |\n| \\<b>\\u{1b} |  |\n|  | 0 |\n"
        );
    }

    #[test]
    fn no_rows_give_only_the_heading_and_a_geometry_is_summarised() {
        let options = Options::default();
        let heading = "| cell_id | geometry |\n| --- | --- |\n";
        assert_eq!(shown(Format::Markdown, vec![points().slice(0, 0)], &options), heading);
        assert_eq!(
            shown(Format::Markdown, vec![points()], &options),
            format!("{heading}| 1 | POINT (24.5 59) |\n| 2 |  |\n")
        );
    }
}

//! A pipe table for documents.

use std::io::Write;

use anyhow::Result;

use super::Rows;
use super::cells::{Cells, is_number};

pub fn write(rows: Rows, mut out: Box<dyn Write + Send>) -> Result<u64> {
    let schema = arrow::record_batch::RecordBatchReader::schema(&rows);
    let names: Vec<String> = schema.fields().iter().map(|f| escaped(f.name())).collect();
    writeln!(out, "| {} |", names.join(" | "))?;
    let rules: Vec<&str> = schema
        .fields()
        .iter()
        .map(|f| if is_number(f.data_type()) { "---:" } else { "---" })
        .collect();
    writeln!(out, "| {} |", rules.join(" | "))?;
    let mut count = 0;
    let mut value = String::new();
    for batch in rows {
        let batch = batch?;
        let columns = batch.columns().iter().map(Cells::new).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            write!(out, "|")?;
            for column in &columns {
                value.clear();
                if !column.is_null(row) {
                    column.push(row, &mut value);
                }
                write!(out, " {} |", escaped(&value))?;
            }
            writeln!(out)?;
        }
        count += batch.num_rows() as u64;
    }
    out.flush()?;
    Ok(count)
}

/// Bars and line ends would break the table.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::super::samples::{text_column, written};
    use super::super::{Format, Options};

    #[test]
    fn bars_and_line_ends_stay_inside_their_cell() {
        let text =
            written(Format::Markdown, text_column(&["a|b\nc".to_owned()]), &Options::default());
        assert_eq!(text, "| name |\n| --- |\n| a\\|b c |\n");
    }
}

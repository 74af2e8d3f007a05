//! JSON: an array of objects, or one object a line.

use std::io::Write;

use anyhow::Result;
use arrow::array::{Array, AsArray, RecordBatch};

use super::Rows;
use super::cells::{Cells, push_time};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Array,
    Lines,
}

pub fn write(rows: Rows, mut out: Box<dyn Write + Send>, layout: Layout) -> Result<u64> {
    let mut count = 0u64;
    let mut text = String::new();
    if layout == Layout::Array {
        text.push('[');
    }
    for batch in rows {
        let batch = batch?;
        let objects = Objects::new(&batch, |_| true)?;
        for row in 0..batch.num_rows() {
            match layout {
                Layout::Array if count == 0 => text.push('\n'),
                Layout::Array => text.push_str(",\n"),
                Layout::Lines => {}
            }
            objects.push(row, &mut text);
            if layout == Layout::Lines {
                text.push('\n');
            }
            count += 1;
            if text.len() > 1 << 16 {
                out.write_all(text.as_bytes())?;
                text.clear();
            }
        }
    }
    if layout == Layout::Array {
        text.push_str(if count == 0 { "]\n" } else { "\n]\n" });
    }
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(count)
}

/// Rows of a batch as JSON objects.
pub struct Objects<'a> {
    columns: Vec<(String, Cells<'a>)>,
}

impl<'a> Objects<'a> {
    /// Takes the columns whose names `wanted` accepts.
    ///
    /// # Errors
    /// A type without a text form.
    pub fn new(batch: &'a RecordBatch, wanted: impl Fn(&str) -> bool) -> Result<Self> {
        let columns = batch
            .schema_ref()
            .fields()
            .iter()
            .zip(batch.columns())
            .filter(|(field, _)| wanted(field.name()))
            .map(|(field, column)| Ok((serde_json::to_string(field.name())?, Cells::new(column)?)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Objects { columns })
    }

    /// Appends the object of a row.
    pub fn push(&self, row: usize, text: &mut String) {
        text.push('{');
        for (i, (name, cells)) in self.columns.iter().enumerate() {
            if i > 0 {
                text.push(',');
            }
            text.push_str(name);
            text.push(':');
            push_value(cells, row, text);
        }
        text.push('}');
    }
}

fn push_value(cells: &Cells, row: usize, text: &mut String) {
    let quoted = |value: &str| serde_json::Value::from(value).to_string();
    match cells {
        _ if cells.is_null(row) => text.push_str("null"),
        // JSON has no word for these
        Cells::Float(values) if !values.value(row).is_finite() => text.push_str("null"),
        Cells::Int(_) | Cells::Float(_) | Cells::Bool(_) => cells.push(row, text),
        Cells::Other(_, array) if array.data_type().is_numeric() => cells.push(row, text),
        Cells::Text(values) => text.push_str(&quoted(values.value(row))),
        Cells::Time(values) => {
            text.push('"');
            push_time(values.value(row), 'T', text);
            text.push('"');
        }
        Cells::Date(_) | Cells::Bytes(_) => {
            text.push('"');
            cells.push(row, text);
            text.push('"');
        }
        Cells::Other(formatter, _) => text.push_str(&quoted(&formatter.value(row).to_string())),
    }
}

/// The texts of a column, null where it is null or no text.
pub fn text_at(batch: &RecordBatch, column: usize, row: usize) -> Option<&str> {
    let texts = batch.column(column).as_string_opt::<i32>()?;
    (!texts.is_null(row)).then(|| texts.value(row))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{all_types, empty, written};
    use super::super::{Format, Options};

    #[test]
    fn objects_keep_types_and_nulls() {
        let text = written(Format::Json, all_types(), &Options::default());
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(rows[0]["n"], serde_json::json!(9_007_199_254_740_993_i64));
        assert_eq!(rows[0]["hour"], "2024-10-01T08:00:00");
        assert_eq!(rows[0]["raw"], "00ff");
        assert_eq!(rows[1]["name"], "a,\"b\"\nõ");
        assert_eq!(rows[1]["date"], "1969-12-31");
        assert_eq!(rows[2]["n"], serde_json::Value::Null);
        assert_eq!(rows.as_array().unwrap().len(), 3);
    }

    #[test]
    fn lines_are_objects_and_nothing_is_an_empty_array() {
        let text = written(Format::Ndjson, all_types(), &Options::default());
        let lines: Vec<serde_json::Value> =
            text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["x"], 24.75);
        assert_eq!(written(Format::Json, empty(), &Options::default()), "[]\n");
        assert_eq!(written(Format::Ndjson, empty(), &Options::default()), "");
    }
}

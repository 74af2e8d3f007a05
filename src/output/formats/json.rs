//! JSON: an array of objects, or one object per line. Numbers are written with all digits, time stamps
//! in ISO 8601, a `geometry` as a GeoJSON geometry, and NaN and infinity as null.

use std::io::Write;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::cells;
use super::cells::{Column, json_string, json_value};
use super::{FLUSH_BYTES, GeometryText, Options, RowWriter, geometry};

/// How the objects are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Array,
    Lines,
}

pub(super) struct Json<'a> {
    out: &'a mut (dyn Write + Send),
    layout: Layout,
    objects: Objects,
    shapes: GeometryText,
    rows: u64,
    buffer: Vec<u8>,
}

impl<'a> Json<'a> {
    pub fn new(
        schema: &Schema,
        out: &'a mut (dyn Write + Send),
        options: &Options,
        layout: Layout,
    ) -> Result<Self> {
        let shapes = GeometryText::new(options.geometry_epsg)?;
        let objects = Objects::new(schema, |_| true);
        let buffer = if layout == Layout::Array { b"[".to_vec() } else { Vec::new() };
        Ok(Json { out, layout, objects, shapes, rows: 0, buffer })
    }

    fn flush(&mut self) -> Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl RowWriter for Json<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = cells::columns(batch)?;
        for row in 0..batch.num_rows() {
            if self.layout == Layout::Array {
                self.buffer.extend_from_slice(if self.rows == 0 { b"\n" } else { b",\n" });
            }
            self.rows += 1;
            self.objects
                .write(&columns, row, &self.shapes, &mut self.buffer)
                .with_context(|| format!("row {}", self.rows))?;
            if self.layout == Layout::Lines {
                self.buffer.push(b'\n');
            }
            if self.buffer.len() >= FLUSH_BYTES {
                self.flush()?;
            }
        }
        self.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if self.layout == Layout::Array {
            let end: &[u8] = if self.rows == 0 { b"]\n" } else { b"\n]\n" };
            self.buffer.extend_from_slice(end);
        }
        self.flush()
    }
}

/// Rows as JSON objects.
pub(super) struct Objects {
    /// Column index and the text `"name":`.
    members: Vec<(usize, Vec<u8>)>,
    geometry: Option<usize>,
}

impl Objects {
    /// Objects with the columns of `schema` whose index passes the filter.
    pub fn new(schema: &Schema, include: impl Fn(usize) -> bool) -> Self {
        let members = schema.fields().iter().enumerate().filter(|(index, _)| include(*index));
        let members = members.map(|(index, field)| {
            let mut key = Vec::new();
            json_string(field.name(), &mut key);
            key.push(b':');
            (index, key)
        });
        Objects { members: members.collect(), geometry: geometry::column(schema) }
    }

    /// # Errors
    /// A geometry that is not valid WKB.
    pub fn write(
        &self,
        columns: &[Column],
        row: usize,
        shapes: &GeometryText,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        out.push(b'{');
        for (position, (index, key)) in self.members.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key);
            let column = &columns[*index];
            match column.bytes(row) {
                Some(wkb) if self.geometry == Some(*index) => shapes.write(wkb, out)?,
                _ => json_value(column, row, out),
            }
        }
        out.push(b'}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};

    use super::*;
    use crate::output::formats::Format;
    use crate::output::formats::samples::{every_type, points, rows, shown};

    #[test]
    fn every_type_is_written_in_its_notation() {
        let text = shown(Format::Ndjson, vec![every_type()], &Options::default());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "{\"text\":\"Jõgeva\",\"int\":-7,\"big\":18446744073709551615,\"float\":0.1,\
             \"single\":0.1,\"flag\":true,\"date\":\"2024-10-01\",\
             \"time\":\"2024-10-01T08:00:00\",\"zoned\":\"1970-01-01T00:00:00Z\",\
             \"bytes\":\"00ff\",\"decimal\":123.45,\"list\":[1,null],\"nothing\":null}"
        );
        let nulls: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
        assert!(nulls.as_object().unwrap().values().all(serde_json::Value::is_null));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn an_array_spans_batches_and_is_closed() {
        let batch = |n: i64| rows([("n", Arc::new(Int64Array::from(vec![n])) as ArrayRef)]);
        let text = shown(Format::Json, vec![batch(1), batch(2)], &Options::default());
        assert_eq!(text, "[\n{\"n\":1},\n{\"n\":2}\n]\n");
    }

    #[test]
    fn no_rows_give_an_empty_array_and_no_lines() {
        let none = || vec![every_type().slice(0, 0)];
        assert_eq!(shown(Format::Json, none(), &Options::default()), "[]\n");
        assert_eq!(shown(Format::Ndjson, none(), &Options::default()), "");
    }

    #[test]
    fn numbers_keep_all_digits_and_nan_is_null() {
        let ints: ArrayRef = Arc::new(Int64Array::from(vec![9_007_199_254_740_993; 4]));
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![1e300, f64::NAN, -0.0, 24.75]));
        let text =
            shown(Format::Ndjson, vec![rows([("i", ints), ("f", floats)])], &Options::default());
        let values = ["1e+300", "null", "-0", "24.75"];
        let expected = values.map(|v| format!("{{\"i\":9007199254740993,\"f\":{v}}}\n")).concat();
        assert_eq!(text, expected);
    }

    #[test]
    fn any_text_and_any_column_name_is_escaped() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a\"b\\c\n\r\t\u{1b}\u{7f}õ😀"]));
        let text = shown(Format::Ndjson, vec![rows([("sum(\"n\")", texts)])], &Options::default());
        assert_eq!(text, "{\"sum(\\\"n\\\")\":\"a\\\"b\\\\c\\n\\r\\t\\u001b\u{7f}õ😀\"}\n");
    }

    #[test]
    fn a_geometry_is_a_geojson_object() {
        let text = shown(Format::Ndjson, vec![points()], &Options::default());
        assert_eq!(
            text,
            "{\"cell_id\":\"1\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[24.5,59]}}\n\
             {\"cell_id\":\"2\",\"geometry\":null}\n"
        );
    }
}

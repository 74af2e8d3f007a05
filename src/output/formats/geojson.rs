//! GeoJSON by RFC 7946: one feature per row, with the geometry of the row itself or of its LAU, or with a line
//! between its two LAUs.

use std::io::Write;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use serde_json::Value;

use super::cells;
use super::cells::Column;
use super::json::Objects;
use super::lau_lines::LauLines;
use super::lau_shapes::GeometrySource;
use super::{FLUSH_BYTES, GeometryText, Options, RowWriter, geometry};

/// Where the geometry of a row comes from.
enum Source {
    Shape(GeometrySource),
    Lines(LauLines),
}

pub(super) struct Geojson<'a> {
    out: &'a mut (dyn Write + Send),
    source: Source,
    properties: Objects,
    shapes: GeometryText,
    rows: u64,
    buffer: Vec<u8>,
}

impl<'a> Geojson<'a> {
    /// # Errors
    /// [`UsageError`] for rows without a geometry or LAU.
    pub fn new(
        schema: &Schema,
        out: &'a mut (dyn Write + Send),
        options: &Options,
    ) -> Result<Self> {
        let source = match LauLines::of(schema, options)? {
            Some(lines) => Source::Lines(lines),
            None => Source::Shape(GeometrySource::of(schema, options, "GeoJSON")?),
        };
        let drawn = geometry::column(schema);
        let mut buffer = b"{\"type\":\"FeatureCollection\",".to_vec();
        if let Some(remark) = &options.remark {
            buffer.extend_from_slice(format!("\"remark\":{},", Value::from(&**remark)).as_bytes());
        }
        buffer.extend_from_slice(b"\"features\":[");
        Ok(Geojson {
            out,
            source,
            properties: Objects::new(schema, |index| Some(index) != drawn),
            shapes: GeometryText::new(options.geometry_epsg)?,
            rows: 0,
            buffer,
        })
    }

    fn feature(&mut self, columns: &[Column], row: usize) -> Result<()> {
        let out = &mut self.buffer;
        out.extend_from_slice(b"{\"type\":\"Feature\",\"geometry\":");
        match &self.source {
            Source::Lines(lines) => lines.write(columns, row, out),
            Source::Shape(source) => match (source.geometry(columns, row), source) {
                (None, _) => out.extend_from_slice(b"null"),
                (Some(wkb), GeometrySource::Column(_)) => self.shapes.write(wkb, out)?,
                (Some(geojson), GeometrySource::Lau { .. }) => out.extend_from_slice(geojson),
            },
        }
        out.extend_from_slice(b",\"properties\":");
        self.properties.write(columns, row, &self.shapes, out)?;
        out.push(b'}');
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl RowWriter for Geojson<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = cells::columns(batch)?;
        for row in 0..batch.num_rows() {
            self.buffer.extend_from_slice(if self.rows == 0 { b"\n" } else { b",\n" });
            self.rows += 1;
            self.feature(&columns, row).with_context(|| format!("row {}", self.rows))?;
            if self.buffer.len() >= FLUSH_BYTES {
                self.flush()?;
            }
        }
        self.flush()
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let end: &[u8] = if self.rows == 0 { b"]}\n" } else { b"\n]}\n" };
        self.buffer.extend_from_slice(end);
        self.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use serde_json::json;

    use super::*;
    use crate::errors::UsageError;
    use crate::output::formats::samples::{every_type, points, rows, shown, try_shown};
    use crate::output::formats::{Format, LauShape};

    fn users_per_lau() -> RecordBatch {
        let ids: ArrayRef = Arc::new(StringArray::from(vec![Some("EE_1"), Some("EE_2"), None]));
        let users: ArrayRef = Arc::new(Int64Array::from(vec![5, 6, 7]));
        rows([("lau_id", ids), ("user_count", users)])
    }

    #[test]
    fn a_geometry_column_is_drawn_and_the_rest_are_properties() {
        assert_eq!(
            shown(Format::Geojson, vec![points()], &Options::default()),
            "{\"type\":\"FeatureCollection\",\"features\":[\n\
             {\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[24.5,59]},\
             \"properties\":{\"cell_id\":\"1\"}},\n\
             {\"type\":\"Feature\",\"geometry\":null,\"properties\":{\"cell_id\":\"2\"}}\n]}\n"
        );
    }

    #[test]
    fn a_lau_id_finds_its_boundary_and_an_unknown_one_is_kept_without() {
        let square = "{\"type\":\"Polygon\",\"coordinates\":[]}";
        let shape = LauShape { name: None, geometry: square.into() };
        let known = [("EE_1".to_owned(), shape)].into();
        let options = Options { lau_shapes: Some(Arc::new(known)), ..Options::default() };
        let text = shown(Format::Geojson, vec![users_per_lau()], &options);
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        let features = parsed["features"].as_array().unwrap();
        assert_eq!(features[0]["geometry"]["type"], "Polygon");
        assert_eq!(features[0]["properties"]["user_count"], 5);
        assert!(features[1]["geometry"].is_null());
        assert!(features[2]["properties"]["lau_id"].is_null());
        assert_eq!(features.len(), 3);
    }

    #[test]
    fn rows_between_laus_are_lines_and_those_within_one_are_points() {
        let ends = |ids: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(ids)) };
        let trips: ArrayRef = Arc::new(Int64Array::from(vec![5, 6, 7, 8]));
        let from = ends(vec![Some("EE_1"), Some("EE_2"), None, Some("EE_9")]);
        let to = ends(vec![Some("EE_2"), Some("EE_2"), Some("EE_1"), Some("EE_1")]);
        let batch = rows([("from_lau_id", from), ("to_lau_id", to), ("trips", trips)]);
        let point = |text: &str| LauShape { name: None, geometry: text.into() };
        let points =
            [("EE_1".to_owned(), point("[24.5,59]")), ("EE_2".to_owned(), point("[25,58.5]"))];
        let options = Options { lau_shapes: Some(Arc::new(points.into())), ..Options::default() };
        let text = shown(Format::Geojson, vec![batch.clone()], &options);
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        let geometry = |row: usize| parsed["features"][row]["geometry"].clone();
        let line = json!({"type": "LineString", "coordinates": [[24.5, 59], [25, 58.5]]});
        assert_eq!(geometry(0), line);
        assert_eq!(geometry(1), json!({"type": "Point", "coordinates": [25, 58.5]}));
        assert!(geometry(2).is_null() && geometry(3).is_null());
        assert_eq!(parsed["features"][0]["properties"]["trips"], 5);
        let missing = try_shown(Format::Geojson, vec![batch], &Options::default()).unwrap_err();
        assert!(missing.to_string().contains("mobility load"));
    }

    #[test]
    fn remark_is_a_member_of_the_collection() {
        let options = Options { remark: Some("a \"b\"".to_owned()), ..Options::default() };
        let text = shown(Format::Geojson, vec![points()], &options);
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["remark"], "a \"b\"");
    }

    #[test]
    fn no_rows_give_an_empty_collection() {
        assert_eq!(
            shown(Format::Geojson, vec![points().slice(0, 0)], &Options::default()),
            "{\"type\":\"FeatureCollection\",\"features\":[]}\n"
        );
    }

    #[test]
    fn rows_without_a_place_are_wrong_usage_and_missing_boundaries_are_a_failure() {
        let wrong = try_shown(Format::Geojson, vec![every_type()], &Options::default());
        assert!(wrong.unwrap_err().downcast_ref::<UsageError>().is_some());
        let missing = try_shown(Format::Geojson, vec![users_per_lau()], &Options::default());
        let missing = missing.unwrap_err();
        assert!(missing.downcast_ref::<UsageError>().is_none());
        assert!(missing.to_string().contains("mobility load"));
    }
}

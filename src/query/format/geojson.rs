//! GeoJSON after RFC 7946: longitude and latitude in degrees.

use std::io::Write;

use anyhow::{Context, Result, anyhow};
use arrow::array::{Array, AsArray};
use geo::{Coord, Geometry, MapCoords};
use geozero::{ToGeo, ToJson, wkb::Wkb};
use proj::Proj;

use super::json::{Objects, text_at};
use super::{Options, Rows};
use crate::usage::UsageError;

const GEOMETRY: &str = "geometry";

/// Where a row's geometry comes from.
enum Source {
    Column(usize),
    LauId(usize),
}

pub fn write(rows: Rows, mut out: Box<dyn Write + Send>, options: &Options) -> Result<u64> {
    let schema = arrow::record_batch::RecordBatchReader::schema(&rows);
    let source = match (
        schema.index_of(GEOMETRY),
        schema.index_of("lau_id"),
        &options.lau_geometries,
    ) {
        (Ok(column), _, _) => Source::Column(column),
        (_, Ok(column), Some(_)) => Source::LauId(column),
        _ => {
            return Err(anyhow!(UsageError(
                "GeoJSON needs a geometry or a lau_id among the columns; other formats take any rows"
                    .to_owned()
            )));
        }
    };
    let to_degrees = match options.geometry_epsg {
        Some(epsg) if epsg != 4326 => Some(degrees_from(epsg)?),
        _ => None,
    };
    let mut text = String::from("{\"type\":\"FeatureCollection\",\"features\":[");
    let mut count = 0u64;
    for batch in rows {
        let batch = batch?;
        let properties = Objects::new(&batch, |name| name != GEOMETRY)?;
        for row in 0..batch.num_rows() {
            text.push_str(if count == 0 { "\n" } else { ",\n" });
            text.push_str("{\"type\":\"Feature\",\"geometry\":");
            match &source {
                Source::Column(column) => {
                    let bytes = batch.column(*column).as_binary_opt::<i32>();
                    let value = bytes.filter(|b| !b.is_null(row)).map(|b| b.value(row));
                    let json =
                        value.map(|wkb| geometry_json(wkb, to_degrees.as_ref())).transpose()?;
                    text.push_str(json.as_deref().unwrap_or("null"));
                }
                Source::LauId(column) => {
                    let known = options.lau_geometries.as_ref();
                    let json = text_at(&batch, *column, row).and_then(|id| known?.get(id));
                    text.push_str(json.map_or("null", String::as_str));
                }
            }
            text.push_str(",\"properties\":");
            properties.push(row, &mut text);
            text.push('}');
            count += 1;
            if text.len() > 1 << 16 {
                out.write_all(text.as_bytes())?;
                text.clear();
            }
        }
    }
    text.push_str(if count == 0 { "]}\n" } else { "\n]}\n" });
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(count)
}

/// A converter from a projected system to longitude and latitude.
///
/// # Errors
/// An EPSG code that PROJ does not know.
pub fn degrees_from(epsg: u32) -> Result<Proj> {
    Proj::new_known_crs(&format!("EPSG:{epsg}"), "EPSG:4326", None)
        .with_context(|| format!("PROJ does not know EPSG:{epsg}"))
}

/// WKB as a GeoJSON geometry, converted where a converter is given. Seven decimals are a
/// centimetre.
///
/// # Errors
/// Bytes that are no WKB; coordinates outside the projection.
pub fn geometry_json(wkb: &[u8], to_degrees: Option<&Proj>) -> Result<String> {
    let geometry: Geometry = Wkb(wkb).to_geo().map_err(|e| anyhow!("a geometry is no WKB: {e}"))?;
    let round = |v: f64| (v * 1e7).round() / 1e7;
    let converted = geometry.try_map_coords(|c| {
        let (x, y) = match to_degrees {
            Some(proj) => proj.convert((c.x, c.y))?,
            None => (c.x, c.y),
        };
        Ok::<Coord, proj::ProjError>(Coord { x: round(x), y: round(y) })
    })?;
    converted.to_json().map_err(|e| anyhow!("a geometry cannot be written: {e}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::super::samples::{lau_rows, text_column, try_written, written};
    use super::super::{Format, Options};
    use super::*;

    #[test]
    fn rows_with_a_lau_id_take_its_geometry_and_unknown_ones_none() {
        let known = HashMap::from([(
            "EE_1".to_owned(),
            r#"{"type":"Point","coordinates":[24.75,59.44]}"#.to_owned(),
        )]);
        let options = Options { lau_geometries: Some(Arc::new(known)), ..Options::default() };
        let text = written(Format::Geojson, lau_rows(&["EE_1", "EE_2"]), &options);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["features"][0]["geometry"]["coordinates"][0], 24.75);
        assert_eq!(json["features"][0]["properties"]["lau_id"], "EE_1");
        assert!(json["features"][1]["geometry"].is_null());
    }

    #[test]
    fn rows_without_any_place_are_wrong_usage() {
        let error =
            try_written(Format::Geojson, text_column(&["a".to_owned()]), &Options::default())
                .unwrap_err();
        assert!(error.downcast_ref::<UsageError>().is_some());
    }

    #[test]
    fn a_point_of_the_european_grid_comes_out_in_degrees() {
        use geozero::{CoordDimensions, ToWkb};
        let tallinn = Geometry::Point(geo::Point::new(5_153_013.446_7, 4_124_198.393_1));
        let wkb = tallinn.to_wkb(CoordDimensions::xy()).unwrap();
        let json: serde_json::Value =
            serde_json::from_str(&geometry_json(&wkb, Some(&degrees_from(3035).unwrap())).unwrap())
                .unwrap();
        assert_eq!(json["coordinates"], serde_json::json!([24.7536, 59.437]));
    }
}

//! WKB geometries as GeoJSON text, and as a short summary for people.

use std::fmt::Write;

use anyhow::{Context, Result, anyhow, bail};
use arrow::datatypes::{DataType, Schema};
use geo::coords_iter::CoordsIter;
use geo::interior_point::InteriorPoint;
use geo::map_coords::MapCoords;
use geo::orient::{Direction, Orient};
use geo::{Coord, Geometry, LineString, Polygon};
use geozero::ToGeo;
use geozero::wkb::{Ewkb, Wkb};
use proj::Proj;

use super::text;
use crate::domain::numbers::grouped;

/// Name of the WKB column in every table.
const GEOMETRY: &str = "geometry";

/// The index of the geometry column.
pub(super) fn column(schema: &Schema) -> Option<usize> {
    schema.fields().iter().position(|f| f.name() == GEOMETRY && *f.data_type() == DataType::Binary)
}

/// Converts WKB to GeoJSON geometries in longitude and latitude.
pub struct GeometryText {
    to_degrees: Option<Proj>,
}

impl GeometryText {
    /// # Errors
    /// An EPSG code that PROJ does not know.
    pub fn new(epsg: Option<u32>) -> Result<Self> {
        let to_degrees = match epsg {
            None | Some(4326) => None,
            Some(epsg) => Some(
                Proj::new_known_crs(&format!("EPSG:{epsg}"), "EPSG:4326", None)
                    .with_context(|| format!("PROJ does not know EPSG:{epsg}"))?,
            ),
        };
        Ok(GeometryText { to_degrees })
    }

    /// # Errors
    /// Bytes that are not valid WKB, or coordinates outside the domain of the projection.
    pub fn geojson(&self, wkb: &[u8]) -> Result<String> {
        let mut out = Vec::new();
        self.write(wkb, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    /// The GeoJSON position of a point on the surface of a geometry; `None` for an empty geometry.
    ///
    /// # Errors
    /// As [`GeometryText::geojson`].
    pub fn point_on_surface(&self, wkb: &[u8]) -> Result<Option<String>> {
        if is_empty_point(wkb) {
            return Ok(None);
        }
        let Some(point) = decode(wkb)?.interior_point() else { return Ok(None) };
        let (x, y) = match &self.to_degrees {
            None => point.x_y(),
            Some(proj) => proj.convert(point.x_y())?,
        };
        let mut out = Vec::new();
        position(Coord { x, y }, &mut out);
        Ok(Some(String::from_utf8(out)?))
    }

    pub(super) fn write(&self, wkb: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if is_empty_point(wkb) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        let geometry = decode(wkb)?;
        let geometry = match &self.to_degrees {
            None => geometry,
            Some(proj) => geometry
                .try_map_coords(|c| proj.convert((c.x, c.y)).map(|(x, y)| Coord { x, y }))?,
        };
        if geometry.coords_iter().any(|c| !c.x.is_finite() || !c.y.is_finite()) {
            bail!("the geometry has a coordinate that is not a number");
        }
        write(&geometry, out);
        Ok(())
    }
}

/// The geometry in WKB or EWKB.
///
/// # Errors
/// Bytes that are not valid WKB.
pub(super) fn decode(wkb: &[u8]) -> Result<Geometry> {
    // PostGIS sets flags for SRID, Z and M in the highest bits; the standard adds multiples of 1,000
    let standard = kind(wkb).is_none_or(|kind| kind < 1 << 29);
    let geometry = if standard { Wkb(wkb).to_geo() } else { Ewkb(wkb).to_geo() };
    geometry.map_err(|e| anyhow!("the geometry is not valid WKB: {e}"))
}

/// The geometry type, which follows the byte order.
fn kind(wkb: &[u8]) -> Option<u32> {
    let bytes = wkb.get(1..5)?.try_into().ok()?;
    Some(if wkb[0] == 0 { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}

/// WKB represents an empty point by coordinates that are NaN.
pub(super) fn is_empty_point(wkb: &[u8]) -> bool {
    let Some(kind) = kind(wkb) else { return false };
    let start = if kind & 1 << 29 == 0 { 5 } else { 9 };
    let x = wkb.get(start..start + 8).and_then(|bytes| bytes.try_into().ok()).map(|bytes| {
        if wkb[0] == 0 { f64::from_be_bytes(bytes) } else { f64::from_le_bytes(bytes) }
    });
    (kind & 0xffff) % 1_000 == 1 && x.is_some_and(f64::is_nan)
}

fn write(geometry: &Geometry, out: &mut Vec<u8>) {
    let mut shape = |kind: &str, coordinates: &dyn Fn(&mut Vec<u8>)| {
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"coordinates\":");
        coordinates(out);
        out.push(b'}');
    };
    match geometry {
        Geometry::Point(p) => shape("Point", &|out| position(p.0, out)),
        Geometry::MultiPoint(points) => {
            shape("MultiPoint", &|out| array(&points.0, out, |p, out| position(p.0, out)));
        }
        Geometry::Line(l) => shape("LineString", &|out| line(&LineString::from(*l), out)),
        Geometry::LineString(l) => shape("LineString", &|out| line(l, out)),
        Geometry::MultiLineString(lines) => {
            shape("MultiLineString", &|out| array(&lines.0, out, line));
        }
        Geometry::Polygon(p) => shape("Polygon", &|out| polygon(p, out)),
        Geometry::Rect(r) => shape("Polygon", &|out| polygon(&r.to_polygon(), out)),
        Geometry::Triangle(t) => shape("Polygon", &|out| polygon(&t.to_polygon(), out)),
        Geometry::MultiPolygon(polygons) => {
            shape("MultiPolygon", &|out| array(&polygons.0, out, polygon));
        }
        Geometry::GeometryCollection(parts) => {
            out.extend_from_slice(b"{\"type\":\"GeometryCollection\",\"geometries\":");
            array(&parts.0, out, write);
            out.push(b'}');
        }
    }
}

fn array<T>(items: &[T], out: &mut Vec<u8>, item: impl Fn(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, value) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        item(value, out);
    }
    out.push(b']');
}

/// Seven decimals of a degree are about a centimetre.
fn position(c: Coord, out: &mut Vec<u8>) {
    // adding zero turns -0 into 0
    let round = |v: f64| (v * 1e7).round() / 1e7 + 0.0;
    out.push(b'[');
    text::double(round(c.x), out);
    out.push(b',');
    text::double(round(c.y), out);
    out.push(b']');
}

fn line(line: &LineString, out: &mut Vec<u8>) {
    array(&line.0, out, |c, out| position(*c, out));
}

/// RFC 7946 wants outer rings counterclockwise and holes clockwise.
fn polygon(polygon: &Polygon, out: &mut Vec<u8>) {
    let polygon = polygon.orient(Direction::Default);
    out.push(b'[');
    // an empty polygon has an outer ring without points, which GeoJSON cannot represent
    if !polygon.exterior().0.is_empty() {
        line(polygon.exterior(), out);
    }
    for ring in polygon.interiors() {
        out.push(b',');
        line(ring, out);
    }
    out.push(b']');
}

/// A geometry in a table cell: a point in full, any other by type and number of points.
pub(super) fn summary(wkb: &[u8]) -> Option<String> {
    let geometry = decode(wkb).ok()?;
    let kind = match &geometry {
        Geometry::Point(p) => {
            let mut out = Vec::new();
            position(p.0, &mut out);
            let pair = String::from_utf8(out).ok()?.replace(',', " ");
            return Some(format!("POINT ({})", pair.trim_matches(['[', ']'])));
        }
        Geometry::MultiPoint(_) => "MULTIPOINT",
        Geometry::Line(_) | Geometry::LineString(_) => "LINESTRING",
        Geometry::MultiLineString(_) => "MULTILINESTRING",
        Geometry::Polygon(_) | Geometry::Rect(_) | Geometry::Triangle(_) => "POLYGON",
        Geometry::MultiPolygon(_) => "MULTIPOLYGON",
        Geometry::GeometryCollection(_) => "GEOMETRYCOLLECTION",
    };
    let mut text = String::from(kind);
    write!(text, " of {} points", grouped(geometry.coords_count() as u64)).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use geo::{Rect, point, polygon};
    use geozero::{CoordDimensions, ToWkb};

    use super::*;

    fn wkb(geometry: impl Into<Geometry>) -> Vec<u8> {
        geometry.into().to_wkb(CoordDimensions::xy()).unwrap()
    }

    fn degrees(geometry: impl Into<Geometry>) -> String {
        GeometryText::new(None).unwrap().geojson(&wkb(geometry)).unwrap()
    }

    #[test]
    fn coordinates_are_rounded_to_a_centimetre() {
        assert_eq!(
            degrees(point! { x: 24.753_574_699_99, y: -0.000_000_001 }),
            r#"{"type":"Point","coordinates":[24.7535747,0]}"#
        );
    }

    #[test]
    fn an_outer_ring_runs_counterclockwise_and_a_hole_clockwise() {
        let clockwise_with_hole = polygon!(
            exterior: [(x: 0., y: 0.), (x: 0., y: 9.), (x: 9., y: 9.), (x: 9., y: 0.)],
            interiors: [[(x: 1., y: 1.), (x: 2., y: 1.), (x: 2., y: 2.)]],
        );
        assert_eq!(
            degrees(clockwise_with_hole),
            "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[9,0],[9,9],[0,9],[0,0]],\
             [[1,1],[2,2],[2,1],[1,1]]]}"
        );
    }

    #[test]
    fn projected_coordinates_become_longitude_and_latitude() {
        // the false origin of EPSG:3035 lies at 10 degrees east, 52 degrees north
        let origin = wkb(point! { x: 4_321_000., y: 3_210_000. });
        let text = GeometryText::new(Some(3035)).unwrap().geojson(&origin).unwrap();
        assert_eq!(text, r#"{"type":"Point","coordinates":[10,52]}"#);
        let tallinn = wkb(point! { x: 5_153_013.446_7, y: 4_124_198.393_1 });
        let text = GeometryText::new(Some(3035)).unwrap().geojson(&tallinn).unwrap();
        assert_eq!(text, r#"{"type":"Point","coordinates":[24.7536,59.437]}"#);
    }

    #[test]
    fn ewkb_with_an_srid_is_read() {
        let point = Geometry::from(point! { x: 1., y: 2. });
        let bytes = point.to_ewkb(CoordDimensions::xy(), Some(4326)).unwrap();
        let text = GeometryText::new(None).unwrap().geojson(&bytes).unwrap();
        assert_eq!(text, r#"{"type":"Point","coordinates":[1,2]}"#);
    }

    #[test]
    fn an_empty_point_is_null_and_invalid_wkb_is_an_error() {
        let mut empty = vec![1, 1, 0, 0, 0];
        empty.extend_from_slice(&[f64::NAN.to_le_bytes(), f64::NAN.to_le_bytes()].concat());
        assert_eq!(GeometryText::new(None).unwrap().geojson(&empty).unwrap(), "null");
        let error = GeometryText::new(None).unwrap().geojson(b"abc").unwrap_err();
        assert!(error.to_string().starts_with("the geometry is not valid WKB"), "{error}");
    }

    #[test]
    fn point_on_the_surface_of_a_horseshoe_is_not_between_its_arms() {
        let horseshoe = polygon!(
            (x: 0., y: 0.), (x: 9., y: 0.), (x: 9., y: 9.), (x: 6., y: 9.),
            (x: 6., y: 3.), (x: 3., y: 3.), (x: 3., y: 9.), (x: 0., y: 9.),
        );
        let text = GeometryText::new(None).unwrap();
        let point = text.point_on_surface(&wkb(horseshoe)).unwrap().unwrap();
        let [x, y]: [f64; 2] = serde_json::from_str(&point).unwrap();
        assert!(!(3.0..=6.0).contains(&x) || y < 3.0, "{point}");
        let origin = Rect::new((4_320_900., 3_209_900.), (4_321_100., 3_210_100.)).to_polygon();
        let text = GeometryText::new(Some(3035)).unwrap();
        assert_eq!(text.point_on_surface(&wkb(origin)).unwrap().unwrap(), "[10,52]");
    }

    #[test]
    fn a_summary_has_a_point_in_full_and_the_size_of_a_polygon() {
        let square = Rect::new((0., 0.), (1., 1.)).to_polygon();
        assert_eq!(summary(&wkb(point! { x: 24.5, y: 59. })).unwrap(), "POINT (24.5 59)");
        assert_eq!(summary(&wkb(square)).unwrap(), "POLYGON of 5 points");
        assert_eq!(summary(b"abc"), None);
    }
}

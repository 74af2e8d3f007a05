//! Writes the LAU boundary file.

use std::io::Write;

use anyhow::Result;
use proj::Proj;

use super::cells::to_lon_lat;
use super::laus::LauMap;
use super::layout::{Layout, Unit};
use super::rings::{Borders, Polygon, Ring};
use super::settings::Settings;

/// Decimals of degrees, about a centimetre. Both neighbours round the same positions, so they still share
/// their borders exactly.
const DEGREE_DECIMALS: usize = 7;

/// The coordinates of a boundary file.
enum Coordinates {
    /// Metres in EPSG:3035.
    Metres,
    /// Longitude and latitude in degrees.
    Degrees(Proj),
}

/// Writes the units of a layout as one feature collection, a unit at a time. `population` is that of each
/// unit; only the files of Eurostat state it.
///
/// # Errors
/// If writing fails, or if PROJ cannot convert a position.
pub fn write(
    map: &LauMap,
    borders: &Borders,
    population: &[i64],
    settings: &Settings,
    out: &mut impl Write,
) -> Result<()> {
    let layout = settings.layout;
    let coordinates = match layout {
        Layout::Gisco => Coordinates::Metres,
        Layout::German | Layout::Spanish => Coordinates::Degrees(to_lon_lat()?),
    };
    out.write_all(br#"{"type":"FeatureCollection","#)?;
    match layout {
        Layout::Gisco => out.write_all(
            concat!(
                r#""name":"LAU_RG_01M_2021_3035","#,
                r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3035"}},"#,
            )
            .as_bytes(),
        )?,
        // longitude and latitude need no declaration (RFC 7946)
        Layout::German => out.write_all(br#""name":"kreise","#)?,
        Layout::Spanish => out.write_all(
            concat!(
                r#""name":"municipios","#,
                r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::4258"}},"#,
            )
            .as_bytes(),
        )?,
    }
    out.write_all(br#""features":["#)?;
    for number in 0..layout.units_written(map.main_units, map.units) {
        let unit = layout.unit(number, map.main_units, settings.seed);
        out.write_all(if number == 0 { b"\n" } else { b",\n" })?;
        out.write_all(properties(layout, &unit, population[number as usize]).as_bytes())?;
        geometry(&borders.trace(map.hexagons(number)), &coordinates, out)?;
        out.write_all(b"}")?;
    }
    out.write_all(b"\n]}\n")?;
    Ok(())
}

/// A feature up to its geometry.
fn properties(layout: Layout, unit: &Unit, population: i64) -> String {
    let Unit { id, country, name } = unit;
    match layout {
        Layout::Gisco => {
            let lau_id = id.split_at(3).1;
            format!(
                "{{\"type\":\"Feature\",\"id\":\"{id}\",\"properties\":{{\
                 \"GISCO_ID\":\"{id}\",\"CNTR_CODE\":\"{country}\",\"LAU_ID\":\"{lau_id}\",\
                 \"LAU_NAME\":\"{name}\",\"POP_2021\":{population},\"YEAR\":2021}},\"geometry\":"
            )
        }
        Layout::German => format!(
            "{{\"type\":\"Feature\",\"properties\":{{\
             \"AGS\":\"{id}\",\"GEN\":\"{name}\"}},\"geometry\":"
        ),
        Layout::Spanish => format!(
            "{{\"type\":\"Feature\",\"properties\":{{\
             \"CODIGO\":\"{id}\",\"NOMBRE\":\"{name}\",\"PAIS\":\"{country}\"}},\"geometry\":"
        ),
    }
}

fn geometry(polygons: &[Polygon], coordinates: &Coordinates, out: &mut impl Write) -> Result<()> {
    if let [single] = polygons {
        out.write_all(b"{\"type\":\"Polygon\",\"coordinates\":")?;
        polygon(single, coordinates, out)?;
    } else {
        out.write_all(b"{\"type\":\"MultiPolygon\",\"coordinates\":[")?;
        for (i, part) in polygons.iter().enumerate() {
            out.write_all(if i == 0 { b"" } else { b"," })?;
            polygon(part, coordinates, out)?;
        }
        out.write_all(b"]")?;
    }
    out.write_all(b"}")?;
    Ok(())
}

fn polygon(part: &Polygon, coordinates: &Coordinates, out: &mut impl Write) -> Result<()> {
    out.write_all(b"[")?;
    ring(&part.exterior, coordinates, out)?;
    for hole in &part.holes {
        out.write_all(b",")?;
        ring(hole, coordinates, out)?;
    }
    out.write_all(b"]")?;
    Ok(())
}

fn ring(points: &Ring, coordinates: &Coordinates, out: &mut impl Write) -> Result<()> {
    out.write_all(b"[")?;
    for (i, [x, y]) in points.iter().chain(points.first()).enumerate() {
        let separator = if i == 0 { "" } else { "," };
        match coordinates {
            Coordinates::Metres => {
                // the map lies north-east of the origin, so no coordinate is negative
                let (x_m, x_mm, y_m, y_mm) = (x / 1000, x % 1000, y / 1000, y % 1000);
                write!(out, "{separator}[{x_m}.{x_mm:03},{y_m}.{y_mm:03}]")?;
            }
            Coordinates::Degrees(proj) => {
                let (lon, lat) = proj.convert((*x as f64 / 1e3, *y as f64 / 1e3))?;
                write!(out, "{separator}[{lon:.DEGREE_DECIMALS$},{lat:.DEGREE_DECIMALS$}]")?;
            }
        }
    }
    out.write_all(b"]")?;
    Ok(())
}

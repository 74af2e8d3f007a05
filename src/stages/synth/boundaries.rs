//! Writes the LAU boundary file in the format of Eurostat GISCO.

use std::io::{self, Write};

use anyhow::Result;

use super::laus::LauMap;
use super::random::mix;
use super::rings::{Borders, Polygon, Ring};

/// Prefixes and suffixes of names, with letters that reveal a wrong encoding.
const MAIN_NAMES: ([&str; 16], [&str; 12]) = (
    [
        "Põl", "Jõge", "Võr", "Räpi", "Hää", "Tõr", "Kõue", "Mär", "Müü", "Saar", "Koo", "Val",
        "Ülen", "Öis", "Tart", "Rak",
    ],
    ["va", "na", "ru", "mäe", "küla", "jamaa", "nurme", "vere", "saare", "metsa", "järve", "nõmme"],
);
const SECOND_NAMES: ([&str; 8], [&str; 6]) = (
    ["Rīg", "Valmier", "Cēs", "Jelgav", "Ķegum", "Līvān", "Madon", "Gulben"],
    ["as", "u", "es", "as ezera", "kalna", "upes"],
);

/// Properties of one LAU unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// `EE_0141`, `LV_0001000`.
    pub gisco_id: String,
    /// `EE` or `LV`.
    pub country: &'static str,
    pub name: String,
}

/// The properties of a unit. Names may repeat, as in real data; ids are unique.
pub fn unit(map: &LauMap, number: u32, seed: u64) -> Unit {
    let hash = mix(seed, number.into(), 11) as usize;
    if number < map.main_units {
        let (first, last) = (MAIN_NAMES.0[hash % 16], MAIN_NAMES.1[hash / 16 % 12]);
        let kind = if number % 5 == 3 { "linn" } else { "vald" };
        Unit {
            gisco_id: format!("EE_{:04}", 100 + 7 * u64::from(number)),
            country: "EE",
            name: format!("{first}{last} {kind}"),
        }
    } else {
        let (first, last) = (SECOND_NAMES.0[hash % 8], SECOND_NAMES.1[hash / 8 % 6]);
        Unit {
            gisco_id: format!("LV_{:07}", 1_000 + number - map.main_units),
            country: "LV",
            name: format!("{first}{last} novads"),
        }
    }
}

/// Writes all units as one feature collection in EPSG:3035, a unit at a time.
///
/// # Errors
/// If writing fails.
pub fn write(map: &LauMap, borders: &Borders, seed: u64, out: &mut impl Write) -> Result<()> {
    out.write_all(
        concat!(
            r#"{"type":"FeatureCollection","name":"LAU_RG_01M_2021_3035","#,
            r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3035"}},"#,
            r#""features":["#,
        )
        .as_bytes(),
    )?;
    for number in 0..map.units {
        let Unit { gisco_id, country, name } = unit(map, number, seed);
        let lau_id = gisco_id.split_at(3).1;
        let separator = if number == 0 { "\n" } else { ",\n" };
        write!(
            out,
            "{separator}{{\"type\":\"Feature\",\"id\":\"{gisco_id}\",\"properties\":{{\
             \"GISCO_ID\":\"{gisco_id}\",\"CNTR_CODE\":\"{country}\",\"LAU_ID\":\"{lau_id}\",\
             \"LAU_NAME\":\"{name}\",\"YEAR\":2021}},\"geometry\":"
        )?;
        geometry(&borders.trace(map.hexagons(number)), out)?;
        out.write_all(b"}")?;
    }
    out.write_all(b"\n]}\n")?;
    Ok(())
}

fn geometry(polygons: &[Polygon], out: &mut impl Write) -> io::Result<()> {
    if let [single] = polygons {
        out.write_all(b"{\"type\":\"Polygon\",\"coordinates\":")?;
        polygon(single, out)?;
    } else {
        out.write_all(b"{\"type\":\"MultiPolygon\",\"coordinates\":[")?;
        for (i, part) in polygons.iter().enumerate() {
            out.write_all(if i == 0 { b"" } else { b"," })?;
            polygon(part, out)?;
        }
        out.write_all(b"]")?;
    }
    out.write_all(b"}")
}

fn polygon(part: &Polygon, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"[")?;
    ring(&part.exterior, out)?;
    for hole in &part.holes {
        out.write_all(b",")?;
        ring(hole, out)?;
    }
    out.write_all(b"]")
}

fn ring(points: &Ring, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"[")?;
    for (i, [x, y]) in points.iter().chain(points.first()).enumerate() {
        let separator = if i == 0 { "" } else { "," };
        // the map lies north-east of the origin, so no coordinate is negative
        let (x_m, x_mm, y_m, y_mm) = (x / 1000, x % 1000, y / 1000, y % 1000);
        write!(out, "{separator}[{x_m}.{x_mm:03},{y_m}.{y_mm:03}]")?;
    }
    out.write_all(b"]")
}

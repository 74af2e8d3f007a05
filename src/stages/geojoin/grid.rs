//! The grid on which distances are measured, and the conversion of boundary files to it.

use std::ops::Range;

use anyhow::{Result, anyhow, bail};
use geo::{Coord, MapCoords, Polygon};
use proj::Proj;

use crate::formats::boundaries::Format;
use crate::formats::crs::{self, Kind};
use crate::storage::Location;

/// All geometry is measured in metres of this CRS.
pub const GRID: &str = "EPSG:3035";

/// Longitude and latitude, as in GeoJSON.
const DEGREES: &str = "OGC:CRS84";

/// Coordinates of Europe on the grid.
const EXTENT_OF_GRID: Extent = Extent { x: 900_000.0..7_500_000.0, y: 900_000.0..7_500_000.0 };

struct Extent {
    x: Range<f64>,
    y: Range<f64>,
}

impl Extent {
    fn contains(&self, c: &Coord) -> bool {
        self.x.contains(&c.x) && self.y.contains(&c.y)
    }
}

/// Characters of a declaration that a message quotes at most.
const MAX_QUOTED: usize = 200;

/// Converts the coordinates of one file to the grid.
pub struct ToGrid {
    /// `None` if the file is on the grid already.
    proj: Option<Proj>,
    crs: String,
    kind: Kind,
    /// What the file declares, if `lau.crs` overrides it.
    overridden: Option<String>,
}

impl ToGrid {
    /// The CRS is `configured`, else the one that the file declares, else longitude and latitude for GeoJSON
    /// whose coordinates can be that; `polygons` are some of its polygons.
    ///
    /// # Errors
    /// A file that declares no CRS; a CRS that PROJ does not know, or that is not horizontal.
    pub fn new<'a>(
        configured: Option<&str>,
        declared: Option<String>,
        polygons: impl Iterator<Item = &'a Polygon>,
        file: &Location,
    ) -> Result<Self> {
        if let (None, Some(declared)) = (configured, &declared)
            && crs::from_name(declared).is_none()
        {
            let start: String = declared.chars().take(MAX_QUOTED).collect();
            bail!(
                "LAU file {file}: the CRS in the file cannot be read: {start}; set lau.crs, for example \
                 to \"{GRID}\""
            );
        }
        let named = configured.map(|name| crs::from_name(name).unwrap_or_else(|| name.to_owned()));
        let crs = match (named.clone(), declared.clone()) {
            (Some(crs), _) | (None, Some(crs)) => crs,
            (None, None) => undeclared(polygons, file)?,
        };
        let is_overridden = |declared: &String| {
            // the default of a format is not a declaration
            configured.is_some()
                && !declared.eq_ignore_ascii_case(&crs)
                && declared != crs::UNDECLARED_GEOPARQUET
        };
        let overridden = declared.filter(is_overridden);
        if crs.eq_ignore_ascii_case(GRID) {
            return Ok(ToGrid { proj: None, crs, kind: Kind::Projected, overridden });
        }
        let source = if configured.is_some() { "lau.crs" } else { "the CRS in the file" };
        let remedy = format!("set lau.crs, for example to \"{GRID}\"");
        let proj = crs::transformation(&crs, GRID)
            .map_err(|e| anyhow!("LAU file {file}: {source}: {e}; {remedy}"))?;
        let kind = crs::kind(&crs).unwrap_or(Kind::Projected);
        if kind == Kind::Other {
            bail!(
                "LAU file {file}: {source}: {} has no horizontal coordinates; {remedy}",
                crs::label(&crs)
            );
        }
        Ok(ToGrid { proj: Some(proj), crs, kind, overridden })
    }

    /// The CRS that is used, and the one that the file declares, if `lau.crs` overrides it.
    pub fn overridden(&self) -> Option<(&str, &str)> {
        let declared = self.overridden.as_deref()?;
        Some((crs::label(&self.crs), crs::label(declared)))
    }

    /// A position on the grid as the file would state it, for messages.
    pub fn in_file(&self, at: Coord) -> String {
        let crs = crs::label(&self.crs);
        let back = self.proj.as_ref().and_then(|_| crs::transformation(GRID, &self.crs).ok());
        match back.and_then(|back| back.convert((at.x, at.y)).ok()) {
            Some((x, y)) if self.kind == Kind::Geographic => format!("({x:.6}, {y:.6}) in {crs}"),
            Some((x, y)) => format!("({x:.1}, {y:.1}) in {crs}"),
            None => format!("({:.1}, {:.1}) in {GRID}", at.x, at.y),
        }
    }

    /// What to do about coordinates that do not fit the CRS.
    fn remedy(&self, otherwise: &str) -> String {
        match self.overridden() {
            Some((_, declared)) => format!("remove lau.crs, since the file declares {declared}"),
            None => otherwise.to_owned(),
        }
    }

    /// Converts a polygon to metres.
    ///
    /// # Errors
    /// Coordinates that are degrees in a CRS of metres or the reverse, or that PROJ cannot convert.
    pub fn metres(&self, polygon: Polygon) -> Result<Polygon> {
        let crs = crs::label(&self.crs);
        match self.kind {
            Kind::Geographic => {
                let beyond = |c: &&Coord| c.x.abs() > 360.0 || c.y.abs() > 90.0;
                if let Some(at) = polygon.exterior().coords().find(beyond) {
                    let implied = if self.crs == crs::UNDECLARED_GEOPARQUET {
                        ", which a GeoParquet file without a CRS is in"
                    } else {
                        ""
                    };
                    let remedy = self.remedy(&format!("set lau.crs, for example to \"{GRID}\""));
                    bail!(
                        "coordinates such as ({}, {}) look like metres, but the CRS is {crs}{implied}; \
                         {remedy}",
                        at.x,
                        at.y
                    );
                }
            }
            Kind::Projected | Kind::Other => {
                if polygon.exterior().coords().all(can_be_degrees) {
                    let remedy = self.remedy("set lau.crs = \"EPSG:4326\"");
                    bail!("coordinates look like degrees, but the CRS is {crs}; {remedy}");
                }
            }
        }
        let Some(proj) = &self.proj else { return Ok(polygon) };
        polygon.try_map_coords(|c| {
            let converted = proj.convert((c.x, c.y));
            match converted {
                Ok((x, y)) if x.is_finite() && y.is_finite() => Ok(Coord { x, y }),
                _ => Err(anyhow!("({}, {}) is not a position in {crs}; set lau.crs", c.x, c.y)),
            }
        })
    }
}

fn can_be_degrees(c: &Coord) -> bool {
    c.x.abs() <= 180.0 && c.y.abs() <= 90.0
}

/// The CRS of a file that declares none.
///
/// # Errors
/// A format without a default, or coordinates that cannot be longitude and latitude.
fn undeclared<'a>(polygons: impl Iterator<Item = &'a Polygon>, file: &Location) -> Result<String> {
    let mut coords = polygons.flat_map(|polygon| polygon.exterior().coords()).peekable();
    let Some(first) = coords.peek().copied() else { return Ok(DEGREES.to_owned()) };
    let Some(other) = coords.find(|c| !can_be_degrees(c)) else {
        if Format::of(file).defaults_to_degrees() {
            return Ok(DEGREES.to_owned());
        }
        bail!(
            "LAU file {file} declares no CRS; coordinates such as ({}, {}) look like degrees: set lau.crs, \
             for example to \"EPSG:4326\"",
            first.x,
            first.y
        );
    };
    let hint = match EXTENT_OF_GRID.contains(other) {
        true => format!(", which is \"{GRID}\" for files of GISCO"),
        false => String::new(),
    };
    bail!(
        "LAU file {file} declares no CRS, and coordinates such as ({}, {}) are not longitude and latitude; \
         set lau.crs to the CRS of the file{hint}",
        other.x,
        other.y
    );
}

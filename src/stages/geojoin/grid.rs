//! The grid on which distances are measured, and the conversion of boundary files to it.

use anyhow::{Result, anyhow, bail};
use geo::{Coord, MapCoords, Polygon};
use proj::Proj;

use crate::formats::crs::{self, Kind};
use crate::storage::Location;

/// All geometry is measured in metres of this CRS.
pub const GRID: &str = "EPSG:3035";

/// Characters of a declaration that a message quotes at most.
const MAX_QUOTED: usize = 200;

/// Converts the coordinates of one file to the grid.
pub struct ToGrid {
    /// `None` if the file is on the grid already.
    proj: Option<Proj>,
    crs: String,
    kind: Kind,
}

impl ToGrid {
    /// The CRS is `configured`, else the one named `in_file`, else the grid.
    ///
    /// # Errors
    /// A CRS that PROJ does not know, or that is not horizontal.
    pub fn new(configured: Option<&str>, in_file: Option<String>, file: &Location) -> Result<Self> {
        if let (None, Some(declared)) = (configured, &in_file)
            && crs::from_name(declared).is_none()
        {
            let start: String = declared.chars().take(MAX_QUOTED).collect();
            bail!(
                "LAU file {file}: the CRS in the file cannot be read: {start}; set lau.crs, for example \
                 to \"{GRID}\""
            );
        }
        let named = configured.map(|name| crs::from_name(name).unwrap_or_else(|| name.to_owned()));
        let crs = named.or(in_file).unwrap_or_else(|| GRID.to_owned());
        if crs.eq_ignore_ascii_case(GRID) {
            return Ok(ToGrid { proj: None, crs, kind: Kind::Projected });
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
        Ok(ToGrid { proj: Some(proj), crs, kind })
    }

    /// Converts a polygon to metres.
    ///
    /// # Errors
    /// Coordinates that are degrees in a CRS of metres or the reverse, or that PROJ cannot convert.
    pub fn metres(&self, polygon: Polygon) -> Result<Polygon> {
        let crs = crs::label(&self.crs);
        let degrees = |c: &Coord| c.x.abs() <= 180.0 && c.y.abs() <= 90.0;
        match self.kind {
            Kind::Geographic => {
                let beyond = |c: &&Coord| c.x.abs() > 360.0 || c.y.abs() > 90.0;
                if let Some(at) = polygon.exterior().coords().find(beyond) {
                    let implied = if self.crs == crs::UNDECLARED_GEOPARQUET {
                        ", which a GeoParquet file without a CRS is in"
                    } else {
                        ""
                    };
                    bail!(
                        "coordinates such as ({}, {}) look like metres, but the CRS is {crs}{implied}; \
                         set lau.crs, for example to \"{GRID}\"",
                        at.x,
                        at.y
                    );
                }
            }
            Kind::Projected | Kind::Other => {
                if polygon.exterior().coords().all(degrees) {
                    bail!(
                        "coordinates look like degrees, but the CRS is {crs}; set lau.crs = \"EPSG:4326\""
                    );
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

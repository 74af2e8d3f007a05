//! The grid on which distances are measured, and the conversion of boundary files to it.

use anyhow::{Result, anyhow, bail};
use geo::{Coord, MapCoords, Polygon};
use proj::Proj;

use crate::formats::crs;
use crate::storage::Location;

/// All geometry is measured in metres of this CRS.
pub const GRID: &str = "EPSG:3035";

/// Converts the coordinates of one file to the grid.
pub struct ToGrid {
    /// `None` if the file is on the grid already.
    proj: Option<Proj>,
    crs: String,
}

impl ToGrid {
    /// The CRS is `configured`, else the one named `in_file`, else the grid.
    ///
    /// # Errors
    /// A CRS that PROJ does not know.
    pub fn new(configured: Option<&str>, in_file: Option<String>, file: &Location) -> Result<Self> {
        let crs = configured.map(str::to_owned).or(in_file).unwrap_or_else(|| GRID.to_owned());
        let proj = if crs.eq_ignore_ascii_case(GRID) {
            None
        } else {
            let source = if configured.is_some() { "lau.crs" } else { "the CRS in the file" };
            Some(crs::transformation(&crs, GRID).map_err(|e| {
                anyhow!("LAU file {file}: {source}: {e}; set lau.crs, for example to \"{GRID}\"")
            })?)
        };
        Ok(ToGrid { proj, crs })
    }

    /// Converts a polygon to metres.
    ///
    /// # Errors
    /// Coordinates that are degrees, or that PROJ cannot convert.
    pub fn metres(&self, polygon: Polygon) -> Result<Polygon> {
        let Some(proj) = &self.proj else {
            let degrees = |c: &Coord| c.x.abs() <= 180.0 && c.y.abs() <= 90.0;
            if polygon.exterior().coords().all(degrees) {
                bail!(
                    "coordinates look like degrees, but the CRS is {GRID}; set lau.crs = \"EPSG:4326\""
                );
            }
            return Ok(polygon);
        };
        polygon.try_map_coords(|c| {
            let (x, y) = proj.convert((c.x, c.y))?;
            if x.is_finite() && y.is_finite() {
                Ok(Coord { x, y })
            } else {
                Err(anyhow!("({}, {}) is not a position in {}; set lau.crs", c.x, c.y, self.crs))
            }
        })
    }
}

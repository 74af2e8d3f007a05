//! Builds polygons from coordinates as files nest them.

use geo::{Coord, LineString, Polygon};

/// Coordinates of nested rings and polygons.
#[derive(Debug, Default)]
pub struct PolygonBuilder {
    pub positions: Vec<Coord>,
    /// End of each ring in `positions`.
    pub rings: Vec<usize>,
    /// End of each polygon in `rings`.
    pub polygons: Vec<usize>,
    /// Why the geometry is not a polygon.
    pub error: Option<String>,
}

impl PolygonBuilder {
    /// # Errors
    /// The reason why the geometry is not a valid polygon.
    pub fn build(self) -> Result<Vec<Polygon>, String> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut rings = Vec::with_capacity(self.rings.len());
        let mut start = 0;
        for end in self.rings {
            let ring = &self.positions[start..end];
            start = end;
            if ring.len() < 3 || ring.iter().any(|c| !c.x.is_finite() || !c.y.is_finite()) {
                return Err(
                    "a ring has fewer than three points, or a coordinate that is not a number"
                        .to_owned(),
                );
            }
            // geo closes an open ring
            rings.push(LineString::new(ring.to_vec()));
        }
        let mut rings = rings.into_iter();
        let mut before = 0;
        let mut polygons = Vec::with_capacity(self.polygons.len());
        for end in self.polygons {
            let mut own = rings.by_ref().take(end - before);
            before = end;
            let Some(exterior) = own.next() else {
                return Err("a polygon without a ring".to_owned());
            };
            polygons.push(Polygon::new(exterior, own.collect()));
        }
        Ok(polygons)
    }
}

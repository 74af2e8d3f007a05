//! Polygons as files nest them, whatever the format.

use geo::{Coord, LineString, Polygon};

/// Coordinates as they nest: positions, and where rings and polygons end.
#[derive(Debug, Default)]
pub struct Shape {
    pub positions: Vec<Coord>,
    /// End of each ring in `positions`, and of each polygon in `rings`.
    pub rings: Vec<usize>,
    pub polygons: Vec<usize>,
    /// The first thing about it that is no polygon.
    pub wrong: Option<String>,
}

impl Shape {
    /// # Errors
    /// What makes it no polygon.
    pub fn polygons(self) -> Result<Vec<Polygon>, String> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let mut rings = Vec::with_capacity(self.rings.len());
        let mut start = 0;
        for end in self.rings {
            let ring = &self.positions[start..end];
            start = end;
            if ring.len() < 3 || ring.iter().any(|c| !c.x.is_finite() || !c.y.is_finite()) {
                return Err(
                    "a ring has fewer than three points, or a coordinate that is no number"
                        .to_owned(),
                );
            }
            // an open ring is closed by geo
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

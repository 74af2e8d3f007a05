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
    /// A geometry that is not a polygon; it is an error unless a collection holds polygons beside it.
    pub fn not_a_polygon(kind: &str) -> Self {
        let error = format!("the geometry is {kind}, expected Polygon or MultiPolygon");
        PolygonBuilder { error: Some(error), ..PolygonBuilder::default() }
    }

    /// The polygons of a geometry collection. Points and lines beside them, which repairs leave, cover
    /// no area.
    pub fn collection(parts: Vec<PolygonBuilder>) -> Self {
        let mut all = PolygonBuilder::default();
        let is_empty = parts.is_empty();
        for part in parts.into_iter().filter(|part| part.error.is_none()) {
            all.append(part);
        }
        if all.polygons.is_empty() && !is_empty {
            return Self::not_a_polygon("GeometryCollection without a polygon");
        }
        all
    }

    fn append(&mut self, other: PolygonBuilder) {
        let (positions, rings) = (self.positions.len(), self.rings.len());
        self.positions.extend(other.positions);
        self.rings.extend(other.rings.into_iter().map(|end| end + positions));
        self.polygons.extend(other.polygons.into_iter().map(|end| end + rings));
    }

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

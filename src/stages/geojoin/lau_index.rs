//! Finds the LAU unit of a point: an R-tree over the polygons of all units, and within each polygon
//! an index of its edges by horizontal bands. Results are exact, also on borders.

use geo::algorithm::kernels::{Kernel, Orientation, RobustKernel};
use geo::{BoundingRect, Coord, MultiPolygon, Polygon};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, PointDistance, RTree};

/// Target for the mean number of edges per band.
const EDGES_PER_BAND: usize = 4;

/// Position of a point relative to a polygon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    Inside,
    Boundary,
    Outside,
}

/// A polygon with its holes. Its edges are grouped by horizontal bands, and a point is tested only
/// against the edges of its band.
struct IndexedPolygon {
    /// Vertices of all rings; each ring is closed. Edge `i` connects vertices `i` and `i + 1`.
    vertices: Vec<Coord>,
    bottom: f64,
    bands_per_unit: f64,
    /// Band `i` contains the edges `edges[starts[i]..starts[i + 1]]`.
    starts: Vec<u32>,
    edges: Vec<u32>,
}

impl IndexedPolygon {
    fn new(polygon: &Polygon) -> Self {
        let rings = || std::iter::once(polygon.exterior()).chain(polygon.interiors());
        let vertices: Vec<Coord> = rings().flat_map(|r| r.0.iter().copied()).collect();
        let mut edges: Vec<u32> = Vec::with_capacity(vertices.len());
        let mut first = 0;
        for ring in rings() {
            let past = first + ring.0.len() as u32;
            // the last vertex of a ring is not connected to the next ring
            edges.extend(first..past.saturating_sub(1));
            first = past;
        }
        let ends = |i: u32| (vertices[i as usize].y, vertices[i as usize + 1].y);
        let bottom = vertices.iter().map(|v| v.y).fold(f64::INFINITY, f64::min);
        let top = vertices.iter().map(|v| v.y).fold(f64::NEG_INFINITY, f64::max);
        let bands = (edges.len() / EDGES_PER_BAND).max(1);
        let height = top - bottom;
        let bands_per_unit = if height > 0.0 { bands as f64 / height } else { 0.0 };
        let band = |y: f64| (((y - bottom) * bands_per_unit) as usize).min(bands - 1);
        let span = |i: u32| {
            let (a, b) = ends(i);
            band(a.min(b))..=band(a.max(b))
        };
        let mut starts = vec![0u32; bands + 1];
        for edge in &edges {
            for b in span(*edge) {
                starts[b + 1] += 1;
            }
        }
        for b in 0..bands {
            starts[b + 1] += starts[b];
        }
        let mut next = starts.clone();
        let mut by_band = vec![0u32; starts[bands] as usize];
        for edge in &edges {
            for at in &mut next[span(*edge)] {
                by_band[*at as usize] = *edge;
                *at += 1;
            }
        }
        IndexedPolygon { vertices, bottom, bands_per_unit, starts, edges: by_band }
    }

    fn edge(&self, i: u32) -> (Coord, Coord) {
        (self.vertices[i as usize], self.vertices[i as usize + 1])
    }

    /// Even-odd rule over all rings, so holes need no special case. The side of an edge is computed
    /// with Shewchuk's adaptive-precision orientation predicate (1997), which is exact, so a point on
    /// a border is always reported as such.
    fn position(&self, p: Coord) -> Position {
        let bands = self.starts.len() - 1;
        let above = (p.y - self.bottom) * self.bands_per_unit;
        if above < 0.0 {
            return Position::Outside;
        }
        let band = (above as usize).min(bands - 1);
        let mut inside = false;
        for &i in &self.edges[self.starts[band] as usize..self.starts[band + 1] as usize] {
            let (a, b) = self.edge(i);
            if p == a || p == b {
                return Position::Boundary;
            }
            if a.y == b.y {
                if p.y == a.y && p.x >= a.x.min(b.x) && p.x <= a.x.max(b.x) {
                    return Position::Boundary;
                }
                continue;
            }
            let upwards = a.y < b.y;
            let (low, high) = if upwards { (a, b) } else { (b, a) };
            // half-open interval: a ray through a vertex crosses one of its two edges
            if p.y < low.y || p.y >= high.y {
                continue;
            }
            if p.x < a.x.min(b.x) {
                inside = !inside;
            } else if p.x <= a.x.max(b.x) {
                match RobustKernel::orient2d(low, high, p) {
                    Orientation::Collinear => return Position::Boundary,
                    Orientation::CounterClockwise => inside = !inside,
                    Orientation::Clockwise => {}
                }
            }
        }
        if inside { Position::Inside } else { Position::Outside }
    }

    /// Distance from `p` to the nearest edge, in the unit of the coordinates.
    fn distance(&self, p: Coord) -> f64 {
        let squared = self.edges.iter().map(|i| {
            let (a, b) = self.edge(*i);
            distance_squared(p, a, b)
        });
        squared.fold(f64::INFINITY, f64::min).sqrt()
    }
}

fn distance_squared(p: Coord, a: Coord, b: Coord) -> f64 {
    let edge = b - a;
    let length_squared = edge.x * edge.x + edge.y * edge.y;
    let to_p = p - a;
    let along = if length_squared > 0.0 {
        ((to_p.x * edge.x + to_p.y * edge.y) / length_squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let foot = a + edge * along;
    let off = p - foot;
    off.x * off.x + off.y * off.y
}

/// The bounding box of a polygon, with the numbers of its unit and of the polygon.
type PolygonBox = GeomWithData<Rectangle<[f64; 2]>, (u32, u32)>;

/// Spatial index of LAU units, which are numbered in the order in which they are given.
pub struct LauIndex {
    tree: RTree<PolygonBox>,
    polygons: Vec<IndexedPolygon>,
}

impl LauIndex {
    /// Builds the index. Units are in ascending order of id, so the lowest number is the lowest id.
    pub fn new<'a>(units: impl IntoIterator<Item = &'a MultiPolygon>) -> Self {
        let mut indexed = Vec::new();
        let mut boxes = Vec::new();
        for (unit, polygons) in units.into_iter().enumerate() {
            for polygon in polygons {
                let Some(bounds) = polygon.bounding_rect() else { continue };
                let corners = ([bounds.min().x, bounds.min().y], [bounds.max().x, bounds.max().y]);
                let rectangle = Rectangle::from_corners(corners.0, corners.1);
                boxes.push(GeomWithData::new(rectangle, (unit as u32, indexed.len() as u32)));
                indexed.push(IndexedPolygon::new(polygon));
            }
        }
        LauIndex { tree: RTree::bulk_load(boxes), polygons: indexed }
    }

    /// The lowest-numbered unit that contains or touches the point.
    pub fn locate(&self, p: Coord) -> Option<(u32, Position)> {
        let mut best: Option<(u32, Position)> = None;
        for entry in self.tree.locate_in_envelope_intersecting(&AABB::from_point([p.x, p.y])) {
            let (unit, polygon) = entry.data;
            if best
                .is_some_and(|(b, position)| unit > b || unit == b && position == Position::Inside)
            {
                continue;
            }
            match self.polygons[polygon as usize].position(p) {
                Position::Outside => {}
                position => best = Some((unit, position)),
            }
        }
        best
    }

    /// The unit nearest to a point outside all units, and its distance, if that is at most
    /// `max_distance`. Among equally near units the lowest-numbered is returned.
    pub fn nearest(&self, p: Coord, max_distance: f64) -> Option<(u32, f64)> {
        let mut best: Option<(u32, f64)> = None;
        for entry in self.tree.nearest_neighbor_iter(&[p.x, p.y]) {
            let limit = best.map_or(max_distance, |(_, d)| d);
            // boxes are visited by distance, and no edge is nearer than its box
            if entry.geom().distance_2(&[p.x, p.y]) > limit * limit {
                break;
            }
            let (unit, polygon) = entry.data;
            let distance = self.polygons[polygon as usize].distance(p);
            let better = best.is_none_or(|(b, d)| distance < d || distance == d && unit < b);
            if distance <= max_distance && better {
                best = Some((unit, distance));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use geo::coordinate_position::{CoordPos, CoordinatePosition};
    use geo::{LineString, coord, polygon};
    use proptest::prelude::*;

    use super::*;

    fn square(x: f64, y: f64, size: f64) -> Polygon {
        polygon![(x: x, y: y), (x: x + size, y: y), (x: x + size, y: y + size), (x: x, y: y + size)]
    }

    #[test]
    fn point_on_a_shared_border_belongs_to_the_lowest_unit() {
        let units = [square(0., 0., 10.).into(), square(10., 0., 10.).into()];
        let index = LauIndex::new(&units);
        assert_eq!(index.locate(coord! {x: 10., y: 5.}), Some((0, Position::Boundary)));
        assert_eq!(index.locate(coord! {x: 10., y: 10.}), Some((0, Position::Boundary)));
        assert_eq!(index.locate(coord! {x: 12., y: 5.}), Some((1, Position::Inside)));
        assert_eq!(index.locate(coord! {x: 12., y: 10.}), Some((1, Position::Boundary)));
        assert_eq!(index.locate(coord! {x: 21., y: 5.}), None);
    }

    #[test]
    fn town_in_a_hole_and_island_belong_to_their_own_units() {
        let rural = Polygon::new(
            square(0., 0., 10.).exterior().clone(),
            vec![square(4., 4., 2.).exterior().clone()],
        );
        let island = square(20., 20., 1.);
        let units = [MultiPolygon(vec![rural, island]), square(4., 4., 2.).into()];
        let index = LauIndex::new(&units);
        assert_eq!(index.locate(coord! {x: 5., y: 5.}), Some((1, Position::Inside)));
        assert_eq!(index.locate(coord! {x: 4., y: 5.}), Some((0, Position::Boundary)));
        assert_eq!(index.locate(coord! {x: 20.5, y: 20.5}), Some((0, Position::Inside)));
        let without_town = LauIndex::new(&units[..1]);
        assert_eq!(without_town.locate(coord! {x: 5., y: 5.}), None);
    }

    #[test]
    fn nearest_unit_within_the_maximum_distance_is_found_and_ties_go_to_the_lowest() {
        let units = [square(0., 0., 10.).into(), square(14., 0., 10.).into()];
        let index = LauIndex::new(&units);
        assert_eq!(index.nearest(coord! {x: 13., y: 5.}, 5.), Some((1, 1.)));
        assert_eq!(index.nearest(coord! {x: 12., y: 5.}, 5.), Some((0, 2.)));
        assert_eq!(index.nearest(coord! {x: -3., y: -4.}, 5.), Some((0, 5.)));
        assert_eq!(index.nearest(coord! {x: -3., y: -4.}, 4.9), None);
    }

    proptest! {
        /// Star-shaped polygons on a coarse grid, so that points fall on edges and vertices too.
        #[test]
        fn positions_agree_with_the_geo_crate(
            radii in prop::collection::vec(1u8..9, 3..24),
            hole in 0u8..2,
            points in prop::collection::vec((-10i32..=10, -10i32..=10), 50)
        ) {
            let n = radii.len() as f64;
            let ring = |scale: f64| -> LineString {
                radii.iter().enumerate().map(|(i, r)| {
                    let a = i as f64 / n * std::f64::consts::TAU;
                    let r = f64::from(*r) * scale;
                    ((r * a.cos() * 2.).round() / 2., (r * a.sin() * 2.).round() / 2.)
                }).collect()
            };
            // a small hole far from the exterior ring
            let holes = if hole == 1 { vec![ring(0.2)] } else { vec![] };
            let polygon = Polygon::new(ring(1.0), holes);
            prop_assume!(geo::Validation::is_valid(&polygon));
            let index = LauIndex::new(&[polygon.clone().into()]);
            for (x, y) in points {
                let p = coord! {x: f64::from(x) / 2., y: f64::from(y) / 2.};
                let expected = match polygon.coordinate_position(&p) {
                    CoordPos::Inside => Some((0, Position::Inside)),
                    CoordPos::OnBoundary => Some((0, Position::Boundary)),
                    CoordPos::Outside => None,
                };
                prop_assert_eq!(index.locate(p), expected, "{:?} in {:?}", p, polygon);
            }
        }
    }
}

//! Converts labelled hexagons to polygons: rings follow the border, with the same irregularities for
//! both neighbours.
//!
//! Coordinates are whole millimetres, so shared borders are identical and areas are exact.

use super::lattice::{Corner, Lattice};
use super::random::{mix, signed_unit};

/// Easting and northing in EPSG:3035, millimetres.
pub type PointMm = [i64; 2];

/// A closed line; the first point is not repeated at the end.
pub type Ring = Vec<PointMm>;

/// A polygon: exterior counter-clockwise, holes clockwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Polygon {
    pub exterior: Ring,
    pub holes: Vec<Ring>,
}

/// Maximum displacement of a corner in x and in y, as a share of the side of a hexagon.
const CORNER_SHIFT: f64 = 0.1;

/// Maximum sideways displacement of the middle of an edge as a share of its length, and its decrease
/// with each bisection. The angle at a corner is at least 85 degrees, and the displacements turn an
/// edge by less than 35 degrees in total at either end, so adjacent edges do not cross.
const MIDDLE_SHIFT: f64 = 0.14;
const MIDDLE_SHIFT_DECREASE: f64 = 0.6;

/// Distance from the centre of a hexagon, as a share of its side, that no border reaches: the middle
/// of an edge is at 0.87, displaced corners move it by at most 0.15, and bisections by at most 0.27.
pub const CLEAR_OF_BORDER: f64 = 0.4;

/// The geometry of all borders of the map.
#[derive(Debug, Clone, Copy)]
pub struct Borders {
    lattice: Lattice,
    seed: u64,
    /// Each side of a hexagon is divided into `2^halvings` straight segments, at most 16.
    halvings: u32,
}

impl Borders {
    pub fn new(lattice: Lattice, seed: u64, units: u32) -> Borders {
        let halvings = match units {
            0..=1_000 => 3,
            1_001..=10_000 => 2,
            _ => 1,
        };
        Borders { lattice, seed, halvings }
    }

    fn corner_m(&self, corner: Corner) -> [f64; 2] {
        let hash = mix(self.seed, corner.0 as u64, corner.1 as u64);
        let [x, y] = self.lattice.position_m(corner);
        let reach = CORNER_SHIFT * self.lattice.side_m;
        [x + reach * signed_unit(hash), y + reach * signed_unit(mix(hash, 1, 2))]
    }

    /// Adds the line from a corner to the next one, without its last point.
    fn line(&self, from: Corner, to: Corner, ring: &mut Ring) {
        // computed in one direction for both neighbours, so that it is identical
        let (a, b) = if from < to { (from, to) } else { (to, from) };
        let hash =
            mix(mix(self.seed, a.0 as u64, a.1 as u64), mix(self.seed, b.0 as u64, b.1 as u64), 3);
        let pieces = 1usize << self.halvings;
        let mut line = [[0.0f64; 2]; 17];
        line[0] = self.corner_m(a);
        line[pieces] = self.corner_m(b);
        let (mut step, mut shift) = (pieces, MIDDLE_SHIFT);
        while step > 1 {
            for start in (0..pieces).step_by(step) {
                let (p, q, middle) = (line[start], line[start + step], start + step / 2);
                let sideways = shift * signed_unit(mix(hash, middle as u64, 5));
                line[middle] = [
                    (p[0] + q[0]) / 2.0 - (q[1] - p[1]) * sideways,
                    (p[1] + q[1]) / 2.0 + (q[0] - p[0]) * sideways,
                ];
            }
            step /= 2;
            shift *= MIDDLE_SHIFT_DECREASE;
        }
        let mm = |p: &[f64; 2]| [(p[0] * 1000.0).round() as i64, (p[1] * 1000.0).round() as i64];
        if from < to {
            ring.extend(line[..pieces].iter().map(mm));
        } else {
            ring.extend(line[1..=pieces].iter().rev().map(mm));
        }
    }

    /// The polygons of the area of `hexagons` (ascending), in the order of their first hexagon.
    pub fn trace(&self, hexagons: &[u32]) -> Vec<Polygon> {
        let (component, count) = components(&self.lattice, hexagons);
        // exactly one edge starts at each corner of the border, so the corner identifies the edge
        let mut edges: Vec<(Corner, Corner, u32)> = Vec::new();
        for (i, &hexagon) in hexagons.iter().enumerate() {
            for (from, to, across) in self.lattice.sides(hexagon) {
                if across.is_none_or(|h| hexagons.binary_search(&h).is_err()) {
                    edges.push((from, to, component[i]));
                }
            }
        }
        edges.sort_unstable();
        let mut done = vec![false; edges.len()];
        let mut parts = vec![Polygon::default(); count];
        for first in 0..edges.len() {
            let mut ring = Ring::new();
            let mut at = first;
            while !done[at] {
                done[at] = true;
                let (from, to, _) = edges[at];
                self.line(from, to, &mut ring);
                let Ok(next) = edges.binary_search_by(|e| e.0.cmp(&to)) else { break };
                at = next;
            }
            if ring.is_empty() {
                continue;
            }
            // a connected area has one exterior; its other rings are holes
            let part = &mut parts[edges[first].2 as usize];
            if doubled_area_mm2(&ring) > 0 {
                part.exterior = ring;
            } else {
                part.holes.push(ring);
            }
        }
        parts
    }
}

/// The connected component of each hexagon, and the number of components.
fn components(lattice: &Lattice, hexagons: &[u32]) -> (Vec<u32>, usize) {
    const NONE: u32 = u32::MAX;
    let mut component = vec![NONE; hexagons.len()];
    let mut count = 0;
    let mut waiting = Vec::new();
    for start in 0..hexagons.len() {
        if component[start] != NONE {
            continue;
        }
        component[start] = count;
        waiting.push(start);
        while let Some(i) = waiting.pop() {
            for (_, _, across) in lattice.sides(hexagons[i]) {
                let Some(Ok(next)) = across.map(|h| hexagons.binary_search(&h)) else { continue };
                if component[next] == NONE {
                    component[next] = count;
                    waiting.push(next);
                }
            }
        }
        count += 1;
    }
    (component, count as usize)
}

/// Twice the enclosed area in square millimetres (shoelace formula); positive if counter-clockwise.
pub fn doubled_area_mm2(ring: &Ring) -> i128 {
    let after = ring.iter().cycle().skip(1);
    ring.iter()
        .zip(after)
        .map(|(a, b)| i128::from(a[0]) * i128::from(b[1]) - i128::from(b[0]) * i128::from(a[1]))
        .sum()
}

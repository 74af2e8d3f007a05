//! Simplification that keeps shared borders identical: points are snapped to a fine grid, rings are
//! cut at the junctions where three units meet, and the two units at a border get the same
//! simplified line.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use geo::algorithm::simplify_vw::SimplifyVw;
use geo::{LineString, MultiPolygon, Rect};

/// Grid steps per unit of the drawing.
pub const STEPS_PER_UNIT: i32 = 10;
/// Visvalingam-Whyatt: a point is removed when the triangle with its neighbours is smaller than
/// this, in square steps.
const MIN_TRIANGLE_AREA: f64 = 12.5;
/// Rings with less area, in square steps, are too small to see.
const MIN_RING_AREA: i64 = 50;

/// A point of the grid; y points down.
pub type Point = (i32, i32);
/// A closed ring; its first point is not repeated.
pub type Ring = Vec<Point>;
/// All rings of a LAU.
pub type Outline = Vec<Ring>;

/// Snaps coordinates to the grid.
pub struct Grid {
    extent: Rect,
    steps_per_m: f64,
}

impl Grid {
    /// `width` is in units of the drawing.
    pub fn new(extent: Rect, width: u32) -> Self {
        let metres = if extent.width() > 0.0 { extent.width() } else { extent.height().max(1.0) };
        Grid { extent, steps_per_m: f64::from(width) * f64::from(STEPS_PER_UNIT) / metres }
    }

    /// Height of the drawing, in its own units.
    pub fn height(&self) -> u32 {
        (self.extent.height() * self.steps_per_m / f64::from(STEPS_PER_UNIT)).ceil() as u32
    }

    fn point(&self, x: f64, y: f64) -> Point {
        let step = |distance: f64| (distance * self.steps_per_m).round() as i32;
        (step(x - self.extent.min().x), step(self.extent.max().y - y))
    }

    /// The ring on the grid; points that coincide there are merged.
    fn ring(&self, line: &LineString) -> Ring {
        let mut ring: Ring = line.0.iter().map(|c| self.point(c.x, c.y)).collect();
        ring.dedup();
        while ring.len() > 1 && ring.first() == ring.last() {
            ring.pop();
        }
        ring
    }
}

/// Simplifies the boundaries. The largest ring of each is kept, however small it is.
pub fn simplify(grid: &Grid, boundaries: &[MultiPolygon]) -> Vec<Outline> {
    let outlines: Vec<Outline> = boundaries
        .iter()
        .map(|polygons| {
            let rings = polygons
                .iter()
                .flat_map(|p| std::iter::once(p.exterior()).chain(p.interiors()))
                .filter(|line| !line.0.is_empty());
            rings.map(|line| grid.ring(line)).collect()
        })
        .collect();
    let junctions = Junctions::of(&outlines);
    outlines.iter().map(|outline| simplify_outline(outline, &junctions)).collect()
}

fn simplify_outline(outline: &Outline, junctions: &Junctions) -> Outline {
    let largest = outline.iter().max_by_key(|ring| doubled_area(ring));
    let simplify = |ring: &Ring| {
        let ring = junctions.simplify_ring(ring);
        (ring.len() >= 3 && doubled_area(&ring) >= 2 * MIN_RING_AREA).then_some(ring)
    };
    let kept: Outline = outline.iter().filter_map(simplify).collect();
    match largest {
        Some(largest) if kept.is_empty() => vec![visible(largest)],
        _ => kept,
    }
}

/// The ring, or a small square at its first point when it has no area.
fn visible(ring: &Ring) -> Ring {
    const SIDE: i32 = STEPS_PER_UNIT / 2;
    if ring.len() >= 3 && doubled_area(ring) > 0 {
        return ring.clone();
    }
    let (x, y) = ring.first().copied().unwrap_or_default();
    vec![(x, y), (x + SIDE, y), (x + SIDE, y + SIDE), (x, y + SIDE)]
}

fn doubled_area(ring: &Ring) -> i64 {
    let next = ring.iter().cycle().skip(1);
    let cross = |(a, b): (&Point, &Point)| {
        i64::from(a.0) * i64::from(b.1) - i64::from(b.0) * i64::from(a.1)
    };
    ring.iter().zip(next).map(cross).sum::<i64>().abs()
}

/// The neighbours of every point. A point with more than two is a junction of borders.
struct Junctions(HashMap<Point, Neighbours, RandomState>);

#[derive(Clone, Copy)]
struct Neighbours {
    first_two: [Option<Point>; 2],
    has_more: bool,
}

impl Junctions {
    fn of(outlines: &[Outline]) -> Self {
        let mut known: HashMap<Point, Neighbours, RandomState> = HashMap::default();
        for ring in outlines.iter().flatten() {
            for (index, point) in ring.iter().enumerate() {
                let before = ring[(index + ring.len() - 1) % ring.len()];
                let after = ring[(index + 1) % ring.len()];
                let entry = known
                    .entry(*point)
                    .or_insert(Neighbours { first_two: [None; 2], has_more: false });
                entry.add(before);
                entry.add(after);
            }
        }
        Junctions(known)
    }

    fn is_junction(&self, point: &Point) -> bool {
        self.0.get(point).is_some_and(|n| n.has_more)
    }

    /// The ring with each segment between two junctions simplified.
    fn simplify_ring(&self, ring: &Ring) -> Ring {
        // a ring without junctions starts at its smallest point, so that a unit inside a hole gets
        // the same line as the hole
        let start = (0..ring.len())
            .min_by_key(|i| (!self.is_junction(&ring[*i]), ring[*i]))
            .unwrap_or_default();
        let mut simplified = Ring::new();
        let mut segment: Ring = Vec::new();
        for step in 0..=ring.len() {
            let point = ring[(start + step) % ring.len()];
            segment.push(point);
            if segment.len() > 1 && (step == ring.len() || self.is_junction(&point)) {
                simplified.extend(simplify_segment(&segment).iter().skip(1));
                segment = vec![point];
            }
        }
        simplified.dedup();
        simplified
    }
}

impl Neighbours {
    fn add(&mut self, point: Point) {
        if self.first_two.contains(&Some(point)) {
            return;
        }
        match self.first_two.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(point),
            None => self.has_more = true,
        }
    }
}

/// The segment with fewer points; the result does not depend on its direction.
fn simplify_segment(segment: &[Point]) -> Ring {
    let mut forward = segment.to_vec();
    let backward: Ring = segment.iter().rev().copied().collect();
    let is_reversed = backward < forward;
    if is_reversed {
        forward = backward;
    }
    let line: LineString = forward.iter().map(|p| (f64::from(p.0), f64::from(p.1))).collect();
    let simplified = line.simplify_vw(MIN_TRIANGLE_AREA);
    let mut points: Ring = simplified.0.iter().map(|c| (c.x as i32, c.y as i32)).collect();
    if is_reversed {
        points.reverse();
    }
    points
}

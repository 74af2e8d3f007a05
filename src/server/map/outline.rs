//! Fewer points, same borders: points are moved to a fine grid, rings are cut where three units
//! meet, and each piece is simplified once and alike for the two units that share it.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use geo::algorithm::simplify_vw::SimplifyVw;
use geo::{LineString, MultiPolygon, Rect};

/// Grid steps in one unit of the drawing.
pub const STEPS: i32 = 10;
/// A point goes when the triangle with its neighbours is smaller than this, in square steps: a
/// bend of half a unit.
const BEND: f64 = 12.5;
/// Rings with less area, in square steps, are too small to see.
const SPECK: i64 = 50;

/// A point of the grid, y downwards.
pub type Point = (i32, i32);
/// A closed ring without its first point repeated.
pub type Ring = Vec<Point>;
/// All rings of a unit.
pub type Unit = Vec<Ring>;

/// From coordinates to the grid.
pub struct Grid {
    frame: Rect,
    steps_per_m: f64,
}

impl Grid {
    /// `width` is in units of the drawing.
    pub fn new(frame: Rect, width: u32) -> Self {
        // what is higher than wide still fits the width
        let extent = if frame.width() > 0.0 { frame.width() } else { frame.height().max(1.0) };
        Grid { frame, steps_per_m: f64::from(width) * f64::from(STEPS) / extent }
    }

    /// In units of the drawing.
    pub fn height(&self) -> u32 {
        (self.frame.height() * self.steps_per_m / f64::from(STEPS)).ceil() as u32
    }

    fn point(&self, x: f64, y: f64) -> Point {
        let step = |distance: f64| (distance * self.steps_per_m).round() as i32;
        (step(x - self.frame.min().x), step(self.frame.max().y - y))
    }

    /// The ring on the grid; points that fall together are one.
    fn ring(&self, line: &LineString) -> Ring {
        let mut ring: Ring = line.0.iter().map(|c| self.point(c.x, c.y)).collect();
        ring.dedup();
        while ring.len() > 1 && ring.first() == ring.last() {
            ring.pop();
        }
        ring
    }
}

/// The outlines, simplified. The largest ring of a unit stays, however small.
pub fn simplified(grid: &Grid, boundaries: &[MultiPolygon]) -> Vec<Unit> {
    let units: Vec<Unit> = boundaries
        .iter()
        .map(|polygons| {
            let rings = polygons
                .iter()
                .flat_map(|p| std::iter::once(p.exterior()).chain(p.interiors()))
                .filter(|line| !line.0.is_empty());
            rings.map(|line| grid.ring(line)).collect()
        })
        .collect();
    let meetings = Meetings::of(&units);
    units.iter().map(|unit| thinned(unit, &meetings)).collect()
}

fn thinned(unit: &Unit, meetings: &Meetings) -> Unit {
    let largest = unit.iter().max_by_key(|ring| doubled_area(ring));
    let thin = |ring: &Ring| {
        let thin = meetings.thin(ring);
        (thin.len() >= 3 && doubled_area(&thin) >= 2 * SPECK).then_some(thin)
    };
    let kept: Unit = unit.iter().filter_map(thin).collect();
    match largest {
        Some(largest) if kept.is_empty() => vec![visible(largest)],
        _ => kept,
    }
}

/// A ring of which at least a dot can be seen.
fn visible(ring: &Ring) -> Ring {
    if ring.len() >= 3 && doubled_area(ring) > 0 {
        return ring.clone();
    }
    let (x, y) = ring.first().copied().unwrap_or_default();
    vec![(x, y), (x + STEPS / 2, y), (x + STEPS / 2, y + STEPS / 2), (x, y + STEPS / 2)]
}

fn doubled_area(ring: &Ring) -> i64 {
    let next = ring.iter().cycle().skip(1);
    let cross = |(a, b): (&Point, &Point)| {
        i64::from(a.0) * i64::from(b.1) - i64::from(b.0) * i64::from(a.1)
    };
    ring.iter().zip(next).map(cross).sum::<i64>().abs()
}

/// Points with more than two neighbours: there borders meet.
struct Meetings(HashMap<Point, Neighbours, RandomState>);

#[derive(Clone, Copy)]
struct Neighbours {
    two: [Option<Point>; 2],
    more: bool,
}

impl Meetings {
    fn of(units: &[Unit]) -> Self {
        let mut known: HashMap<Point, Neighbours, RandomState> = HashMap::default();
        for ring in units.iter().flatten() {
            for (index, point) in ring.iter().enumerate() {
                let before = ring[(index + ring.len() - 1) % ring.len()];
                let after = ring[(index + 1) % ring.len()];
                let entry =
                    known.entry(*point).or_insert(Neighbours { two: [None; 2], more: false });
                entry.add(before);
                entry.add(after);
            }
        }
        Meetings(known)
    }

    fn is_meeting(&self, point: &Point) -> bool {
        self.0.get(point).is_some_and(|n| n.more)
    }

    /// The ring with each piece between meetings simplified.
    fn thin(&self, ring: &Ring) -> Ring {
        // a ring without meetings starts at its least point, so that the unit inside a hole gets
        // the same line as the hole
        let start = (0..ring.len())
            .min_by_key(|i| (!self.is_meeting(&ring[*i]), ring[*i]))
            .unwrap_or_default();
        let mut thin = Ring::new();
        let mut piece: Ring = Vec::new();
        for step in 0..=ring.len() {
            let point = ring[(start + step) % ring.len()];
            piece.push(point);
            if piece.len() > 1 && (step == ring.len() || self.is_meeting(&point)) {
                thin.extend(simple(&piece).iter().skip(1));
                piece = vec![point];
            }
        }
        thin.dedup();
        thin
    }
}

impl Neighbours {
    fn add(&mut self, point: Point) {
        if self.two.contains(&Some(point)) {
            return;
        }
        match self.two.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(point),
            None => self.more = true,
        }
    }
}

/// The piece with fewer points, the same whichever way it is walked.
fn simple(piece: &[Point]) -> Ring {
    let mut forward = piece.to_vec();
    let backward: Ring = piece.iter().rev().copied().collect();
    let turned = backward < forward;
    if turned {
        forward = backward;
    }
    let line: LineString = forward.iter().map(|p| (f64::from(p.0), f64::from(p.1))).collect();
    let mut simple: Ring =
        line.simplify_vw(BEND).0.iter().map(|c| (c.x as i32, c.y as i32)).collect();
    if turned {
        simple.reverse();
    }
    simple
}

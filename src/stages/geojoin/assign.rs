//! Which LAU each cell lies in, and how it was found.

use geo::Coord;

use super::lau_index::{LauIndex, Position};
use crate::datasets::geodata::LauMatch;

/// The LAU unit of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assignment {
    pub lau_match: LauMatch,
    /// Position of the unit in ascending order of id; `None` outside all units.
    pub unit: Option<u32>,
    pub distance_m: Option<f64>,
}

impl Assignment {
    const OUTSIDE: Assignment =
        Assignment { lau_match: LauMatch::Outside, unit: None, distance_m: None };

    pub fn is_outside(&self) -> bool {
        self.lau_match == LauMatch::Outside
    }
}

/// Assigns each point (metres) to the unit that contains or touches it.
pub fn within(index: &LauIndex, points: &[Coord]) -> Vec<Assignment> {
    let assign = |p: &Coord| match index.locate(*p) {
        Some((unit, position)) => {
            let lau_match = match position {
                Position::Boundary => LauMatch::Boundary,
                _ => LauMatch::Within,
            };
            Assignment { lau_match, unit: Some(unit), distance_m: Some(0.0) }
        }
        None => Assignment::OUTSIDE,
    };
    points.iter().map(assign).collect()
}

/// Assigns points outside all units to the nearest unit within `max_distance_m`, except points in
/// an `excluded` country.
pub fn nearest(
    index: &LauIndex,
    points: &[Coord],
    excluded: &[bool],
    max_distance_m: f64,
    assignments: &mut [Assignment],
) {
    for ((point, excluded), assignment) in points.iter().zip(excluded).zip(assignments) {
        if assignment.is_outside()
            && !excluded
            && let Some((unit, distance)) = index.nearest(*point, max_distance_m)
        {
            *assignment = Assignment {
                lau_match: LauMatch::Nearest,
                unit: Some(unit),
                distance_m: Some(distance),
            };
        }
    }
}

//! Which LAU each cell lies in, and how that was found.

use geo::Coord;

use super::index::{Locator, Position};

/// How a cell found its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    Within,
    Boundary,
    Nearest,
    Outside,
}

impl Match {
    /// The word in the column `lau_match`.
    pub fn word(self) -> &'static str {
        match self {
            Match::Within => "within",
            Match::Boundary => "boundary",
            Match::Nearest => "nearest",
            Match::Outside => "outside",
        }
    }
}

/// The unit of a cell (its number in order of id) and the distance in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assigned {
    pub how: Match,
    pub unit: Option<u32>,
    pub distance_m: Option<f64>,
}

/// Places each point (metres) in the unit that holds or touches it.
pub fn within(locator: &Locator, points: &[Coord]) -> Vec<Assigned> {
    let place = |p: &Coord| match locator.locate(*p) {
        Some((unit, Position::Boundary)) => {
            Assigned { how: Match::Boundary, unit: Some(unit), distance_m: Some(0.0) }
        }
        Some((unit, _)) => Assigned { how: Match::Within, unit: Some(unit), distance_m: Some(0.0) },
        None => Assigned { how: Match::Outside, unit: None, distance_m: None },
    };
    points.iter().map(place).collect()
}

/// Gives points outside all units the nearest one within `reach_m`, unless they lie `abroad`.
pub fn nearest(
    locator: &Locator,
    points: &[Coord],
    abroad: &[bool],
    reach_m: f64,
    assigned: &mut [Assigned],
) {
    for ((point, abroad), found) in points.iter().zip(abroad).zip(assigned) {
        if found.how == Match::Outside
            && !abroad
            && let Some((unit, distance)) = locator.nearest(*point, reach_m)
        {
            *found = Assigned { how: Match::Nearest, unit: Some(unit), distance_m: Some(distance) };
        }
    }
}

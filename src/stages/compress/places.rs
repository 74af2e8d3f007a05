//! Where cells are on a date, and how far apart.

use crate::cell_plan::PlannedCells;
use crate::domain::time::LocalDate;

/// Mean radius of the Earth, metres (IUGG).
pub const EARTH_M: f64 = 6_371_008.8;

/// A point of the unit sphere. The straight line between two of them grows with their distance, so
/// most comparisons need no trigonometry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point([f64; 3]);

impl Point {
    /// From degrees.
    pub fn new(lat: f64, lon: f64) -> Self {
        let (lat, lon) = (lat.to_radians(), lon.to_radians());
        Point([lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()])
    }

    /// Its coordinates, in radii from the centre.
    pub fn xyz(&self) -> [f64; 3] {
        self.0
    }

    /// Square of the straight line to another point, in radii.
    #[inline]
    pub fn chord2(&self, other: &Point) -> f64 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a - b) * (a - b)).sum()
    }
}

/// Square of the chord, in radii, of points that are so many metres apart.
pub fn chord2_of_metres(metres: f64) -> f64 {
    let chord = 2.0 * (metres / (2.0 * EARTH_M)).min(std::f64::consts::FRAC_PI_2).sin();
    chord * chord
}

/// Metres along the great circle.
pub fn metres_of_chord2(chord2: f64) -> f64 {
    2.0 * EARTH_M * (chord2.sqrt() / 2.0).min(1.0).asin()
}

/// Where a cell is on a date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    At(Point),
    /// The plan does not know the cell.
    Unknown,
    /// The plan knows it on other dates.
    NotValid,
    /// The plan has no usable coordinates of it.
    BadCoordinates,
}

/// The cells of a batch by their number.
#[derive(Debug, Default)]
pub struct Places {
    /// First and last day of each version, and its point.
    versions: Vec<(i32, i32, Point)>,
    /// Where in `versions` those of each cell end.
    ends: Vec<usize>,
    misplaced: Vec<bool>,
}

impl Places {
    /// Finds `cells`, in byte order, in the plan.
    pub fn of(plan: &PlannedCells, cells: &[String]) -> Self {
        let mut places = Places::default();
        for cell in cells {
            if let Ok(at) = plan.cells.binary_search_by(|(id, _)| id.as_str().cmp(cell)) {
                places.versions.extend(plan.cells[at].1.iter().map(|v| {
                    let days = (v.start.unwrap_or(i32::MIN), v.end.unwrap_or(i32::MAX));
                    (days.0, days.1, Point::new(v.lat, v.lon))
                }));
            }
            places.ends.push(places.versions.len());
            places.misplaced.push(plan.bad_coordinates.contains(cell));
        }
        places
    }

    /// Where a cell is on a date.
    #[inline]
    pub fn at(&self, cell: u32, date: LocalDate) -> Place {
        let cell = cell as usize;
        let start = if cell == 0 { 0 } else { self.ends[cell - 1] };
        let versions = &self.versions[start..self.ends[cell]];
        match versions.iter().find(|(first, last, _)| (*first..=*last).contains(&date.0)) {
            Some((_, _, point)) => Place::At(*point),
            None if !versions.is_empty() => Place::NotValid,
            None if self.misplaced[cell] => Place::BadCoordinates,
            None => Place::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell_plan::CellVersion;

    #[test]
    fn distances_are_those_of_the_great_circle() {
        let (tallinn, tartu) = (Point::new(59.437, 24.7536), Point::new(58.378, 26.729));
        let metres = metres_of_chord2(tallinn.chord2(&tartu));
        // by the haversine formula: 163.46 km
        assert!((metres - 163_460.0).abs() < 300.0, "{metres}");
        assert!((metres_of_chord2(chord2_of_metres(10_000.0)) - 10_000.0).abs() < 1e-3);
        let antipode = metres_of_chord2(Point::new(0.0, 0.0).chord2(&Point::new(0.0, 180.0)));
        assert!((antipode - std::f64::consts::PI * EARTH_M).abs() < 1.0);
    }

    #[test]
    fn a_cell_is_known_by_its_versions_and_dates() {
        let version =
            |start, end| CellVersion { start: Some(start), end: Some(end), lon: 1.0, lat: 2.0 };
        let plan = PlannedCells {
            cells: vec![("a".into(), vec![version(1, 2), version(5, 5)]), ("c".into(), vec![])],
            bad_coordinates: ["b".to_owned()].into(),
        };
        let cells = ["a", "b", "d"].map(str::to_owned);
        let places = Places::of(&plan, &cells);
        let point = Place::At(Point::new(2.0, 1.0));
        let on = |cell, day| places.at(cell, LocalDate(day));
        assert_eq!(
            [on(0, 1), on(0, 2), on(0, 3), on(0, 5)],
            [point, point, Place::NotValid, point]
        );
        assert_eq!([on(1, 1), on(2, 1)], [Place::BadCoordinates, Place::Unknown]);
    }
}

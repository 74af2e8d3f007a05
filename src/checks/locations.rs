//! Where cells are on a date, and the distances between them.

use crate::domain::site::Site;
use crate::domain::time::LocalDate;

/// Mean radius of the Earth, metres (IUGG).
pub const EARTH_M: f64 = 6_371_008.8;

/// A point on the unit sphere. The chord between two points grows with their distance, so most
/// comparisons need no trigonometry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point([f64; 3]);

impl Point {
    /// From degrees.
    pub fn new(lat: f64, lon: f64) -> Self {
        let (lat, lon) = (lat.to_radians(), lon.to_radians());
        Point([lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()])
    }

    /// Coordinates in radii of the sphere, from its centre.
    pub fn xyz(&self) -> [f64; 3] {
        self.0
    }

    /// Squared chord to another point, in radii.
    #[inline]
    pub fn chord2(&self, other: &Point) -> f64 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a - b) * (a - b)).sum()
    }
}

/// Squared chord, in radii, between points with this great-circle distance.
pub fn chord2_of_metres(metres: f64) -> f64 {
    let chord = 2.0 * (metres / (2.0 * EARTH_M)).min(std::f64::consts::FRAC_PI_2).sin();
    chord * chord
}

/// Great-circle distance, metres, between points with this squared chord, in radii.
pub fn metres_of_chord2(chord2: f64) -> f64 {
    2.0 * EARTH_M * (chord2.sqrt() / 2.0).min(1.0).asin()
}

/// The place of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub point: Point,
    /// Cells at one site are at one place.
    pub site: Site,
}

impl Place {
    /// From degrees.
    pub fn new(lat: f64, lon: f64) -> Self {
        Place { point: Point::new(lat, lon), site: Site::of(lat, lon) }
    }
}

/// Where a cell is on a date.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CellLocation {
    At(Place),
    /// The cell is not in the cell plan.
    Unknown,
    /// The cell plan has the cell on other dates.
    NotValid,
    /// The cell plan has no usable coordinates for the cell.
    BadCoordinates,
}

/// A cell from its first to its last date.
#[derive(Debug, Clone, Copy)]
struct LocatedDates {
    first: LocalDate,
    last: LocalDate,
    place: Place,
}

/// Locations of cells by cell number.
#[derive(Debug, Default)]
pub struct CellLocations {
    all: Vec<LocatedDates>,
    /// Where in `all` the entries of each cell end.
    ends: Vec<usize>,
    bad_coordinates: Vec<bool>,
}

impl CellLocations {
    /// Adds the cell with the next number: its places, each with its first and last date, and whether
    /// the cell plan has unusable coordinates for it.
    pub fn push(
        &mut self,
        places: impl IntoIterator<Item = (LocalDate, LocalDate, Place)>,
        bad_coordinates: bool,
    ) {
        let located = |(first, last, place)| LocatedDates { first, last, place };
        self.all.extend(places.into_iter().map(located));
        self.ends.push(self.all.len());
        self.bad_coordinates.push(bad_coordinates);
    }

    /// Where a cell is on a date.
    #[inline]
    pub fn at(&self, cell: u32, date: LocalDate) -> CellLocation {
        let cell = cell as usize;
        let start = if cell == 0 { 0 } else { self.ends[cell - 1] };
        let of_cell = &self.all[start..self.ends[cell]];
        match of_cell.iter().find(|dates| (dates.first..=dates.last).contains(&date)) {
            Some(dates) => CellLocation::At(dates.place),
            None if !of_cell.is_empty() => CellLocation::NotValid,
            None if self.bad_coordinates[cell] => CellLocation::BadCoordinates,
            None => CellLocation::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_follow_the_great_circle() {
        let (tallinn, tartu) = (Point::new(59.437, 24.7536), Point::new(58.378, 26.729));
        let metres = metres_of_chord2(tallinn.chord2(&tartu));
        // by the haversine formula: 163.46 km
        assert!((metres - 163_460.0).abs() < 300.0, "{metres}");
        assert!((metres_of_chord2(chord2_of_metres(10_000.0)) - 10_000.0).abs() < 1e-3);
        let antipode = metres_of_chord2(Point::new(0.0, 0.0).chord2(&Point::new(0.0, 180.0)));
        assert!((antipode - std::f64::consts::PI * EARTH_M).abs() < 1.0);
    }

    #[test]
    fn cell_is_located_on_the_dates_of_its_places() {
        let place = Place::new(2.0, 1.0);
        let dates = |first, last| (LocalDate(first), LocalDate(last), place);
        let mut locations = CellLocations::default();
        locations.push([dates(1, 2), dates(5, 5)], false);
        locations.push([], true);
        locations.push([], false);
        let at = |cell, date| locations.at(cell, LocalDate(date));
        let here = CellLocation::At(place);
        assert_eq!(
            [at(0, 1), at(0, 2), at(0, 3), at(0, 5)],
            [here, here, CellLocation::NotValid, here]
        );
        assert_eq!([at(1, 1), at(2, 1)], [CellLocation::BadCoordinates, CellLocation::Unknown]);
    }
}

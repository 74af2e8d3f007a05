//! The cell plan in the form in which the checks need it.

use crate::cell_plan::PlannedCells;
use crate::checks::locations::{CellLocations, Place};
use crate::domain::time::LocalDate;

/// The locations of `cells`, which are in byte order.
pub fn cell_locations(plan: &PlannedCells, cells: &[String]) -> CellLocations {
    let mut locations = CellLocations::default();
    for cell in cells {
        let at = plan.cells.binary_search_by(|(id, _)| id.as_str().cmp(cell));
        let versions = at.map_or(&[][..], |at| plan.cells[at].1.as_slice());
        let places = versions.iter().map(|version| {
            let first = LocalDate(version.start.unwrap_or(i32::MIN));
            let last = LocalDate(version.end.unwrap_or(i32::MAX));
            (first, last, Place::new(version.lat, version.lon))
        });
        locations.push(places, plan.bad_coordinates.contains(cell));
    }
    locations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell_plan::CellVersion;
    use crate::checks::locations::CellLocation;

    #[test]
    fn planned_cells_are_located_on_the_dates_of_their_versions() {
        let version =
            |start, end| CellVersion { start: Some(start), end: Some(end), lon: 1.0, lat: 2.0 };
        let plan = PlannedCells {
            cells: vec![("a".into(), vec![version(1, 2), version(5, 5)]), ("c".into(), vec![])],
            bad_coordinates: ["b".to_owned()].into(),
        };
        let locations = cell_locations(&plan, &["a", "b", "d"].map(str::to_owned));
        let at = |cell, date| locations.at(cell, LocalDate(date));
        assert_eq!(at(0, 5), CellLocation::At(Place::new(2.0, 1.0)));
        assert_eq!(at(0, 3), CellLocation::NotValid);
        assert_eq!([at(1, 1), at(2, 1)], [CellLocation::BadCoordinates, CellLocation::Unknown]);
    }
}

//! The two small tables that Spark joins with the events: files by number, and locations of cells by date.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};

use crate::cell_plan::PlannedCells;
use crate::checks::locations::Place;
use crate::domain::time::LocalDate;
use crate::formats::parquet::checksum;
use crate::formats::table;
use crate::spark::JobFolder;
use crate::stages::compress::work::Work;

use super::JobFile;

/// A cell from its first to its last date.
struct CellDates<'a> {
    cell: &'a str,
    first: i32,
    last: i32,
    /// What is known of its place: `at`, `not_valid` or `bad`.
    state: &'static str,
    place: Option<Place>,
}

/// Writes `files.parquet` and `places.parquet` into the folder of the job.
///
/// # Errors
/// A folder or store that cannot be written.
pub fn write(
    work: &Work,
    pending: &[LocalDate],
    files: &[JobFile],
    folder: &JobFolder,
) -> Result<()> {
    let source = |file: &JobFile| &work.survey.inputs[file.input];
    let day = |date: Option<LocalDate>| date.map(|date| date.0);
    let numbers = files.iter().map(|file| file.input as i32);
    let paths = files.iter().map(|file| file.path.in_metadata());
    let first_rows = files.iter().map(|file| file.first_row as i64);
    let folders = files.iter().map(|file| day(source(file).folder));
    // all row groups of a file have the same fallback date
    let fallback = |file| source(file).groups.first().and_then(|group| group.fallback_date);
    let fallback = files.iter().map(|file| day(fallback(file)));
    let table = RecordBatch::try_from_iter_with_nullable([
        ("file", Arc::new(Int32Array::from_iter_values(numbers)) as ArrayRef, false),
        ("path", Arc::new(StringArray::from_iter_values(paths)), false),
        ("first_row", Arc::new(Int64Array::from_iter_values(first_rows)), false),
        ("folder", Arc::new(folders.collect::<Int32Array>()), true),
        ("fallback_date", Arc::new(fallback.collect::<Int32Array>()), true),
    ])?;
    let local = folder.path();
    table::write(&local.join("files.parquet"), &table, vec![checksum::placeholder()])?;

    let span = (pending.first().map_or(0, |d| d.0), pending.last().map_or(0, |d| d.0));
    let all = work.plan.map(|plan| cell_dates(plan, span)).unwrap_or_default();
    let texts = |of: fn(&CellDates) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(all.iter().map(of)))
    };
    let days = |of: fn(&CellDates) -> i32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(all.iter().map(of)))
    };
    let axis = |number: usize| -> ArrayRef {
        let values = all.iter().map(|s| s.place.map(|place| place.point.xyz()[number]));
        Arc::new(values.collect::<Float64Array>())
    };
    let site = all.iter().map(|s| s.place.map(|place| place.site.number()));
    let site: ArrayRef = Arc::new(site.collect::<Int64Array>());
    let places = RecordBatch::try_from_iter_with_nullable([
        ("cell_id", texts(|s| s.cell.to_owned()), false),
        ("first", days(|s| s.first), false),
        ("last", days(|s| s.last), false),
        ("place", texts(|s| s.state.to_owned()), false),
        ("site", site, true),
        ("x", axis(0), true),
        ("y", axis(1), true),
        ("z", axis(2), true),
    ])?;
    table::write(&local.join("places.parquet"), &places, vec![checksum::placeholder()])?;
    folder.share(["files.parquet", "places.parquet"].map(str::to_owned).to_vec())
}

/// Where every planned cell is between two dates, without gaps.
fn cell_dates(plan: &PlannedCells, (start, end): (i32, i32)) -> Vec<CellDates<'_>> {
    let mut all = Vec::new();
    for (cell, versions) in plan.cells.iter().filter(|(_, versions)| !versions.is_empty()) {
        let mut push = |first: i32, last: i32, place: Option<Place>| {
            let (first, last) = (first.max(start), last.min(end));
            let state = if place.is_some() { "at" } else { "not_valid" };
            if first <= last {
                all.push(CellDates { cell, first, last, state, place });
            }
        };
        // versions do not overlap and are in order of time
        let mut next = start;
        for version in versions {
            let (first, last) =
                (version.start.unwrap_or(i32::MIN), version.end.unwrap_or(i32::MAX));
            push(next, first.saturating_sub(1), None);
            push(first, last, Some(Place::new(version.lat, version.lon)));
            next = next.max(last.saturating_add(1));
        }
        push(next, end, None);
    }
    let planned = |cell: &str| {
        let at = plan.cells.binary_search_by(|(id, _)| id.as_str().cmp(cell));
        at.is_ok_and(|at| !plan.cells[at].1.is_empty())
    };
    let without_place = plan.bad_coordinates.iter().filter(|cell| !planned(cell));
    let unlocated = |cell| CellDates { cell, first: start, last: end, state: "bad", place: None };
    all.extend(without_place.map(|cell| unlocated(cell.as_str())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell_plan::CellVersion;

    #[test]
    fn every_cell_is_located_or_not_on_every_date() {
        let version = |start, end| CellVersion { start, end, lon: 1.0, lat: 2.0 };
        let plan = PlannedCells {
            cells: vec![
                ("a".into(), vec![version(None, Some(3)), version(Some(6), Some(6))]),
                ("b".into(), vec![version(None, None)]),
                ("c".into(), vec![]),
            ],
            bad_coordinates: ["b".to_owned(), "c".to_owned(), "d".to_owned()].into(),
        };
        let all = cell_dates(&plan, (1, 9));
        let found: Vec<_> = all.iter().map(|s| (s.cell, s.first, s.last, s.state)).collect();
        assert_eq!(
            found,
            [
                ("a", 1, 3, "at"),
                ("a", 4, 5, "not_valid"),
                ("a", 6, 6, "at"),
                ("a", 7, 9, "not_valid"),
                ("b", 1, 9, "at"),
                ("c", 1, 9, "bad"),
                ("d", 1, 9, "bad"),
            ]
        );
    }
}

//! The two output files as record batches with WKB geometry.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use arrow::array::{
    ArrayRef, BinaryArray, BinaryBuilder, Date32Array, Float64Array, RecordBatch, StringArray,
};
use geo::{Coord, Geometry, Point, Rect};
use geozero::{CoordDimensions, ToWkb};

use super::Cell;
use super::assign::Assigned;
use super::boundaries::Boundaries;
use crate::domain::tables::Table;
use crate::formats::geoparquet;

fn wkb(geometry: &Geometry) -> Result<Vec<u8>> {
    geometry.to_wkb(CoordDimensions::xy()).map_err(|e| anyhow!("a geometry cannot be written: {e}"))
}

/// Writes the table `cell_plan`.
///
/// # Errors
/// When the file cannot be written.
pub fn write_cells(
    path: &Path,
    cells: &[Cell],
    assigned: &[Assigned],
    found: &Boundaries,
    inputs: &str,
    notes: &[String],
) -> Result<()> {
    let ids: Vec<&String> = found.units.keys().collect();
    let lau_of = |a: &Assigned| a.unit.map(|unit| ids[unit as usize].as_str());
    let points = cells
        .iter()
        .map(|c| wkb(&Geometry::Point(Point::new(c.version.lon, c.version.lat))))
        .collect::<Result<Vec<_>>>()?;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(cells.iter().map(|c| &c.id))),
        Arc::new(Float64Array::from_iter_values(cells.iter().map(|c| c.version.lat))),
        Arc::new(Float64Array::from_iter_values(cells.iter().map(|c| c.version.lon))),
        Arc::new(Date32Array::from_iter(cells.iter().map(|c| c.version.start))),
        Arc::new(Date32Array::from_iter(cells.iter().map(|c| c.version.end))),
        Arc::new(StringArray::from_iter(assigned.iter().map(lau_of))),
        Arc::new(StringArray::from_iter_values(assigned.iter().map(|a| a.how.word()))),
        Arc::new(Float64Array::from_iter(assigned.iter().map(|a| a.distance_m))),
        Arc::new(BinaryArray::from_iter_values(&points)),
    ];
    let batch = RecordBatch::try_new(Table::CellPlan.schema(), columns)?;
    let lons = cells.iter().map(|c| Coord { x: c.version.lon, y: c.version.lat });
    let geo = geoparquet::metadata(4326, &["Point"], extent(lons))?;
    geoparquet::write(path, &batch, geo, inputs, notes)
}

fn extent(points: impl Iterator<Item = Coord>) -> Option<Rect> {
    points.map(|p| Rect::new(p, p)).reduce(|a, b| {
        Rect::new(
            Coord { x: a.min().x.min(b.min().x), y: a.min().y.min(b.min().y) },
            Coord { x: a.max().x.max(b.max().x), y: a.max().y.max(b.max().y) },
        )
    })
}

/// Writes the table `lau`.
///
/// # Errors
/// When the file cannot be written.
pub fn write_laus(path: &Path, found: &Boundaries, inputs: &str) -> Result<()> {
    let units = found.units.values();
    let mut shapes = BinaryBuilder::new();
    for unit in units.clone() {
        shapes.append_value(wkb(&Geometry::MultiPolygon(unit.geometry.clone()))?);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(found.units.keys())),
        Arc::new(StringArray::from_iter_values(units.clone().map(|u| &u.country))),
        Arc::new(StringArray::from_iter(units.map(|u| u.name.as_deref()))),
        Arc::new(shapes.finish()),
    ];
    let batch = RecordBatch::try_new(Table::Lau.schema(), columns)?;
    let geo = geoparquet::metadata(3035, &["MultiPolygon"], found.extent())?;
    geoparquet::write(path, &batch, geo, inputs, &[])
}

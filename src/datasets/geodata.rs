//! The outputs of `geojoin`: cells with the LAU they lie in (`cells_with_lau.parquet`), and the LAU
//! units themselves (`lau.parquet`), both as GeoParquet.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Date32Array, Float64Array, Int64Array,
    RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Date32Type, Float64Type};
use chrono::NaiveDate;
use geo::{Area, BoundingRect, Coord, Geometry, MultiPolygon, Point, Rect};
use geozero::{CoordDimensions, ToWkb};

use crate::cell_plan::Cell;
use crate::config::Data;
use crate::domain::site::Site;
use crate::domain::tables::Table;
use crate::formats::geoparquet;
use crate::formats::parquet::provenance;
use crate::formats::table;

/// How the LAU of a cell was found: the column `lau_match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LauMatch {
    Within,
    Boundary,
    Nearest,
    Outside,
}

impl LauMatch {
    /// The value in the column `lau_match`.
    pub fn name(self) -> &'static str {
        match self {
            LauMatch::Within => "within",
            LauMatch::Boundary => "boundary",
            LauMatch::Nearest => "nearest",
            LauMatch::Outside => "outside",
        }
    }

    /// # Errors
    /// An unknown name.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "within" => LauMatch::Within,
            "boundary" => LauMatch::Boundary,
            "nearest" => LauMatch::Nearest,
            "outside" => LauMatch::Outside,
            other => bail!("unknown lau_match {other:?}; run `mobility geojoin --force`"),
        })
    }
}

/// The LAU of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellLau<'a> {
    /// `None` outside all units.
    pub lau_id: Option<&'a str>,
    pub lau_match: LauMatch,
    /// Distance from the cell to the unit; `None` outside all units.
    pub distance_m: Option<f64>,
}

/// A LAU unit.
#[derive(Debug, Clone)]
pub struct LauUnit {
    pub country: String,
    pub name: Option<String>,
    /// People who live there, if known.
    pub population: Option<i64>,
    /// Metres, EPSG:3035.
    pub geometry: MultiPolygon,
}

/// The area of a boundary in EPSG:3035, an equal-area projection, in square kilometres, rounded to a hectare;
/// what is smaller is not rounded.
pub fn area_km2(boundary: &MultiPolygon) -> f64 {
    let area = boundary.unsigned_area() / 1e6;
    if area < 0.01 { area } else { (area * 100.0).round() / 100.0 }
}

/// Writes the table `cell_plan`: `cells` and, in the same order, the LAU of each. `inputs` is the
/// fingerprint of the inputs, `notes` are the messages of the stage.
///
/// # Errors
/// If the file cannot be written.
pub fn write_cells<'a>(
    path: &Path,
    cells: &[Cell],
    laus: &[CellLau<'a>],
    inputs: &str,
    notes: &[String],
) -> Result<()> {
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
        Arc::new(StringArray::from_iter(laus.iter().map(|l| l.lau_id))),
        Arc::new(StringArray::from_iter_values(laus.iter().map(|l| l.lau_match.name()))),
        Arc::new(Float64Array::from_iter(laus.iter().map(|l| l.distance_m))),
        Arc::new(BinaryArray::from_iter_values(&points)),
        Arc::new(StringArray::from_iter_values(cells.iter().map(|c| c.version.site().to_string()))),
    ];
    let batch = RecordBatch::try_new(Table::CellPlan.schema(), columns)?;
    let point = |c: &Cell| {
        let at = Coord { x: c.version.lon, y: c.version.lat };
        Rect::new(at, at)
    };
    let geo = geoparquet::metadata(4326, &["Point"], bounds(cells.iter().map(point)))?;
    geoparquet::write(path, &batch, geo, inputs, notes)
}

/// Writes the table `lau`: units with their ids, in ascending order of id.
///
/// # Errors
/// If the file cannot be written.
pub fn write_laus<'a>(
    path: &Path,
    units: impl Iterator<Item = (&'a String, &'a LauUnit)> + Clone,
    inputs: &str,
) -> Result<()> {
    let mut geometries = BinaryBuilder::new();
    for (_, unit) in units.clone() {
        geometries.append_value(wkb(&Geometry::MultiPolygon(unit.geometry.clone()))?);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(units.clone().map(|(id, _)| id))),
        Arc::new(StringArray::from_iter_values(units.clone().map(|(_, u)| &u.country))),
        Arc::new(StringArray::from_iter(units.clone().map(|(_, u)| u.name.as_deref()))),
        Arc::new(geometries.finish()),
        Arc::new(Int64Array::from_iter(units.clone().map(|(_, u)| u.population))),
        Arc::new(Float64Array::from_iter_values(units.clone().map(|(_, u)| area_km2(&u.geometry)))),
    ];
    let batch = RecordBatch::try_new(Table::Lau.schema(), columns)?;
    let extent = bounds(units.filter_map(|(_, u)| u.geometry.bounding_rect()));
    let geo = geoparquet::metadata(3035, &["MultiPolygon"], extent)?;
    geoparquet::write(path, &batch, geo, inputs, &[])
}

/// The smallest rectangle that contains all of `rectangles`.
pub fn bounds(rectangles: impl Iterator<Item = Rect>) -> Option<Rect> {
    rectangles.reduce(|a, b| {
        Rect::new(
            Coord { x: a.min().x.min(b.min().x), y: a.min().y.min(b.min().y) },
            Coord { x: a.max().x.max(b.max().x), y: a.max().y.max(b.max().y) },
        )
    })
}

fn wkb(geometry: &Geometry) -> Result<Vec<u8>> {
    geometry
        .to_wkb(CoordDimensions::xy())
        .map_err(|e| anyhow!("a geometry cannot be encoded as WKB: {e}"))
}

/// One row of `cells_with_lau.parquet`, without its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellWithLau {
    pub cell_id: String,
    /// First and last day of validity; `None` for no limit.
    pub start: Option<NaiveDate>,
    pub end: Option<NaiveDate>,
    pub lau_id: Option<String>,
    pub lau_match: LauMatch,
}

/// Fingerprint of the LAU units.
///
/// # Errors
/// One of both files that is missing or incomplete.
pub fn fingerprint_of_laus(data: &Data) -> Result<String> {
    let of = |path: &Path| {
        let made = provenance::read(path);
        made.map(|made| made.inputs).with_context(|| {
            format!("{} is missing or incomplete; run `mobility geojoin` first", path.display())
        })
    };
    of(&data.cells_with_lau())?;
    of(&data.lau_units())
}

/// Reads all cells with their LAU.
///
/// # Errors
/// A file that is damaged.
pub fn read_cells(path: &Path) -> Result<Vec<CellWithLau>> {
    let names = ["cell_id", "valid_date_start", "valid_date_end", "lau_id", "lau_match"];
    let batch = read(path, &names)?;
    let (ids, laus) = (texts(&batch, "cell_id")?, texts(&batch, "lau_id")?);
    let (starts, ends) = (dates(&batch, "valid_date_start")?, dates(&batch, "valid_date_end")?);
    let matches = texts(&batch, "lau_match")?;
    let rows = ids.into_iter().zip(laus).zip(starts).zip(ends).zip(matches);
    rows.map(|((((id, lau_id), start), end), lau_match)| {
        Ok(CellWithLau {
            cell_id: id.unwrap_or_default(),
            start,
            end,
            lau_id,
            lau_match: LauMatch::parse(&lau_match.unwrap_or_default())?,
        })
    })
    .collect()
}

/// The site of a cell, with its LAU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteWithLau {
    pub site: Site,
    /// First and last day of validity; `None` for no limit.
    pub start: Option<NaiveDate>,
    pub end: Option<NaiveDate>,
    pub lau_id: Option<String>,
}

impl SiteWithLau {
    /// True on the days on which the cell is valid.
    pub fn is_valid(&self, date: NaiveDate) -> bool {
        self.start.is_none_or(|start| start <= date) && self.end.is_none_or(|end| date <= end)
    }
}

/// Reads the sites of all cells with their LAU.
///
/// # Errors
/// A file that is damaged.
pub fn read_sites(path: &Path) -> Result<Vec<SiteWithLau>> {
    let names = ["latitude", "longitude", "valid_date_start", "valid_date_end", "lau_id"];
    let batch = read(path, &names)?;
    let degrees = |name| column(&batch, name, &DataType::Float64);
    let (latitudes, longitudes) = (degrees("latitude")?, degrees("longitude")?);
    let degrees = |column: &ArrayRef, row| column.as_primitive::<Float64Type>().value(row);
    let (starts, ends) = (dates(&batch, "valid_date_start")?, dates(&batch, "valid_date_end")?);
    let rows = texts(&batch, "lau_id")?.into_iter().zip(starts).zip(ends).enumerate();
    let site = |row| Site::of(degrees(&latitudes, row), degrees(&longitudes, row));
    let sites = rows.map(|(row, ((lau_id, start), end))| SiteWithLau {
        site: site(row),
        start,
        end,
        lau_id,
    });
    Ok(sites.collect())
}

/// Reads the ids of all LAU units.
///
/// # Errors
/// A file that is damaged.
pub fn read_lau_ids(path: &Path) -> Result<Vec<String>> {
    Ok(texts(&read(path, &["lau_id"])?, "lau_id")?.into_iter().flatten().collect())
}

fn read(path: &Path, names: &[&str]) -> Result<RecordBatch> {
    table::read_columns(path, names)
        .with_context(|| format!("{}; run `mobility geojoin --force`", path.display()))
}

fn column(batch: &RecordBatch, name: &str, to: &DataType) -> Result<ArrayRef> {
    let column = batch.column_by_name(name).with_context(|| format!("no column {name}"))?;
    arrow::compute::cast(column, to).with_context(|| format!("column {name}"))
}

fn texts(batch: &RecordBatch, name: &str) -> Result<Vec<Option<String>>> {
    let column = column(batch, name, &DataType::Utf8)?;
    Ok(column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect())
}

fn dates(batch: &RecordBatch, name: &str) -> Result<Vec<Option<NaiveDate>>> {
    let column = column(batch, name, &DataType::Date32)?;
    let dates = column.as_primitive::<Date32Type>();
    let date = |row| (!dates.is_null(row)).then(|| dates.value_as_date(row)).flatten();
    Ok((0..dates.len()).map(date).collect())
}

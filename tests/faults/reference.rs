//! What the program should make of damaged inputs, worked out from the same bytes by other readers
//! and plain loops.

use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use geo::{Contains, Coord, LineString, MultiPolygon, Point, Polygon};
use serde_json::Value;

use crate::harness::{PresenceRow, Workspace, group_by_hour, read_table};

const DAY_US: i64 = 86_400_000_000;
const YEAR_1900_US: i64 = -2_208_988_800_000_000;

/// The rows of a file, or nothing where the Parquet library cannot read it or finds other columns
/// than the undamaged file has.
fn table(path: &Path, schema_of: &Path) -> Option<RecordBatch> {
    let read = || read_table(path);
    let table = std::panic::catch_unwind(read).ok()?;
    let types = |batch: &RecordBatch| -> Vec<_> {
        let schema = batch.schema();
        let field = |f: &arrow::datatypes::FieldRef| (f.name().clone(), f.data_type().clone());
        schema.fields().iter().map(field).collect()
    };
    (types(&table) == types(&read_table(schema_of))).then_some(table)
}

/// Hourly presence by its definition: usable rows without repetitions, grouped.
pub fn presence(work: &Workspace, undamaged: &Workspace) -> Option<Vec<PresenceRow>> {
    // damage to a few bytes hardly ever makes a time stamp that is within a day of now
    let end = chrono::Utc::now().timestamp_micros() + DAY_US;
    let mut usable = Vec::new();
    for day in [1, 2] {
        let name = format!("raw/events/year=2024/month=10/day={day}/part-0.parquet");
        let table = table(&work.path(&name), &undamaged.path(&name))?;
        let column = |name| table.column_by_name(name).unwrap();
        let users = column("user_id").as_binary::<i32>();
        let cells = column("cell_id").as_primitive::<Int64Type>();
        let times = column("timestamp").as_primitive::<TimestampMicrosecondType>();
        for row in 0..table.num_rows() {
            let missing = [users.is_null(row), cells.is_null(row), times.is_null(row)];
            let (user, time) = (users.value(row), times.value(row));
            if missing == [false; 3] && !user.is_empty() && (YEAR_1900_US..end).contains(&time) {
                let user = user.iter().map(|byte| format!("{byte:02x}")).collect();
                usable.push((user, cells.value(row).to_string(), time));
            }
        }
    }
    Some(group_by_hour(usable))
}

/// A cell of the warehouse: id, longitude, latitude, unit, and how it was found.
type PlacedCell = (String, f64, f64, Option<String>, String);

fn cells_in_warehouse(work: &Workspace) -> Vec<PlacedCell> {
    let sql = "SELECT cell_id, longitude, latitude, lau_id, lau_match FROM cell_plan";
    let csv = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let row = |row: csv::StringRecord| {
        let number = |i: usize| row[i].parse::<f64>().unwrap();
        let unit = Some(row[3].to_owned()).filter(|unit| !unit.is_empty());
        (row[0].to_owned(), number(1), number(2), unit, row[4].to_owned())
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// Estonian units of the boundary file by their id, in metres of EPSG:3035; nothing where the file
/// is no longer JSON, names another coordinate system or has coordinates that are no numbers.
fn units(work: &Workspace) -> Option<Vec<(String, MultiPolygon)>> {
    let file: Value = serde_json::from_slice(&work.read_bytes("raw/lau/lau.geojson")).ok()?;
    if file["crs"]["properties"]["name"] != "urn:ogc:def:crs:EPSG::3035" {
        return None;
    }
    let ring = |ring: &Value| -> Option<LineString> {
        let corner = |c: &Value| Some(Coord { x: c.get(0)?.as_f64()?, y: c.get(1)?.as_f64()? });
        Some(LineString::new(ring.as_array()?.iter().map(corner).collect::<Option<_>>()?))
    };
    let polygon = |rings: &Value| -> Option<Polygon> {
        let mut rings = rings.as_array()?.iter().map(ring).collect::<Option<Vec<_>>>()?;
        let outer = (!rings.is_empty()).then(|| rings.remove(0))?;
        Some(Polygon::new(outer, rings))
    };
    let unit = |feature: &Value| -> Option<(String, MultiPolygon)> {
        let id = feature["properties"]["GISCO_ID"].as_str()?.to_owned();
        let polygons = feature["geometry"]["coordinates"].as_array()?;
        Some((id, polygons.iter().map(polygon).collect::<Option<Vec<_>>>()?.into()))
    };
    let features = file["features"].as_array()?.iter();
    features.filter(|f| f["properties"]["CNTR_CODE"] == "EE").map(unit).collect()
}

/// Checks the cells of the warehouse against the damaged files: their coordinates are those of the
/// plan, and their unit is the one whose polygon contains them. False where the files cannot be
/// read by the reference.
pub fn cells_are_placed_rightly(work: &Workspace, undamaged: &Workspace) -> bool {
    let plan = "raw/cells/plan.parquet";
    let Some(plan) = table(&work.path(plan), &undamaged.path(plan)) else { return false };
    let Some(units) = units(work) else { return false };
    let column = |name| plan.column_by_name(name).unwrap();
    let ids = column("cell_id").as_string::<i32>();
    let [longitudes, latitudes] =
        ["longitude", "latitude"].map(|name| column(name).as_primitive::<Float64Type>());
    let planned: Vec<(&str, f64, f64)> = (0..plan.num_rows())
        .map(|row| (ids.value(row), longitudes.value(row), latitudes.value(row)))
        .collect();
    let to_metres = proj::Proj::new_known_crs("EPSG:4326", "EPSG:3035", None).unwrap();
    for (id, longitude, latitude, unit, how) in cells_in_warehouse(work) {
        let cell = (id.as_str(), longitude, latitude);
        assert!(planned.contains(&cell), "{cell:?} is not in the cell plan {planned:?}");
        let (x, y) = to_metres.convert((longitude, latitude)).unwrap();
        let containing: Vec<&String> = units
            .iter()
            .filter(|(_, polygons)| polygons.contains(&Point::new(x, y)))
            .map(|(id, _)| id)
            .collect();
        match how.as_str() {
            "within" => assert!(containing.contains(&unit.as_ref().unwrap()), "{cell:?}: {unit:?}"),
            "outside" => assert_eq!((unit, containing), (None, Vec::new()), "{cell:?}"),
            // on a border, where rounding decides which units contain the cell
            other => assert_eq!(other, "boundary", "{cell:?}"),
        }
    }
    true
}

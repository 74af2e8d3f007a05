//! Invalid cell plans and boundary files: a clear message, and previous outputs unchanged.

use crate::harness::Workspace;

const HEADER: &str = "cell_id,latitude,longitude,valid_date_start,valid_date_end\n";

/// A successful run, after which the cell plan is replaced by CSV lines.
fn with_plan(lines: &str) -> Workspace {
    let work = Workspace::loaded();
    work.remove("raw/cells");
    work.write("raw/cells/plan.csv", format!("{HEADER}{lines}"));
    work
}

/// A successful run, after which the boundary file is changed.
fn with_boundaries(change: impl Fn(&str) -> String) -> Workspace {
    let work = Workspace::loaded();
    let text = change(&work.read("raw/lau/lau.geojson"));
    work.write("raw/lau/lau.geojson", text);
    work
}

fn assert_rejected(work: &Workspace, words: &[&str]) {
    let before = work.snapshot("processed");
    work.fails(&["geojoin"], 1, words);
    assert_eq!(work.snapshot("processed"), before);
    let checked = work.run(&["check"]);
    assert_eq!(checked.status, 1, "{}", checked.stdout);
}

fn placed_cells(work: &Workspace) -> String {
    work.ok(&["run-all"]);
    work.ok(&[
        "query",
        "--sql",
        "SELECT cell_id, lau_id, lau_match FROM cell_plan ORDER BY cell_id, valid_date_start",
        "--format",
        "csv",
    ])
}

// coordinates in EE_0002 and in EE_0003
const WEST: &str = "58.4,9.98";
const EAST: &str = "58.4,10.02";

#[test]
fn cell_plan_can_be_csv() {
    // kilometre 2 of the drawing in fixtures/mini is at 59.13 degrees north
    let work = with_plan("1,59.13,9.9,2024-09-01,\n2,59.13,10.1,,2024-12-31\n");
    let rows = placed_cells(&work);
    assert_eq!(rows, "cell_id,lau_id,lau_match\n1,EE_0002,within\n2,EE_0003,within\n");
}

#[test]
fn missing_columns_and_float_ids_are_rejected() {
    let work = with_plan("");
    work.write("raw/cells/plan.csv", "cell_id,latitud,longitude\n1,58,10\n");
    assert_rejected(&work, &["plan.csv", "columns.latitude = \"latitud\""]);
    // the suggestion is not a column that has another role
    let work = with_plan("");
    work.write("raw/cells/plan.csv", "cell_id,lat,longitude\n1,58,10\n");
    assert_rejected(&work, &["plan.csv", "columns.latitude = \"lat\""]);
    let work = with_plan("");
    work.remove("raw/cells");
    std::fs::create_dir(work.path("raw/cells")).unwrap();
    let float = crate::harness::array(arrow::array::Float64Array::from(vec![1.0]));
    let columns =
        vec![("cell_id", float.clone()), ("latitude", float.clone()), ("longitude", float)];
    crate::harness::write_parquet(&work.path("raw/cells/plan.parquet"), columns, 10);
    let before = work.snapshot("processed");
    work.fails(&["geojoin"], 1, &["plan.parquet", "\"cell_id\"", "has type Float64", "integer"]);
    assert_eq!(work.snapshot("processed"), before);
}

#[test]
fn invalid_cells_are_counted_and_fatal_when_strict() {
    let lines = format!(
        "1,{WEST},,\n,{WEST},,\n3,,10,,\n4,99,10,,\n5,0,0,,\n6,{EAST},soon,\n7,{EAST},2024-10-02,2024-10-01\n"
    );
    let work = with_plan(&lines);
    let ran = work.run(&["geojoin"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    for words in [
        "cell id null or empty; the first is",
        "row 2",
        "latitude or longitude null",
        "latitude outside -90 to 90",
        "both 0",
        "validity that is not a date",
        "ends before it starts",
    ] {
        assert!(ran.stderr.contains(words), "no {words:?} in {}", ran.stderr);
    }
    work.config("strict = true\n");
    let before = work.snapshot("processed");
    work.fails(&["geojoin"], 1, &["rejected", "plan.csv", "strict = true"]);
    assert_eq!(work.snapshot("processed"), before);
}

#[test]
fn coordinates_out_of_range_or_swapped_are_rejected() {
    assert_rejected(
        &with_plan("1,123,10,,\n2,-91,10,,\n"),
        &["none of 2 rows", "latitude outside -90 to 90", "swapped"],
    );
    let work = with_plan("1,9.9,59.13,,\n2,10.1,59.13,,\n");
    let before = work.snapshot("processed");
    work.fails(&["geojoin"], 1, &["2 of 2", "swap columns.latitude and columns.longitude"]);
    assert_eq!(work.snapshot("processed"), before);
    work.config("[columns]\nlatitude = \"longitude\"\nlongitude = \"latitude\"\n");
    assert!(placed_cells(&work).contains("1,EE_0002,within"));
}

#[test]
fn contradictory_cell_plans_are_rejected() {
    let work = with_plan(&format!("1,{WEST},,\n"));
    work.write("raw/cells/other.csv", format!("{HEADER}1,{EAST},,\n"));
    assert_rejected(
        &work,
        &["disagree about cell 1", "other.csv, row 1", "plan.csv, row 1", "58.4"],
    );
    // the same row twice is no contradiction
    work.write("raw/cells/other.csv", format!("{HEADER}1,{WEST},,\n"));
    work.ok(&["geojoin"]);
}

#[test]
fn truncated_boundary_file_is_rejected() {
    let work = with_boundaries(|text| text[..text.len() / 2].to_owned());
    assert_rejected(&work, &["lau.geojson", "ends early", "line", "column", "download it again"]);
}

#[test]
fn file_without_a_feature_collection_is_rejected() {
    assert_rejected(
        &with_boundaries(|_| "{\"type\":\"Topology\"}".to_owned()),
        &["lau.geojson", "not a GeoJSON feature collection"],
    );
    assert_rejected(&with_boundaries(|_| "GISCO".to_owned()), &["lau.geojson", "line 1"]);
}

#[test]
fn boundaries_in_an_unexpected_crs_are_rejected() {
    let degrees = r#"{"type":"FeatureCollection","features":[{"type":"Feature",
        "properties":{"GISCO_ID":"EE_0001","CNTR_CODE":"EE","LAU_NAME":"x"},
        "geometry":{"type":"Polygon","coordinates":[[[9,58],[11,58],[11,60],[9,60],[9,58]]]}}]}"#;
    // without a CRS, GeoJSON is in longitude and latitude
    assert!(placed_cells(&with_boundaries(|_| degrees.to_owned())).contains("100,EE_0001,within"));
    let in_metres = r#"{"crs":{"type":"name","properties":{"name":"EPSG:3035"}},"#;
    let declared = degrees.replacen('{', in_metres, 1);
    let work = with_boundaries(|_| declared.clone());
    assert_rejected(&work, &["lau.geojson", "look like degrees", "lau.crs = \"EPSG:4326\""]);
    work.config("[lau]\ncrs = \"EPSG:4326\"\n");
    assert!(placed_cells(&work).contains("100,EE_0001,within"));
    work.config("[lau]\ncrs = \"EPSG:999999\"\n");
    let before = work.snapshot("processed");
    let ran =
        work.fails(&["geojoin"], 1, &["lau.crs: EPSG:999999 is not a coordinate reference system"]);
    // PROJ prints nothing itself
    assert_eq!(
        (ran.stderr.lines().count(), ran.stderr.contains("4096")),
        (1, false),
        "{}",
        ran.stderr
    );
    assert_eq!(work.snapshot("processed"), before);
}

#[test]
fn country_without_features_is_rejected() {
    let work = Workspace::mini();
    work.config("[lau]\ncountries = [\"FI\"]\n");
    work.fails(&["geojoin"], 1, &["lau.countries", "FI", "lau.geojson", "EE, LV"]);
}

#[test]
fn self_intersecting_ring_is_rejected() {
    let bow = r#"{"type":"FeatureCollection","features":[{"type":"Feature",
        "properties":{"GISCO_ID":"EE_0009","CNTR_CODE":"EE","LAU_NAME":"x"},
        "geometry":{"type":"Polygon","coordinates":[[[4311000,4000000],[4321000,4010000],[4321000,4000000],[4311000,4010000],[4311000,4000000]]]}}]}"#;
    let work = with_boundaries(|_| bow.to_owned());
    work.config("[lau]\ncrs = \"EPSG:3035\"\n");
    assert_rejected(
        &work,
        &["lau.geojson", "EE_0009", "crosses itself", "(4316000.0, 4005000.0)", "makevalid"],
    );
}

#[test]
fn other_geometry_types_and_missing_ids_are_rejected() {
    let point = |text: &str| text.replace("\"MultiPolygon\"", "\"MultiLineString\"");
    assert_rejected(&with_boundaries(point), &["feature 1", "MultiLineString", "expected Polygon"]);
    let nameless = |text: &str| text.replace("GISCO_ID", "ID");
    let words =
        ["lau.geojson", "no column \"GISCO_ID\" among CNTR_CODE, ID, LAU_NAME", "columns.gisco_id"];
    assert_rejected(&with_boundaries(nameless), &words);
    let one = |text: &str| text.replacen("GISCO_ID", "ID", 1);
    assert_rejected(&with_boundaries(one), &["feature 1", "GISCO_ID", "columns.gisco_id"]);
}

#[test]
fn cells_off_the_coast_get_the_nearest_unit_but_never_across_a_border() {
    let work = Workspace::mini();
    work.remove("raw/cells");
    // the first cell lies 1 km east of EE_0003, the second just inside Latvia, the third far out
    let at = |x: f64, y: f64| {
        let to_degrees = proj::Proj::new_known_crs("EPSG:3035", "EPSG:4326", None).unwrap();
        let (lon, lat) =
            to_degrees.convert((4_311_000.0 + 1000.0 * x, 4_000_000.0 + 1000.0 * y)).unwrap();
        format!("{lat},{lon}")
    };
    let plan =
        format!("{HEADER}1,{},,\n2,{},,\n3,{},,\n", at(21.0, 5.0), at(15.0, -0.5), at(60.0, 5.0));
    work.write("raw/cells/plan.csv", plan);
    work.config("[geojoin]\nmethod = \"nearest\"\n");
    work.ok(&["run-all"]);
    let sql = "SELECT cell_id, lau_id, lau_match, ROUND(lau_distance_m) AS m FROM cell_plan ORDER BY cell_id";
    let rows = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    assert_eq!(
        rows,
        "cell_id,lau_id,lau_match,m\n1,EE_0003,nearest,1000\n2,,outside,\n3,,outside,\n"
    );
    work.config("[geojoin]\nmethod = \"nearest\"\nmax_distance_m = 999\n");
    work.ok(&["run-all"]);
    let rows = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    assert!(rows.contains("1,,outside,\n"), "{rows}");
}

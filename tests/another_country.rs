//! The first run with the data of another country: other names of properties and columns, other codes of
//! countries, degrees, and what `check` says about them.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Workspace, columns_as_csv, root};

/// Converts all positions below a value from EPSG:3035.
fn convert(value: &mut Value, proj: &proj::Proj) {
    let Value::Array(parts) = value else { return };
    if let [Value::Number(x), Value::Number(y)] = parts.as_slice() {
        let at = (x.as_f64().unwrap(), y.as_f64().unwrap());
        let (x, y) = proj.convert(at).unwrap();
        *parts = vec![json!(x), json!(y)];
        return;
    }
    parts.iter_mut().for_each(|part| convert(part, proj));
}

/// The boundaries of the mini inputs without a member `crs`, in metres of EPSG:3035.
fn metres() -> Value {
    let path = root().join("fixtures/mini/lau/lau.geojson");
    let mut all: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    all.as_object_mut().unwrap().remove("crs");
    all
}

/// The same in degrees.
fn degrees() -> Value {
    let proj = proj::Proj::new_known_crs("EPSG:3035", "EPSG:4326", None).unwrap();
    let mut all = metres();
    for feature in all["features"].as_array_mut().unwrap() {
        convert(&mut feature["geometry"]["coordinates"], &proj);
    }
    all
}

/// Renames properties, and replaces the code of each country.
fn renamed(mut all: Value, names: [&str; 3], country: impl Fn(&str) -> String) -> Value {
    for feature in all["features"].as_array_mut().unwrap() {
        let old = feature["properties"].clone();
        let code = country(old["CNTR_CODE"].as_str().unwrap());
        let [id, key, name] = names;
        feature["properties"] =
            json!({ id: old["GISCO_ID"], key: code, name: old["LAU_NAME"], "EWZ": 1 });
    }
    all
}

fn with_boundaries(boundaries: &Value) -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/lau");
    work.write("raw/lau/gemeinden.geojson", boundaries.to_string());
    work
}

fn cells(work: &Workspace) -> String {
    work.ok(&["geojoin"]);
    columns_as_csv(&work.path("processed/cells_with_lau.parquet"), &["cell_id", "lau_id"])
}

/// The cells of the mini inputs, without the one exactly on a border.
fn without_border(cells: &str) -> Vec<&str> {
    cells.lines().filter(|line| !line.starts_with("500,")).collect()
}

#[test]
fn a_file_with_other_names_and_codes_takes_one_round() {
    let names = ["AGS", "LAND", "GEN"];
    let of = |code: &str| if code == "EE" { "DEU" } else { "POL" }.to_owned();
    let work = with_boundaries(&renamed(degrees(), names, of));
    let words = [
        "gemeinden.geojson",
        "no column \"GISCO_ID\" among AGS, EWZ, GEN, LAND",
        "columns.gisco_id",
        "no column \"CNTR_CODE\"",
        "columns.cntr_code",
    ];
    work.fails(&["geojoin"], 1, &words);
    assert_eq!(work.run(&["check"]).status, 1);
    let columns = "[columns]\ngisco_id = \"AGS\"\ncntr_code = \"LAND\"\nlau_name = \"GEN\"\n";
    work.config(&format!("{columns}[lau]\ncountries = [\"DE\"]\n"));
    let words = ["lau.countries = [\"DE\"]", "DEU, POL", "set lau.countries = [\"DEU\"]"];
    work.fails(&["geojoin"], 1, &words);
    work.config(&format!("{columns}[lau]\ncountries = [\"DEU\"]\n"));
    let expected = cells(&Workspace::mini());
    assert_eq!(without_border(&cells(&work)), without_border(&expected));
}

#[test]
fn the_only_country_of_a_file_is_proposed() {
    let names = ["GISCO_ID", "CNTR_CODE", "LAU_NAME"];
    let work = with_boundaries(&renamed(degrees(), names, |_| "DE".to_owned()));
    let words = ["lau.countries = [\"EE\"]", "set lau.countries = [\"DE\"]"];
    work.fails(&["geojoin"], 1, &words);
    // check also says what would follow
    let metres = with_boundaries(&renamed(metres(), names, |_| "DE".to_owned()));
    let checked = metres.run(&["check"]);
    let line = checked.stdout.lines().find(|l| l.starts_with("WRONG  LAUs")).unwrap();
    for words in ["set lau.countries = [\"DE\"]", "declares no CRS", "set lau.crs"] {
        assert!(line.contains(words), "no {words:?} in {line}");
    }
}

#[test]
fn geojson_without_a_crs_is_in_degrees_or_asks_for_the_crs() {
    let expected = cells(&Workspace::mini());
    let work = with_boundaries(&degrees());
    assert_eq!(without_border(&cells(&work)), without_border(&expected));
    work.config("[geojoin]\nmethod = \"nearest\"\n");
    work.ok(&["geojoin"]);
    let work = with_boundaries(&metres());
    for command in ["geojoin", "check"] {
        let ran = work.run(&[command]);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.status, 1, "{printed}");
        for words in ["gemeinden.geojson", "declares no CRS", "set lau.crs", "EPSG:3035"] {
            assert!(printed.contains(words), "no {words:?} in {printed}");
        }
    }
    work.config("[lau]\ncrs = \"EPSG:3035\"\n");
    assert_eq!(cells(&work), expected);
}

#[test]
fn a_configured_crs_that_contradicts_the_file_is_named() {
    let mut boundaries = degrees();
    boundaries["crs"] = json!({"type": "name", "properties": {"name": "EPSG:4326"}});
    let work = with_boundaries(&boundaries);
    work.config("[lau]\ncrs = \"EPSG:3035\"\n");
    let words = ["look like degrees", "remove lau.crs, since the file declares EPSG:4326"];
    work.fails(&["geojoin"], 1, &words);
    // metres of another grid are no error of their own
    let mut boundaries = metres();
    boundaries["crs"] = json!({"type": "name", "properties": {"name": "EPSG:3035"}});
    let work = with_boundaries(&boundaries);
    work.config("[lau]\ncrs = \"EPSG:3301\"\n");
    for command in ["geojoin", "check"] {
        let ran = work.run(&[command]);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        for words in
            ["declares EPSG:3035, but lau.crs overrides it with EPSG:3301", "as lau.crs says"]
        {
            assert!(printed.contains(words), "{command}: no {words:?} in {printed}");
        }
    }
}

#[test]
fn a_name_that_the_file_lacks_is_a_warning_with_its_properties() {
    let work = Workspace::mini();
    work.config("[columns]\nlau_name = \"NAME\"\n");
    for command in ["geojoin", "check"] {
        let ran = work.run(&[command]);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.status, 0, "{printed}");
        for words in
            ["names of LAUs are empty", "CNTR_CODE, GISCO_ID, LAU_NAME", "columns.lau_name"]
        {
            assert!(printed.contains(words), "{command}: no {words:?} in {printed}");
        }
    }
    let work = Workspace::mini();
    work.config("[columns]\nvalid_date_end = \"bis\"\n");
    for command in ["geojoin", "check"] {
        let ran = work.run(&[command]);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        assert!(
            ran.status == 0 && printed.contains("no column \"bis\", which columns.valid_date_end"),
            "{printed}"
        );
    }
}

#[test]
fn messages_about_a_unit_have_its_name_and_the_coordinates_of_the_file() {
    let mut boundaries = degrees();
    // a spike that crosses itself by less than a square metre
    let (x, y, d) = (9.9, 59.1, 0.000_002);
    let ring = json!([[
        [x, y],
        [x + 0.1, y],
        [x + 0.1, y + 0.05],
        [x + 0.1 + d, y + 0.05 + d],
        [x + 0.1 + d, y + 0.05],
        [x + 0.1, y + 0.05 + d],
        [x + 0.1, y + 0.1],
        [x, y + 0.1],
        [x, y]
    ]]);
    let features = boundaries["features"].as_array_mut().unwrap();
    features.truncate(1);
    features[0]["properties"] = json!({"GISCO_ID": "EE_7", "CNTR_CODE": "EE", "LAU_NAME": "Õis"});
    features[0]["geometry"] = json!({"type": "Polygon", "coordinates": ring});
    let work = with_boundaries(&boundaries);
    for command in ["geojoin", "check"] {
        let ran = work.run(&[command]);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.status, 0, "{printed}");
        for words in ["EE_7 (Õis): edges that crossed near (10.0000", ", 59.15", "in OGC:CRS84"] {
            assert!(printed.contains(words), "{command}: no {words:?} in {printed}");
        }
    }
}

//! Boundary files as other programs and people make them: other forms of the CRS, code pages, names of
//! companions, leftovers beside the files, slight faults of geometry.

use std::fs;
use std::io::Write;

use arrow::array::{BinaryArray, RecordBatch, StringArray};
use geo::{Area, MultiPolygon, polygon};
use geozero::{CoordDimensions, ToGeo, ToWkb};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use serde_json::{Value, json};

use crate::harness::{Workspace, array, columns_as_csv, read_table, root};

/// A workspace with the mini inputs and without boundaries.
fn without_boundaries() -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/lau");
    fs::create_dir(work.path("raw/lau")).unwrap();
    work
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(root().join("fixtures/formats").join(name)).unwrap()
}

/// A workspace with the shapefile `parts` under these names of its files.
fn with_shapefile(names: &[&str]) -> Workspace {
    let work = without_boundaries();
    for name in names {
        let bytes = fixture(&name.to_lowercase());
        work.write(&format!("raw/lau/{name}"), bytes);
    }
    work
}

const SHAPEFILE: [&str; 4] = ["parts.shp", "parts.dbf", "parts.prj", "parts.cpg"];

/// The boundaries of the mini inputs.
fn mini_boundaries() -> Value {
    let path = root().join("fixtures/mini/lau/lau.geojson");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Converts all positions below a value to EPSG:3301.
fn to_estonian_grid(value: &mut Value, proj: &proj::Proj) {
    let Value::Array(parts) = value else { return };
    if let [Value::Number(x), Value::Number(y)] = parts.as_slice() {
        let at = (x.as_f64().unwrap(), y.as_f64().unwrap());
        let (x, y) = proj.convert(at).unwrap();
        *parts = vec![json!(x), json!(y)];
        return;
    }
    parts.iter_mut().for_each(|part| to_estonian_grid(part, proj));
}

/// The boundaries of the mini inputs in EPSG:3301.
fn estonian_boundaries() -> Value {
    let proj = proj::Proj::new_known_crs("EPSG:3035", "EPSG:3301", None).unwrap();
    let mut all = mini_boundaries();
    for feature in all["features"].as_array_mut().unwrap() {
        to_estonian_grid(&mut feature["geometry"]["coordinates"], &proj);
    }
    all
}

/// The units of all cells, except the cell exactly on a border.
fn units_of_cells(work: &Workspace) -> Vec<String> {
    work.ok(&["geojoin"]);
    let columns = ["cell_id", "valid_date_start", "lau_id"];
    let cells = columns_as_csv(&work.path("processed/cells_with_lau.parquet"), &columns);
    cells.lines().filter(|line| !line.starts_with("500,")).map(str::to_owned).collect()
}

fn names_of_units(work: &Workspace) -> String {
    work.ok(&["geojoin"]);
    columns_as_csv(&work.path("processed/lau.parquet"), &["lau_id", "lau_name"])
}

const NAMES: &str = "lau_id,lau_name
EE_0001,Õis linn
EE_0002,\"Maa, \"\"vald\"\"\"
EE_0003,Saare vald
EE_0004,Tühi vald
";

#[test]
fn crs_of_geojson_is_read_in_every_form() {
    let expected = units_of_cells(&Workspace::mini());
    let work = without_boundaries();
    let mut boundaries = estonian_boundaries();
    for crs in [
        json!({"type": "EPSG", "properties": {"code": 3301}}),
        json!({"type": "name", "properties": {"name": "http://www.opengis.net/def/crs/EPSG/0/3301"}}),
        json!({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG:9.9.1:3301"}}),
        json!({"type": "link", "properties":
            {"href": "https://spatialreference.org/ref/epsg/3301/", "type": "proj4"}}),
    ] {
        boundaries["crs"] = crs.clone();
        work.write("raw/lau/lau.geojson", boundaries.to_string());
        assert_eq!(units_of_cells(&work), expected, "{crs}");
    }
    let link = json!({"type": "link", "properties": {"href": "lau.crs", "type": "ogcwkt"}});
    boundaries["crs"] = link.clone();
    work.write("raw/lau/lau.geojson", boundaries.to_string());
    work.fails(&["geojoin"], 1, &["lau.geojson", &link.to_string(), "set lau.crs"]);
    work.config("[lau]\ncrs = \"EPSG:3301\"\n");
    assert_eq!(units_of_cells(&work), expected);
}

#[test]
fn crs_in_each_geometry_is_read_and_two_of_them_are_refused() {
    let expected = units_of_cells(&Workspace::mini());
    let work = without_boundaries();
    let mut boundaries = estonian_boundaries();
    boundaries.as_object_mut().unwrap().remove("crs");
    for feature in boundaries["features"].as_array_mut().unwrap() {
        feature["geometry"]["crs"] =
            json!({"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3301"}});
    }
    work.write("raw/lau/lau.geojson", boundaries.to_string());
    assert_eq!(units_of_cells(&work), expected);
    boundaries["crs"] = json!({"type": "name", "properties": {"name": "EPSG:3035"}});
    work.write("raw/lau/lau.geojson", boundaries.to_string());
    work.fails(&["geojoin"], 1, &["two coordinate reference systems", "EPSG:3035", "ogr2ogr"]);
}

#[test]
fn editions_and_units_in_two_files_are_refused() {
    let mini = mini_boundaries().to_string();
    for names in [
        ["LAU_RG_01M_2020_3035.geojson", "LAU_RG_01M_2021_3035.geojson"],
        ["LAU_RG_01M_2021_3035.geojson", "LAU_RG_01M_2021_4326.geojson"],
        ["one.geojson", "two.geojson"],
    ] {
        let work = without_boundaries();
        for name in names {
            work.write(&format!("raw/lau/{name}"), &mini);
        }
        let words = [names[0], names[1], "name only one of them in data.lau"];
        work.fails(&["geojoin"], 1, &words);
        assert_eq!(work.run(&["check"]).status, 1);
    }
}

/// The `.dbf` file with its texts in Latin-1, and this language driver id.
fn latin1_table(language_driver: u8) -> Vec<u8> {
    let mut table = fixture("parts.dbf");
    table[29] = language_driver;
    for (utf8, latin1) in [("Õis", b"\xd5is "), ("Tühi", b"T\xfchi")] {
        let at = table.windows(utf8.len()).position(|w| w == utf8.as_bytes()).unwrap();
        let rest = table[at + utf8.len()..at + 20].to_vec();
        let latin1 = latin1.trim_ascii_end();
        table[at..at + latin1.len()].copy_from_slice(latin1);
        table[at + latin1.len()..at + latin1.len() + rest.len()].copy_from_slice(&rest);
        table[at + latin1.len() + rest.len()] = b' ';
    }
    table
}

#[test]
fn names_in_a_code_page_are_read() {
    for (language_driver, cpg) in [
        (0x57, None),
        (0, None),
        (0, Some("ISO88591")),
        (0, Some("ISO-8859-1")),
        (0, Some("1257")),
        (0, Some("ANSI 1252")),
        (0, Some("System")),
    ] {
        let work = with_shapefile(&["parts.shp", "parts.prj"]);
        work.write("raw/lau/parts.dbf", latin1_table(language_driver));
        if let Some(cpg) = cpg {
            work.write("raw/lau/parts.cpg", cpg);
        }
        assert_eq!(names_of_units(&work), NAMES, "{language_driver} {cpg:?}");
    }
    for cpg in ["UTF8", "65001", "\u{feff}UTF-8"] {
        let work = with_shapefile(&SHAPEFILE);
        work.write("raw/lau/parts.cpg", cpg);
        assert_eq!(names_of_units(&work), NAMES, "{cpg}");
    }
    let work = with_shapefile(&SHAPEFILE);
    work.write("raw/lau/parts.dbf", latin1_table(0));
    let words = ["parts.shp", "feature", "LAU_NAME", "not encoded in UTF-8", ".cpg"];
    work.fails(&["geojoin"], 1, &words);
}

#[test]
fn companions_are_found_and_watched_in_any_case() {
    let work = with_shapefile(&["parts.shp", "PARTS.DBF", "Parts.Prj", "parts.CPG"]);
    assert_eq!(names_of_units(&work), NAMES);
    let mut table = fixture("parts.dbf");
    let at = table.windows(5).position(|w| w == b"Saare").unwrap();
    table[at..at + 5].copy_from_slice(b"Suure");
    work.write("raw/lau/PARTS.DBF", table);
    assert!(names_of_units(&work).contains("EE_0003,Suure vald\n"));
    work.write("raw/lau/Parts.Prj", "GISCO");
    work.fails(&["geojoin"], 1, &["parts.shp", "GISCO", "set lau.crs"]);
    work.write("raw/lau/Parts.DBF", fixture("parts.dbf"));
    work.fails(&["geojoin"], 1, &["PARTS.DBF", "Parts.DBF", "keep only one"]);
}

#[test]
fn changes_in_the_log_of_a_geopackage_are_seen() {
    let work = without_boundaries();
    work.write("raw/lau/parts.gpkg", fixture("parts.gpkg"));
    assert_eq!(names_of_units(&work), NAMES);
    let file = rusqlite::Connection::open(work.path("raw/lau/parts.gpkg")).unwrap();
    // the triggers of the spatial index need functions that only GDAL has
    let index = "SELECT group_concat('DROP TRIGGER ' || quote(name), ';') FROM sqlite_master
        WHERE type = 'trigger' AND name LIKE 'rtree%'";
    let drop_index: String = file.query_row(index, [], |row| row.get(0)).unwrap();
    file.execute_batch(&drop_index).unwrap();
    let mode: String = file.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    assert_eq!(names_of_units(&work), NAMES);
    for name in ["Suure vald", "Uus vald"] {
        let before = fs::metadata(work.path("raw/lau/parts.gpkg")).unwrap().modified().unwrap();
        let change = "UPDATE LAU_RG_01M_2021_3035 SET LAU_NAME = ?1 WHERE GISCO_ID = 'EE_0003'";
        file.execute(change, [name]).unwrap();
        let after = fs::metadata(work.path("raw/lau/parts.gpkg")).unwrap().modified().unwrap();
        assert_eq!(before, after);
        assert!(names_of_units(&work).contains(&format!("EE_0003,{name}\n")));
    }
}

#[test]
fn unfinished_change_of_a_geopackage_is_refused() {
    let work = without_boundaries();
    work.write("raw/lau/parts.gpkg", fixture("parts.gpkg"));
    work.write("raw/lau/parts.gpkg-journal", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7\0\0\0\0");
    work.fails(&["geojoin"], 1, &["parts.gpkg-journal", "not finished"]);
}

#[test]
fn zip_file_from_a_mac_is_read() {
    let work = without_boundaries();
    let mut zip = zip::ZipWriter::new(fs::File::create(work.path("raw/lau/lau.zip")).unwrap());
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for name in SHAPEFILE {
        zip.start_file(name, stored).unwrap();
        zip.write_all(&fixture(name)).unwrap();
        zip.start_file(format!("__MACOSX/._{name}"), stored).unwrap();
        zip.write_all(b"\x00\x05\x16\x07").unwrap();
    }
    zip.finish().unwrap();
    assert_eq!(names_of_units(&work), NAMES);
}

#[test]
fn shape_of_a_deleted_record_is_left_out_and_others_keep_theirs() {
    let work = with_shapefile(&SHAPEFILE);
    let mut table = fixture("parts.dbf");
    let at = table.windows(7).position(|w| w == b"EE_0001").unwrap();
    table[at - 1] = b'*';
    work.write("raw/lau/parts.dbf", table);
    let names = names_of_units(&work);
    assert_eq!(names, NAMES.replace("EE_0001,Õis linn\n", ""));
    let table = read_table(&work.path("processed/lau.parquet"));
    let geometry = table.column_by_name("geometry").unwrap();
    let geometry = arrow::array::AsArray::as_binary::<i32>(geometry);
    let areas = (0..table.num_rows()).map(|row| {
        let shape = geozero::wkb::Wkb(geometry.value(row)).to_geo().unwrap();
        (shape.unsigned_area() / 1e6).round()
    });
    assert_eq!(areas.collect::<Vec<_>>(), [96.0, 104.0, 200.0]);
}

#[test]
fn byte_order_mark_is_no_part_of_the_text() {
    let work = with_shapefile(&SHAPEFILE);
    let prj = [b"\xef\xbb\xbf", fixture("parts.prj").as_slice()].concat();
    work.write("raw/lau/parts.prj", prj);
    assert_eq!(names_of_units(&work), NAMES);
    let work = without_boundaries();
    work.write("raw/lau/lau.geojson", format!("\u{feff}{}", mini_boundaries()));
    assert_eq!(names_of_units(&work), NAMES);
}

#[test]
fn files_of_another_kind_are_told_apart() {
    let utf16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let latin1 = b"{\"type\": \"FeatureCollection\", \"features\": [{\"properties\": {\"LAU_NAME\": \"\xd5is\"}}]}";
    for (name, bytes, word) in [
        ("a.geojson", b"<!DOCTYPE html><html>".as_slice(), "an HTML page"),
        ("a.geojson", &utf16, "UTF-16"),
        ("a.geojson", b"\x1f\x8b\x08\0", "gunzip"),
        ("a.geojson", pointer.as_bytes(), "git lfs pull"),
        ("a.gpkg", pointer.as_bytes(), "git lfs pull"),
        ("a.geojson", b"{\"type\": \"Topology\"}", "TopoJSON"),
        ("a.geojson", b"{\"type\": \"Feature\"}", "expected \"FeatureCollection\""),
        ("a.geojson", latin1, "not encoded in UTF-8"),
    ] {
        let work = without_boundaries();
        work.write(&format!("raw/lau/{name}"), bytes);
        work.fails(&["geojoin"], 1, &[name, word]);
    }
}

/// One unit with this geometry.
fn unit(geometry: &Value) -> String {
    let properties = json!({"GISCO_ID": "EE_0001", "CNTR_CODE": "EE", "LAU_NAME": "x"});
    let feature = json!({"type": "Feature", "properties": properties, "geometry": geometry});
    let crs = json!({"type": "name", "properties": {"name": "EPSG:3035"}});
    json!({"type": "FeatureCollection", "crs": crs, "features": [feature]}).to_string()
}

#[test]
fn slight_crossing_is_repaired_and_reported() {
    let work = without_boundaries();
    let ring = json!([[
        [4311000, 4000000],
        [4321000, 4000000],
        [4321000, 4005000],
        [4321000.1, 4005000.1],
        [4321000.1, 4005000],
        [4321000, 4005000.1],
        [4321000, 4010000],
        [4311000, 4010000],
        [4311000, 4000000]
    ]]);
    work.write("raw/lau/lau.geojson", unit(&json!({"type": "Polygon", "coordinates": ring})));
    let ran = work.run(&["geojoin"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("EE_0001 (x): edges that crossed near (4321000."), "{said}");
    // a triangle with a base of 0.1 m and a height of 0.05 m
    assert!(said.contains("0.0025 m2"), "{said}");
    let checked = work.run(&["check"]).stdout;
    assert!(checked.contains("EE_0001 (x): edges that crossed near (4321000."), "{checked}");
}

#[test]
fn polygons_of_a_geometry_collection_are_taken() {
    let work = without_boundaries();
    let square = json!([[
        [4311000, 4000000],
        [4321000, 4000000],
        [4321000, 4010000],
        [4311000, 4010000],
        [4311000, 4000000]
    ]]);
    let line =
        json!({"type": "LineString", "coordinates": [[4311000, 4000000], [4311000, 3990000]]});
    let polygon = json!({"type": "Polygon", "coordinates": square});
    let both = json!({"type": "GeometryCollection", "geometries": [line, polygon]});
    work.write("raw/lau/lau.geojson", unit(&both));
    assert!(units_of_cells(&work).contains(&"100,2024-09-01,EE_0001".to_owned()));
    let lines = json!({"type": "GeometryCollection", "geometries": [line]});
    work.write("raw/lau/lau.geojson", unit(&lines));
    work.fails(&["geojoin"], 1, &["feature 1", "GeometryCollection without a polygon"]);
}

/// A GeoParquet file of one square unit in metres with this `crs` in its footer.
fn write_geoparquet(work: &Workspace, crs: Option<Value>) {
    let square: MultiPolygon = polygon![
        (x: 4_311_000., y: 4_000_000.), (x: 4_321_000., y: 4_000_000.),
        (x: 4_321_000., y: 4_010_000.), (x: 4_311_000., y: 4_010_000.)
    ]
    .into();
    let wkb = geo::Geometry::from(square).to_wkb(CoordDimensions::xy()).unwrap();
    let text = |text: &str| array(StringArray::from(vec![text]));
    let columns = [
        ("GISCO_ID", text("EE_0001")),
        ("CNTR_CODE", text("EE")),
        ("LAU_NAME", text("x")),
        ("geometry", array(BinaryArray::from(vec![wkb.as_slice()]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut column = json!({"encoding": "WKB", "geometry_types": []});
    if let Some(crs) = crs {
        column["crs"] = crs;
    }
    let geo = json!({"version": "1.0.0", "primary_column": "geometry",
        "columns": {"geometry": column}});
    let file = fs::File::create(work.path("raw/lau/lau.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.append_key_value_metadata(KeyValue::new("geo".to_owned(), geo.to_string()));
    writer.close().unwrap();
}

#[test]
fn crs_of_geoparquet_is_read_or_refused() {
    let work = without_boundaries();
    write_geoparquet(&work, None);
    let words =
        ["lau.parquet", "look like metres", "a GeoParquet file without a CRS", "set lau.crs"];
    work.fails(&["geojoin"], 1, &words);
    let id = json!({"type": "ProjectedCRS", "id": {"authority": "EPSG", "code": 3035}});
    // null means that the CRS is not known
    write_geoparquet(&work, Some(Value::Null));
    work.fails(&["geojoin"], 1, &["lau.parquet", "declares no CRS", "set lau.crs", "EPSG:3035"]);
    for crs in [id, json!("EPSG:3035")] {
        write_geoparquet(&work, Some(crs.clone()));
        let units = units_of_cells(&work);
        assert!(units.contains(&"100,2024-09-01,EE_0001".to_owned()), "{crs}: {units:?}");
    }
    write_geoparquet(&work, Some(json!({"name": "GISCO"})));
    work.fails(&["geojoin"], 1, &["lau.parquet", "GISCO", "set lau.crs"]);
}

#[test]
fn property_with_a_nul_is_refused_on_every_warehouse() {
    for (property, key) in [("GISCO_ID", "columns.gisco_id"), ("LAU_NAME", "columns.lau_name")] {
        let work = without_boundaries();
        let mut all = mini_boundaries();
        all["features"][0]["properties"][property] = json!("EE_0001\0");
        work.write("raw/lau/lau.geojson", all.to_string());
        let words = ["lau.geojson, feature 1", property, "NUL character", key];
        work.fails(&["geojoin"], 1, &words);
    }
}

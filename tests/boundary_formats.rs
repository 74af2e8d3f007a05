//! Boundaries in formats other than GeoJSON: the same units, and errors for invalid files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, BinaryArray, StringArray};
use geo::Area;
use geozero::ToGeo;
use geozero::wkb::Wkb;

use crate::harness::{Workspace, columns_as_csv, read_table, root, write_parquet};

/// A workspace with the mini inputs and these files of `fixtures/formats` as boundaries.
fn with_boundaries(files: &[&str]) -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/lau");
    fs::create_dir(work.path("raw/lau")).unwrap();
    for file in files {
        let from = root().join("fixtures/formats").join(file);
        fs::copy(&from, work.path("raw/lau").join(file)).unwrap();
    }
    work
}

const SHAPEFILE: [&str; 4] = ["parts.shp", "parts.dbf", "parts.prj", "parts.cpg"];
const ZIPPED: &str = "LAU_RG_01M_2021_3035.shp.zip";

/// Units of the drawing in `fixtures/mini/README.md`: id, country, name, square kilometres, parts.
const UNITS: [(&str, &str, &str, f64, usize); 4] = [
    ("EE_0001", "EE", "Õis linn", 4.0, 1),
    ("EE_0002", "EE", "Maa, \"vald\"", 96.0, 1),
    ("EE_0003", "EE", "Saare vald", 104.0, 2),
    ("EE_0004", "EE", "Tühi vald", 200.0, 1),
];

/// Cells of the drawing with their units.
const CELLS: &str = "cell_id,valid_date_start,lau_id,lau_match
100,2024-09-01,EE_0002,within
200,,EE_0001,within
300,2024-09-01,EE_0003,within
400,,EE_0003,within
500,,EE_0002,boundary
600,,EE_0002,within
600,2024-10-02,EE_0003,within
700,,,outside
800,2024-10-03,EE_0004,within
960000000000001,,EE_0003,within
";

fn assert_units_and_cells_are_those_of_the_drawing(work: &Workspace) {
    let table = read_table(&work.path("processed/lau.parquet"));
    let text = |name: &str, row| table.column_by_name(name).unwrap().as_string::<i32>().value(row);
    let geometry = table.column_by_name("geometry").unwrap().as_binary::<i32>();
    let units = (0..table.num_rows()).map(|row| {
        let geometry = Wkb(geometry.value(row)).to_geo().unwrap();
        let geo::Geometry::MultiPolygon(polygons) = geometry else { panic!("{geometry:?}") };
        let km2 = (polygons.unsigned_area() / 1e6 * 1e3).round() / 1e3;
        let [id, country, name] =
            ["lau_id", "country_code", "lau_name"].map(|column| text(column, row));
        (id, country, name, km2, polygons.0.len())
    });
    assert_eq!(units.collect::<Vec<_>>(), UNITS);
    let cells = columns_as_csv(
        &work.path("processed/cells_with_lau.parquet"),
        &["cell_id", "valid_date_start", "lau_id", "lau_match"],
    );
    assert_eq!(cells, CELLS);
}

#[test]
fn boundary_formats_give_the_same_units_and_cells() {
    let read = |work: &Workspace| {
        ["processed/lau.parquet", "processed/cells_with_lau.parquet"]
            .map(|file| read_table(&work.path(file)))
    };
    let geojson = Workspace::mini();
    geojson.ok(&["geojoin"]);
    assert_units_and_cells_are_those_of_the_drawing(&geojson);
    let formats: [&[&str]; 5] =
        [&["parts.geojson"], &["parts.gpkg"], &SHAPEFILE, &[ZIPPED], &["parts.parquet"]];
    for files in formats {
        let work = with_boundaries(files);
        work.ok(&["geojoin"]);
        assert_units_and_cells_are_those_of_the_drawing(&work);
        assert!(read(&work) == read(&geojson), "{files:?}: other coordinates");
        // reading leaves no files beside the raw data
        assert_eq!(fs::read_dir(work.path("raw/lau")).unwrap().count(), files.len(), "{files:?}");
        assert!(work.ok(&["check"]).contains("4 units of EE"), "{files:?}");
    }
}

#[test]
fn crs_and_encoding_are_read_from_the_file() {
    let places = |work: &Workspace| {
        work.ok(&["run-all"]);
        let sql = "SELECT c.cell_id, c.valid_date_start, c.lau_id, l.lau_name FROM cell_plan c \
            LEFT JOIN lau l ON l.lau_id = c.lau_id WHERE c.cell_id <> '500' \
            ORDER BY c.cell_id, c.valid_date_start";
        work.ok(&["query", "--sql", sql, "--format", "csv"])
    };
    let expected = "cell_id,valid_date_start,lau_id,lau_name\n\
        100,2024-09-01,EE_0002,\"Maa, \"\"vald\"\"\"\n\
        200,,EE_0001,Õis linn\n\
        300,2024-09-01,EE_0003,Saare vald\n\
        400,,EE_0003,Saare vald\n\
        600,2024-10-02,EE_0003,Saare vald\n\
        600,,EE_0002,\"Maa, \"\"vald\"\"\"\n\
        700,,,\n\
        800,2024-10-03,EE_0004,Tühi vald\n\
        960000000000001,,EE_0003,Saare vald\n";
    assert_eq!(places(&Workspace::mini()), expected);
    let shapefile = ["degrees.shp", "degrees.dbf", "degrees.prj", "degrees.cpg"];
    for files in [&["degrees.gpkg"][..], &["degrees.parquet"], &shapefile] {
        let work = with_boundaries(files);
        assert_eq!(places(&work), expected, "{files:?}");
    }
    // a shapefile without a CRS has no default
    let work = with_boundaries(&["degrees.shp", "degrees.dbf", "degrees.cpg"]);
    work.fails(&["geojoin"], 1, &["degrees.shp", "look like degrees", "lau.crs"]);
}

#[test]
fn cells_abroad_do_not_get_the_nearest_unit_in_any_format() {
    // just inside Latvia, see the drawing in fixtures/mini
    let to_degrees = proj::Proj::new_known_crs("EPSG:3035", "EPSG:4326", None).unwrap();
    let (lon, lat) = to_degrees.convert((4_326_000.0, 3_999_500.0)).unwrap();
    let plan = format!("cell_id,latitude,longitude\n1,{lat},{lon}\n");
    for files in [&["parts.gpkg"][..], &SHAPEFILE, &["parts.parquet"]] {
        let work = with_boundaries(files);
        work.remove("raw/cells");
        work.write("raw/cells/plan.csv", &plan);
        work.config("[geojoin]\nmethod = \"nearest\"\n");
        work.ok(&["geojoin"]);
        let columns = ["cell_id", "lau_id", "lau_match"];
        let cells = columns_as_csv(&work.path("processed/cells_with_lau.parquet"), &columns);
        assert_eq!(cells, "cell_id,lau_id,lau_match\n1,,outside\n", "{files:?}");
    }
}

#[test]
fn change_of_a_dbf_file_is_noticed() {
    let work = with_boundaries(&SHAPEFILE);
    work.ok(&["geojoin"]);
    let mut table = work.read_bytes("raw/lau/parts.dbf");
    let at = table.windows(5).position(|w| w == b"Saare").unwrap();
    table[at..at + 5].copy_from_slice(b"Suure");
    work.write("raw/lau/parts.dbf", table);
    work.ok(&["geojoin"]);
    let names = columns_as_csv(&work.path("processed/lau.parquet"), &["lau_id", "lau_name"]);
    assert!(names.contains("EE_0003,Suure vald\n"), "{names}");
}

#[test]
fn same_units_in_two_formats_are_rejected() {
    let work = with_boundaries(&["parts.gpkg", "parts.geojson"]);
    let words = ["is in", "parts.geojson", "parts.gpkg", "name only one of them in data.lau"];
    work.fails(&["geojoin"], 1, &words);
}

/// Expects `geojoin` to reject a single boundary file with these words.
fn assert_rejected(name: &str, bytes: impl AsRef<[u8]>, words: &[&str]) {
    let work = with_boundaries(&[]);
    work.write(&format!("raw/lau/{name}"), bytes);
    work.fails(&["geojoin"], 1, &[&[name], words].concat());
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(root().join("fixtures/formats").join(name)).unwrap()
}

#[test]
fn truncated_and_foreign_boundary_files_are_rejected() {
    let half = |name: &str| {
        let bytes = fixture(name);
        bytes[..bytes.len() / 2].to_vec()
    };
    for name in ["parts.gpkg", ZIPPED, "parts.parquet"] {
        assert_rejected(name, half(name), &["download it again"]);
        assert_rejected(name, "GISCO", &["download it again"]);
    }
    assert_rejected("parts.shp", fixture("parts.shp"), &["parts.dbf", "copy all files"]);
    let work = with_boundaries(&SHAPEFILE);
    work.write("raw/lau/parts.shp", half("parts.shp"));
    work.fails(&["geojoin"], 1, &["parts.shp", "feature", ".shp file is damaged"]);
    let work = with_boundaries(&["parts.shp", "parts.prj"]);
    work.write("raw/lau/parts.dbf", fixture("degrees.dbf"));
    work.fails(&["geojoin"], 1, &["parts.shp", "fewer records", "download both again"]);
}

#[test]
fn missing_columns_and_countries_are_named() {
    for files in [&["parts.gpkg"][..], &SHAPEFILE, &["parts.parquet"]] {
        let work = with_boundaries(files);
        work.config("[columns]\ngisco_id = \"GISCO\"\n");
        work.fails(&["geojoin"], 1, &[files[0], "columns.gisco_id = \"GISCO_ID\""]);
        work.config("[lau]\ncountries = [\"FI\"]\n");
        work.fails(&["geojoin"], 1, &["lau.countries", files[0], "EE, LV"]);
    }
}

#[test]
fn geopackage_with_a_column_name_that_is_not_utf8_is_rejected() {
    let mut bytes = fixture("parts.gpkg");
    let name = b"LAU_NAME";
    let places: Vec<usize> =
        (0..bytes.len() - name.len()).filter(|at| bytes[*at..].starts_with(name)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at] = 0xff;
    }
    assert_rejected("parts.gpkg", bytes, &["download it again"]);
}

/// Writes a Parquet file of one unit without GeoParquet metadata.
fn geoparquet(path: &Path, wkb: &[u8]) {
    let text = |t: &str| Arc::new(StringArray::from(vec![t])) as arrow::array::ArrayRef;
    let shape = Arc::new(BinaryArray::from(vec![wkb]));
    let columns = vec![
        ("GISCO_ID", text("EE_0001")),
        ("CNTR_CODE", text("EE")),
        ("LAU_NAME", text("x")),
        ("geometry", shape as _),
    ];
    write_parquet(path, columns, 10);
}

#[test]
fn parquet_file_without_geometry_is_rejected() {
    let work = with_boundaries(&[]);
    geoparquet(&work.path("raw/lau/plain.parquet"), &[1, 3, 0, 0, 0]);
    work.fails(&["geojoin"], 1, &["plain.parquet", "not GeoParquet", "ogr2ogr"]);
}

#[test]
fn ambiguous_layers_and_other_geometry_in_a_geopackage_are_rejected() {
    let work = with_boundaries(&["parts.gpkg"]);
    let file = rusqlite::Connection::open(work.path("raw/lau/parts.gpkg")).unwrap();
    let copy = "CREATE TABLE other AS SELECT * FROM LAU_RG_01M_2021_3035;
        INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id)
            VALUES ('other', 'features', 'other', 3035);
        INSERT INTO gpkg_geometry_columns VALUES ('other', 'geom', 'POLYGON', 3035, 0, 0);";
    file.execute_batch(copy).unwrap();
    let words = ["parts.gpkg", "LAU_RG_01M_2021_3035, other", "more than one", "ogr2ogr -f GPKG"];
    work.fails(&["geojoin"], 1, &words);
    // a layer without ids is not a candidate
    file.execute_batch("ALTER TABLE other RENAME COLUMN GISCO_ID TO ID").unwrap();
    work.ok(&["geojoin"]);
    file.execute_batch("DROP TABLE other; DELETE FROM gpkg_contents WHERE table_name = 'other'")
        .unwrap();
    // a point in the third row (header and WKB), which the triggers of the spatial index would reject
    let index = "SELECT group_concat('DROP TRIGGER ' || quote(name), ';') FROM sqlite_master
        WHERE type = 'trigger' AND name LIKE 'rtree%'";
    let drop_index: String = file.query_row(index, [], |row| row.get(0)).unwrap();
    file.execute_batch(&drop_index).unwrap();
    let point = format!(
        "UPDATE LAU_RG_01M_2021_3035 SET geom = x'47500001DB0B00000101000000{}' WHERE fid = 3",
        "00".repeat(16)
    );
    file.execute_batch(&point).unwrap();
    let words =
        ["parts.gpkg", "layer LAU_RG_01M_2021_3035, feature 3", "Point", "expected Polygon"];
    work.fails(&["geojoin"], 1, &words);
}

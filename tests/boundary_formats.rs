//! Boundaries in other formats than GeoJSON: the same units, and clear words where they are broken.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{BinaryArray, StringArray};

use crate::harness::{Workspace, root, rows_as_text, write_parquet};

/// The mini inputs with these files of `fixtures/formats` as boundaries.
fn with(files: &[&str]) -> Workspace {
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

/// Units and cells as they are written.
fn made(work: &Workspace) -> [String; 2] {
    work.ok(&["geojoin"]);
    ["processed/lau.parquet", "processed/cells_with_lau.parquet"]
        .map(|f| rows_as_text(&work.path(f)))
}

#[test]
fn every_format_gives_the_same_units_and_cells() {
    let expected = made(&Workspace::mini());
    assert!(expected[0].contains("EE_0003"), "{}", expected[0]);
    let formats: [&[&str]; 5] =
        [&["parts.geojson"], &["parts.gpkg"], &SHAPEFILE, &[ZIPPED], &["parts.parquet"]];
    for files in formats {
        let work = with(files);
        assert_eq!(made(&work), expected, "{files:?}");
        // reading leaves nothing beside the raw data
        assert_eq!(fs::read_dir(work.path("raw/lau")).unwrap().count(), files.len(), "{files:?}");
        assert!(work.ok(&["check"]).contains("4 units of EE"), "{files:?}");
    }
}

#[test]
fn the_crs_and_the_encoding_come_from_the_file() {
    let places = |work: &Workspace| {
        work.ok(&["run-all"]);
        let sql = "SELECT c.cell_id, c.valid_date_start, c.lau_id, l.lau_name FROM cell_plan c \
            LEFT JOIN lau l ON l.lau_id = c.lau_id WHERE c.cell_id <> '500' \
            ORDER BY c.cell_id, c.valid_date_start";
        work.ok(&["query", "--sql", sql, "--format", "csv"])
    };
    let expected = places(&Workspace::mini());
    assert!(expected.contains("EE_0001,Õis linn"), "{expected}");
    let shapefile = ["degrees.shp", "degrees.dbf", "degrees.prj", "degrees.cpg"];
    for files in [&["degrees.gpkg"][..], &["degrees.parquet"], &shapefile] {
        let work = with(files);
        assert_eq!(places(&work), expected, "{files:?}");
    }
    // without its CRS the default is taken, and found to be wrong
    let work = with(&["degrees.shp", "degrees.dbf", "degrees.cpg"]);
    work.fails(&["geojoin"], 1, &["degrees.shp", "look like degrees", "lau.crs"]);
}

#[test]
fn units_abroad_keep_cells_off_the_coast_in_every_format() {
    // just inside Latvia; metres of the drawing in fixtures/mini
    let to_degrees = proj::Proj::new_known_crs("EPSG:3035", "EPSG:4326", None).unwrap();
    let (lon, lat) = to_degrees.convert((4_326_000.0, 3_999_500.0)).unwrap();
    let plan = format!("cell_id,latitude,longitude\n1,{lat},{lon}\n");
    for files in [&["parts.gpkg"][..], &SHAPEFILE, &["parts.parquet"]] {
        let work = with(files);
        work.remove("raw/cells");
        work.write("raw/cells/plan.csv", &plan);
        work.config("[geojoin]\nmethod = \"nearest\"\n");
        work.ok(&["geojoin"]);
        let rows = rows_as_text(&work.path("processed/cells_with_lau.parquet"));
        assert!(rows.contains("outside") && !rows.contains("nearest"), "{files:?}: {rows}");
    }
}

#[test]
fn a_change_beside_a_shapefile_is_a_change() {
    let work = with(&SHAPEFILE);
    work.ok(&["geojoin"]);
    let mut table = work.read_bytes("raw/lau/parts.dbf");
    let at = table.windows(5).position(|w| w == b"Saare").unwrap();
    table[at..at + 5].copy_from_slice(b"Suure");
    work.write("raw/lau/parts.dbf", table);
    work.ok(&["geojoin"]);
    let rows = rows_as_text(&work.path("processed/lau.parquet"));
    assert!(rows.contains("Suure vald") && !rows.contains("Saare vald"), "{rows}");
}

#[test]
fn the_same_units_in_two_formats_are_refused() {
    let work = with(&["parts.gpkg", "parts.geojson"]);
    let words = ["is in", "parts.geojson", "parts.gpkg", "name one of the two in data.lau"];
    work.fails(&["geojoin"], 1, &words);
}

/// What is said of a file that stands alone among the boundaries.
fn refused(name: &str, bytes: impl AsRef<[u8]>, words: &[&str]) {
    let work = with(&[]);
    work.write(&format!("raw/lau/{name}"), bytes);
    work.fails(&["geojoin"], 1, &[&[name], words].concat());
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(root().join("fixtures/formats").join(name)).unwrap()
}

#[test]
fn files_that_are_cut_or_something_else() {
    let half = |name: &str| {
        let bytes = fixture(name);
        bytes[..bytes.len() / 2].to_vec()
    };
    for name in ["parts.gpkg", ZIPPED, "parts.parquet"] {
        refused(name, half(name), &["download it again"]);
        refused(name, "GISCO", &["download it again"]);
    }
    refused("parts.shp", fixture("parts.shp"), &["parts.dbf", "copy all files"]);
    let work = with(&SHAPEFILE);
    work.write("raw/lau/parts.shp", half("parts.shp"));
    work.fails(&["geojoin"], 1, &["parts.shp", "feature", ".shp file is damaged"]);
    let work = with(&["parts.shp", "parts.prj"]);
    work.write("raw/lau/parts.dbf", fixture("degrees.dbf"));
    work.fails(&["geojoin"], 1, &["parts.shp", "fewer records", "download both again"]);
}

#[test]
fn what_a_table_lacks_is_named() {
    for files in [&["parts.gpkg"][..], &SHAPEFILE, &["parts.parquet"]] {
        let work = with(files);
        work.config("[columns]\ngisco_id = \"GISCO\"\n");
        work.fails(&["geojoin"], 1, &[files[0], "columns.gisco_id = \"GISCO_ID\""]);
        work.config("[lau]\ncountries = [\"FI\"]\n");
        work.fails(&["geojoin"], 1, &["lau.countries", files[0], "EE, LV"]);
    }
}

/// Writes a GeoParquet file of one unit with that entry in its footer.
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
fn a_parquet_file_without_geometry_is_none_of_boundaries() {
    let work = with(&[]);
    geoparquet(&work.path("raw/lau/plain.parquet"), &[1, 3, 0, 0, 0]);
    work.fails(&["geojoin"], 1, &["plain.parquet", "no GeoParquet", "ogr2ogr"]);
}

#[test]
fn geopackages_of_several_layers_and_of_other_geometry() {
    let work = with(&["parts.gpkg"]);
    let file = rusqlite::Connection::open(work.path("raw/lau/parts.gpkg")).unwrap();
    let copy = "CREATE TABLE other AS SELECT * FROM LAU_RG_01M_2021_3035;
        INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id)
            VALUES ('other', 'features', 'other', 3035);
        INSERT INTO gpkg_geometry_columns VALUES ('other', 'geom', 'POLYGON', 3035, 0, 0);";
    file.execute_batch(copy).unwrap();
    let words = ["parts.gpkg", "LAU_RG_01M_2021_3035, other", "more than one", "ogr2ogr -f GPKG"];
    work.fails(&["geojoin"], 1, &words);
    // a layer without ids is no rival
    file.execute_batch("ALTER TABLE other RENAME COLUMN GISCO_ID TO ID").unwrap();
    work.ok(&["geojoin"]);
    file.execute_batch("DROP TABLE other; DELETE FROM gpkg_contents WHERE table_name = 'other'")
        .unwrap();
    // a point in the third row: header, then WKB; the index of places would not let it in
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

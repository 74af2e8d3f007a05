//! Views as layers of a map: GeoJSON and GeoPackage.

use std::process::Command;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{ProgramOutput, Warehouse, Workspace, root, test_on_each_warehouse};
use crate::serve::Server;

/// The rows of the expected table by date, and every LAU that has none.
const FIRST: [(&str, Option<u64>); 4] =
    [("EE_0001", Some(2)), ("EE_0002", Some(2)), ("EE_0003", Some(2)), ("EE_0004", None)];
const NEWEST: [(&str, Option<u64>); 4] =
    [("EE_0002", Some(1)), ("EE_0003", Some(4)), ("EE_0001", None), ("EE_0004", None)];

/// Ids and users of the features, which all have a boundary and a name.
fn features(collection: &Value) -> Vec<(String, Option<u64>)> {
    let feature = |feature: &Value| {
        assert_eq!(feature["geometry"]["type"], "MultiPolygon", "{feature}");
        let properties = &feature["properties"];
        assert!(properties["lau_name"].is_string(), "{feature}");
        let id = properties["lau_id"].as_str().unwrap().to_owned();
        (id, properties["user_count"].as_u64())
    };
    collection["features"].as_array().unwrap().iter().map(feature).collect()
}

fn owned(expected: &[(&str, Option<u64>)]) -> Vec<(String, Option<u64>)> {
    expected.iter().map(|(id, users)| ((*id).to_owned(), *users)).collect()
}

/// Runs a query for GeoJSON; returns it and what else was printed.
fn geojson(work: &Workspace, more: &[&str]) -> (Value, String) {
    let args = [&["query", "users-per-lau", "--format", "geojson"], more].concat();
    let ran = work.run(&args);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    (serde_json::from_str(&ran.stdout).unwrap(), ran.stderr)
}

fn map_has_every_lau_on_one_date(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let (newest, remark) = geojson(&work, &[]);
    assert_eq!(features(&newest), owned(&NEWEST));
    let said =
        "users-per-lau has rows from 2024-10-01 to 2024-10-02; these are the rows of 2024-10-02";
    assert_eq!(newest["remark"], said);
    for words in [said, "--all-dates", "2 features added for LAUs without a row"] {
        assert!(remark.contains(words), "no {words:?} in {remark}");
    }
    for feature in newest["features"].as_array().unwrap() {
        assert_eq!(feature["properties"]["date"], "2024-10-02");
    }
    let (first, remark) = geojson(&work, &["--date", "2024-10-01"]);
    assert_eq!(features(&first), owned(&FIRST));
    assert!(first.get("remark").is_none() && !remark.contains("--all-dates"), "{remark}");
    for more in [&["--all-dates"][..], &["--from", "2024-10-01", "--to", "2024-10-02"]] {
        let (both, _) = geojson(&work, more);
        let mut ids: Vec<(String, String)> = both["features"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| {
                let text = |name: &str| f["properties"][name].as_str().unwrap().to_owned();
                (text("date"), text("lau_id"))
            })
            .collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 8, "{ids:?}");
    }
    // one LAU, with and without a row, and a selection of rows
    let (one, _) = geojson(&work, &["--lau", "EE_0001"]);
    assert_eq!(features(&one), owned(&[("EE_0001", None)]));
    let (top, _) = geojson(&work, &["--order-by", "user_count:desc", "--limit", "1"]);
    assert_eq!(features(&top), owned(&[("EE_0003", Some(4))]));
    // a date without rows is a map all the same
    let (empty, remark) = geojson(&work, &["--date", "2031-01-01"]);
    assert_eq!(features(&empty).len(), 4);
    assert!(features(&empty).iter().all(|(_, users)| users.is_none()));
    assert!(remark.contains("no rows"), "{remark}");
    // views without dates, and those that have a row for every LAU
    for (view, expected) in [("users-per-lau-2024-10-01", 4), ("users-per-lau-day-night", 4)] {
        let text = work.ok(&["query", view, "--format", "geojson"]);
        let collection: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(collection["features"].as_array().unwrap().len(), expected, "{view}");
    }
    // other formats have all rows, and tables and statements are left alone
    assert_eq!(work.ok(&["query", "users-per-lau", "--format", "csv"]).lines().count(), 6);
    let sql = "SELECT lau_id, user_count FROM agg_users_per_lau_per_day";
    let text = work.ok(&["query", "--sql", sql, "--format", "geojson"]);
    let collection: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(collection["features"].as_array().unwrap().len(), 5);
}

test_on_each_warehouse!(map_has_every_lau_on_one_date);

fn routes_of_maps_take_the_same_parameters(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let server = Server::start(&work);
    let get = |query: &str| server.get(&format!("/users-per-lau?format=geojson{query}")).json();
    let newest = get("");
    assert_eq!(features(&newest), owned(&NEWEST));
    assert!(newest["remark"].as_str().unwrap().ends_with("these are the rows of 2024-10-02"));
    assert_eq!(features(&get("&date=2024-10-01")), owned(&FIRST));
    assert_eq!(get("&all_dates=1")["features"].as_array().unwrap().len(), 8);
    // the only date on which it has a row
    assert_eq!(features(&get("&all-dates=1&lau=EE_0001")), owned(&[("EE_0001", Some(2))]));
    let wrong = server.get("/users-per-lau?format=geojson&all_dates=1&date=2024-10-01");
    assert_eq!((wrong.status, &wrong.json()["parameter"]), (400, &json!("all_dates")));
    let response = server.get("/users-per-lau?format=gpkg&date=2024-10-01");
    assert_eq!(response.header("content-type"), "application/geopackage+sqlite3");
    work.write("route.gpkg", &response.body);
    let args = ["query", "users-per-lau", "--date", "2024-10-01", "--output", "command.gpkg"];
    work.ok(&args);
    assert!(work.read_bytes("route.gpkg") == work.read_bytes("command.gpkg"));
    let without = server.get("/number-of-events-per-hour?format=gpkg");
    assert_eq!((without.status, &without.json()["parameter"]), (400, &json!("format")));
}

test_on_each_warehouse!(routes_of_maps_take_the_same_parameters);

fn geopackage_follows_the_standard(warehouse: Warehouse) {
    let work = warehouse.loaded();
    work.ok(&["query", "users-per-lau", "--output", "users.gpkg"]);
    let bytes = work.read_bytes("users.gpkg");
    assert_eq!(&bytes[..16], b"SQLite format 3\0");
    assert_eq!(&bytes[68..72], b"GPKG");
    let database = Connection::open(work.path("users.gpkg")).unwrap();
    let one = |sql: &str| -> Vec<String> {
        let mut statement = database.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            (0..columns).map(|i| row.get_ref(i).map(|v| format!("{v:?}"))).collect()
        });
        let rows: Vec<Vec<String>> = rows.unwrap().map(Result::unwrap).collect();
        rows.concat()
    };
    assert_eq!(one("PRAGMA integrity_check"), ["Text([111, 107])"]);
    assert_eq!(one("PRAGMA foreign_key_check"), [""; 0]);
    assert_eq!(
        one("SELECT COUNT(*) FROM gpkg_spatial_ref_sys WHERE srs_id IN (-1, 0, 4326, 3035)"),
        ["Integer(4)"]
    );
    let layer: (String, String, i64, String) = database
        .query_row(
            "SELECT c.table_name, c.description, c.srs_id, g.geometry_type_name \
             FROM gpkg_contents c JOIN gpkg_geometry_columns g USING (table_name) \
             WHERE c.data_type = 'features' AND g.column_name = 'geom'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    assert_eq!(layer.0, "agg_users_per_lau_per_day");
    assert!(layer.1.ends_with("these are the rows of 2024-10-02"), "{}", layer.1);
    assert_eq!((layer.2, &*layer.3), (3035, "MULTIPOLYGON"));
    let rows: Vec<(String, Option<u64>, Vec<u8>)> = database
        .prepare("SELECT lau_id, user_count, geom FROM agg_users_per_lau_per_day ORDER BY fid")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let found: Vec<_> = rows.iter().map(|(id, users, _)| (id.clone(), *users)).collect();
    assert_eq!(found, owned(&NEWEST));
    for (_, _, shape) in &rows {
        // the header, little-endian and with bounds, the system, the bounds, then WKB of a MultiPolygon
        assert_eq!(shape[..8], [b'G', b'P', 0, 0b11, 0xdb, 0x0b, 0, 0]);
        assert_eq!(shape[40..45], [1, 6, 0, 0, 0]);
    }
    // points in longitude and latitude
    work.ok(&["query", "cell_plan", "--output", "cells.gpkg"]);
    let cells = Connection::open(work.path("cells.gpkg")).unwrap();
    let count: (i64, String) = cells
        .query_row(
            "SELECT (SELECT COUNT(*) FROM cell_plan WHERE geom IS NOT NULL), geometry_type_name \
             FROM gpkg_geometry_columns WHERE srs_id = 4326",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(count, (10, "POINT".to_owned()));
    work.fails(&["query", "user-location-distribution", "--output", "x.gpkg"], 2, &["lau_id"]);
    assert!(!work.path("x.gpkg").exists());
}

test_on_each_warehouse!(geopackage_follows_the_standard);

#[test]
#[ignore = "needs the Python environment of the notebook: run make test"]
fn gdal_reads_the_same_layer_from_geopackage_and_geojson() {
    let python = root().join("target/notebook/bin/python");
    assert!(python.exists(), "no {}; `make test` installs it", python.display());
    let work = Workspace::loaded();
    work.ok(&["query", "users-per-lau", "--output", "users.gpkg"]);
    work.ok(&["query", "users-per-lau", "--output", "users.geojson"]);
    let script = "
import warnings
warnings.simplefilter('error')
import geopandas as gpd, pyogrio
assert pyogrio.list_layers('users.gpkg').tolist() == [['agg_users_per_lau_per_day', 'MultiPolygon']]
package, text = gpd.read_file('users.gpkg'), gpd.read_file('users.geojson')
assert package.crs.to_epsg() == 3035, package.crs
assert str(package['date'].iloc[0])[:10] == '2024-10-02', package['date']
assert package['lau_id'].tolist() == text['lau_id'].tolist() == ['EE_0002', 'EE_0003', 'EE_0001', 'EE_0004']
assert package['lau_name'].tolist() == text['lau_name'].tolist()
assert package['user_count'].fillna(-1).tolist() == text['user_count'].fillna(-1).tolist() == [1, 4, -1, -1]
away = package.geometry.hausdorff_distance(text.to_crs(3035).geometry, align=False).max()
assert away < 0.05, away  # metres
info = pyogrio.read_info('users.gpkg')
assert info['features'] == 4 and tuple(info['total_bounds']) == tuple(package.total_bounds), info
print('same')
";
    let command = Command::new(python).args(["-c", script]).current_dir(work.path("")).output();
    let ran = ProgramOutput::of(command.unwrap());
    assert_eq!(ran.stdout, "same\n", "{}", ran.stderr);
}

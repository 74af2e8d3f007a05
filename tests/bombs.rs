//! Inputs that are small but claim or become large: they are refused before they fill memory or disk.

use std::fs;
use std::io::Write;

use arrow::array::StringArray;
use serde_json::Value;

use crate::csv_events::gzipped;
use crate::harness::{Workspace, array, root, write_parquet};

/// Memory that a refused run may take; a run over the mini inputs takes less than half of it.
const MAX_MEMORY: u64 = 300 << 20;

/// Runs a command that has to fail with these words, and without much memory.
fn refused(work: &Workspace, args: &[&str], words: &[&str]) {
    work.fails(args, 1, words);
    assert!(peak_memory(work) < MAX_MEMORY, "{args:?}: {} MiB", peak_memory(work) >> 20);
}

/// Memory of the latest recorded run, bytes.
fn peak_memory(work: &Workspace) -> u64 {
    let runs = work.read("processed/runs.jsonl");
    let last: Value = serde_json::from_str(runs.lines().last().unwrap()).unwrap();
    last["peak_memory_bytes"].as_u64().unwrap()
}

fn with_events(name: &str, bytes: &[u8]) -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/events");
    work.write(&format!("raw/events/{name}"), bytes);
    work
}

const HEADER: &str = "user_id,cell_id,timestamp\n";

#[test]
fn stray_quote_does_not_swallow_the_file() {
    let row = "aa01,100,2024-10-01 08:00:00\n";
    let text = format!("{HEADER}{row}\"{}", row.repeat(400_000));
    for (name, bytes) in [("a.csv", text.clone().into_bytes()), ("a.csv.gz", gzipped(&text))] {
        let work = with_events(name, &bytes);
        refused(&work, &["compress"], &[name, "row 2", "longer than 1 MiB"]);
    }
}

#[test]
fn long_fields_take_no_more_memory_than_short_ones() {
    // each record is allowed, and a few thousand of them would be read at a time
    let long = "x".repeat(900_000);
    let mut text = HEADER.to_owned();
    for number in 0..600 {
        text.push_str(&format!("aa01,\"{number}{long}\",2024-10-01 08:00:00\n"));
    }
    let work = Workspace::loaded();
    work.remove("raw/events");
    work.write("raw/events/long.csv.gz", gzipped(&text));
    work.copy_shipped_views();
    work.write(
        "views/users.sql",
        "SELECT user_id, COUNT(*) AS n FROM mobile_events_uncompressed WHERE cell_id IS NULL GROUP BY user_id",
    );
    work.ok(&["views"]);
    assert_eq!(work.ok(&["query", "users", "--format", "csv"]), "user_id,n\naa01,600\n");
    assert!(peak_memory(&work) < MAX_MEMORY, "{} MiB", peak_memory(&work) >> 20);
}

#[test]
fn cell_plan_that_unpacks_to_gigabytes_is_refused() {
    let work = Workspace::mini();
    work.remove("raw/cells");
    let mut packed = zstd::Encoder::new(Vec::new(), 1).unwrap();
    packed.write_all(b"cell_id,latitude,longitude\n").unwrap();
    let rows = "1,59.13,9.9\n".repeat(1 << 16);
    (0..300).for_each(|_| packed.write_all(rows.as_bytes()).unwrap());
    work.write("raw/cells/plan.csv.zst", packed.finish().unwrap());
    work.fails(&["geojoin"], 1, &["plan.csv.zst", "row", "1024 MiB", "is it a cell plan"]);
    // a dictionary with one long text, which every row repeats
    work.remove("raw/cells");
    fs::create_dir(work.path("raw/cells")).unwrap();
    let long = "x".repeat(500_000);
    let column = |text: &str| array(StringArray::from(vec![text; 4_000]));
    let columns =
        vec![("cell_id", column(&long)), ("latitude", column("59")), ("longitude", column("9.9"))];
    write_parquet(&work.path("raw/cells/plan.parquet"), columns, 1 << 20);
    assert!(fs::metadata(work.path("raw/cells/plan.parquet")).unwrap().len() < 20 << 20);
    work.fails(&["geojoin"], 1, &["plan.parquet", "row", "1024 MiB"]);
}

/// A zip file with these members, whose content is that many zeros.
fn zipped(members: &[(&str, u64)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    let zeros = vec![0; 1 << 20];
    for (name, bytes) in members {
        zip.start_file(*name, options).unwrap();
        for _ in 0..bytes >> 20 {
            zip.write_all(&zeros).unwrap();
        }
    }
    zip.finish().unwrap().into_inner()
}

fn with_boundaries(name: &str, bytes: &[u8]) -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/lau");
    work.write(&format!("raw/lau/{name}"), bytes);
    work
}

#[test]
fn zip_file_that_unpacks_to_gigabytes_is_refused() {
    let bomb = zipped(&[("a.shp", 300 << 20), ("a.dbf", 1 << 20)]);
    assert!(bomb.len() < 1 << 20);
    let work = with_boundaries("a.zip", &bomb);
    refused(&work, &["geojoin"], &["a.zip", "a.shp", "more than 200 times"]);
    work.config("[lau]\nmax_mib = 50\n");
    refused(&work, &["geojoin"], &["a.zip", "a.shp", "more than 50 MiB", "raise lau.max_mib"]);
    let names: Vec<String> = (0..2_000).map(|number| format!("{number}.txt")).collect();
    let members: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 0)).collect();
    let work = with_boundaries("many.zip", &zipped(&members));
    refused(&work, &["geojoin"], &["many.zip", "2000 files"]);
}

#[test]
fn boundaries_larger_than_the_limit_are_refused() {
    let work = Workspace::mini();
    let text = fs::read_to_string(root().join("fixtures/mini/lau/lau.geojson")).unwrap();
    let padded = text.replacen('{', &format!("{{{}", " ".repeat(2 << 20)), 1);
    work.write("raw/lau/lau.geojson", &padded);
    work.ok(&["geojoin"]);
    work.config("[lau]\nmax_mib = 1\n");
    refused(&work, &["geojoin"], &["lau.geojson", "more than 1 MiB", "raise lau.max_mib"]);
}

#[test]
fn deep_and_endless_geojson_is_refused() {
    let geometry = |coordinates: &str| {
        format!(
            "{{\"type\":\"FeatureCollection\",\"features\":[{{\"type\":\"Feature\",\"properties\":\
             {{\"GISCO_ID\":\"1\",\"CNTR_CODE\":\"EE\"}},\"geometry\":{{\"type\":\"Polygon\",\
             \"coordinates\":{coordinates}}}}}]}}"
        )
    };
    let deep = "[".repeat(1 << 20);
    let work = with_boundaries("deep.geojson", geometry(&deep).as_bytes());
    refused(&work, &["geojoin"], &["deep.geojson", "recursion limit"]);
    let many = format!("[[{}[0,0]]]", "[0,0],".repeat(10_500_000));
    let work = with_boundaries("many.geojson", geometry(&many).as_bytes());
    work.fails(&["geojoin"], 1, &["many.geojson", "more than 10000000 positions"]);
    // large properties that nobody asked for are skipped
    let unread = format!("[{}0]", "0,".repeat(4 << 20));
    let text = fs::read_to_string(root().join("fixtures/mini/lau/lau.geojson")).unwrap();
    let text = text.replacen("\"GISCO_ID\"", &format!("\"unread\":{unread},\"GISCO_ID\""), 1);
    let work = with_boundaries("large.geojson", text.as_bytes());
    work.ok(&["geojoin"]);
}

#[test]
fn shapefile_with_a_record_longer_than_the_file_is_refused() {
    let work = Workspace::mini();
    work.remove("raw/lau");
    fs::create_dir(work.path("raw/lau")).unwrap();
    for end in ["shp", "dbf", "prj", "cpg"] {
        let name = format!("parts.{end}");
        fs::copy(root().join("fixtures/formats").join(&name), work.path("raw/lau").join(&name))
            .unwrap();
    }
    let mut shapes = work.read_bytes("raw/lau/parts.shp");
    // the length of the first record in words, and a count of positions that fits it
    shapes[104..108].copy_from_slice(&0x3fff_ffffu32.to_be_bytes());
    shapes[148..152].copy_from_slice(&0x07ff_fff0u32.to_le_bytes());
    work.write("raw/lau/parts.shp", shapes);
    refused(&work, &["geojoin"], &["parts.shp", "longer than the file"]);
}

#[test]
fn configuration_and_views_of_megabytes_are_refused() {
    let work = Workspace::mini();
    let config = work.read("pipeline.toml");
    work.write("pipeline.toml", format!("# {}\n{config}", "x".repeat(2 << 20)));
    work.fails(&["views"], 1, &["pipeline.toml", "longer than 1 MiB"]);
    work.copy_shipped_views();
    work.write("views/long.sql", format!("-- {}\nSELECT 1 AS x", "x".repeat(2 << 20)));
    work.fails(&["views"], 1, &["long.sql", "longer than 1 MiB"]);
    // a device never ends
    work.fails(&["views", "--config", "/dev/zero"], 1, &["/dev/zero", "longer than 1 MiB"]);
}

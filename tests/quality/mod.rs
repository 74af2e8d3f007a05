//! `mobility quality`: figures, warnings and output formats, from records written by hand.

mod day_records;
mod limits;
mod missing_dates;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, FieldRef, Schema};
use mobility::formats::parquet::checksum;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};
use crate::serve::Server;
pub use day_records::{CODES, DAILY, three_dates, write_day};

fn with_three_dates() -> Workspace {
    let work = Workspace::mini();
    three_dates(&work);
    work
}

#[test]
fn daily_figures_equal_the_ones_worked_out_by_hand() {
    let work = with_three_dates();
    assert_eq!(work.ok(&["quality", "--format", "csv"]), DAILY);
}

#[test]
fn json_report_has_dates_codes_and_warnings() {
    let work = with_three_dates();
    let report: Value = serde_json::from_str(&work.ok(&["quality", "--format", "json"])).unwrap();
    assert_eq!(report["dates"].as_array().unwrap().len(), 3);
    assert_eq!(report["dates"][0]["new_users"], Value::Null);
    assert_eq!(report["dates"][1]["new_users"], 1);
    let codes = report["codes"].as_array().unwrap();
    assert_eq!(codes.len(), CODES.lines().count() - 1);
    assert_eq!(codes[0]["date"], Value::Null);
    let warnings = report["warnings"].as_array().unwrap();
    let reported: Vec<_> = warnings
        .iter()
        .map(|w| format!("{} {} {} {}", w["date"], w["level"], w["what"], w["value"]))
        .collect();
    assert_eq!(
        reported,
        [
            "\"2024-10-01\" \"critical\" \"unmapped_percent\" 37.5",
            "\"2024-10-01\" \"critical\" \"empty_hours\" 20.0",
        ]
    );
    let day: Value =
        serde_json::from_str(&work.ok(&["quality", "--format", "json", "--date", "2024-10-02"]))
            .unwrap();
    assert_eq!(day["dates"].as_array().unwrap().len(), 1);
    // a date selected alone is still compared with the dates before it
    assert_eq!(day["dates"][0]["new_users"], 1);
    assert_eq!(day["warnings"], json!([]));
}

#[test]
fn terminal_report_shows_dates_then_codes_then_warnings() {
    let work = with_three_dates();
    let text = work.ok(&["quality"]);
    assert!(
        text.starts_with(
            "Quality of 3 dates, 2024-10-01 to 2024-10-03: 37 rows in, 3 rejected (8.11 %); \
             2 critical, 0 warnings\n"
        ),
        "{text}"
    );
    let places = ["│ 2024-10-01", "│ 2024-10-03", "│ duplicate", "critical  2024-10-01"];
    let at: Vec<_> = places.map(|p| text.find(p).unwrap_or_else(|| panic!("{p}: {text}"))).to_vec();
    assert!(at.is_sorted(), "{text}");
    assert!(text.contains("2 rows belong to no date"), "{text}");
    assert!(text.contains("ok, provisional"), "{text}");
    assert!(!text.contains('\u{1b}'), "colours are for terminals");
    // a report about one date shows all of its figures
    let one = work.ok(&["quality", "--date", "2024-10-02"]);
    for figure in [["events_per_user_p95", "24"], ["compression_ratio", "4"], ["files_late", "1"]] {
        let line = one.lines().find(|l| l.contains(&format!("│ {} ", figure[0]))).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>()[1..3], figure, "{one}");
    }
    let none = work.run(&["quality", "--date", "2030-01-01"]);
    assert_eq!((none.status, none.stdout.as_str()), (0, "No dates\n"));
    assert!(none.stderr.contains("2024-10-01 to 2024-10-03"), "{}", none.stderr);
    work.fails(&["quality", "--from", "2024-10-02", "--to", "2024-10-01"], 2, &["--from"]);
}

#[test]
fn output_format_follows_the_file_extension() {
    let work = with_three_dates();
    work.ok(&["quality", "--output", "out/q.md"]);
    let text = work.read("out/q.md");
    assert!(text.contains("| 2024-10-02 | ok | 26 | 3.85 % |"), "{text}");
    assert!(text.contains("## Warnings\n\n| level | date | what |\n"), "{text}");
    work.ok(&["quality", "--output", "out/q.html"]);
    let page = work.read("out/q.html");
    assert!(page.starts_with("<!doctype html>") && page.contains("2024-10-03"), "{page}");
    assert!(!page.contains("href=\"/") && !page.contains("src="), "the page needs a server");
    work.ok(&["quality", "--output", "out/q.csv"]);
    assert_eq!(work.read("out/q.csv"), DAILY);
    work.fails(&["quality", "--output", "out/q.docx"], 2, &[".docx", "--format"]);
}

#[test]
fn exit_status_reports_the_quality_level_after_the_report_is_printed() {
    let work = with_three_dates();
    for (args, status) in [
        (&["--fail-on", "critical"][..], 1),
        (&["--fail-on", "warning"], 1),
        (&["--fail-on", "critical", "--date", "2024-10-02"], 0),
        (&["--fail-on", "warning", "--from", "2024-10-02"], 0),
        (&[], 0),
    ] {
        let ran = work.run(&[&["quality"], args].concat());
        assert_eq!(ran.status, status, "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.starts_with("Quality of "), "{}", ran.stdout);
        let reported = ran.stderr.contains("checked; --fail-on ");
        assert_eq!(reported, status == 1, "{}", ran.stderr);
    }
    // a share of unmapped events that rises is a warning, below one percent not a critical one
    let sea = |date: &str, at_sea: u64| {
        write_day(
            &work,
            date,
            &[("a", None, 2_400, 1, &[])],
            &(0..24).map(|h| ("a", if h == 0 { "700" } else { "100" }, h, 100)).collect::<Vec<_>>(),
            |record| {
                *record.cells.get_mut("700").unwrap() = at_sea;
                *record.cells.get_mut("100").unwrap() = 2_400 - at_sea;
            },
        );
    };
    (1..=3).for_each(|day| sea(&format!("2024-10-0{day}"), 1));
    assert_eq!(work.run(&["quality", "--fail-on", "warning"]).status, 0);
    sea("2024-10-04", 6);
    assert_eq!(work.run(&["quality", "--fail-on", "critical"]).status, 0);
    work.fails(&["quality", "--fail-on", "warning"], 1, &["6 events", "2024-10-04"]);
    work.fails(&["quality", "--fail-on", "never"], 2, &["warning", "critical"]);
}

#[test]
fn only_changed_records_are_computed_again() {
    let work = with_three_dates();
    work.ok(&["quality"]);
    let before = work.snapshot("processed");
    work.ok(&["quality"]);
    assert_eq!(work.snapshot("processed"), before);
    let tables = || {
        [
            work.read_bytes("processed/quality_daily.parquet"),
            work.read_bytes("processed/quality_codes.parquet"),
        ]
    };
    // rows that are kept for unchanged dates equal the rows of a full computation
    write_day(&work, "2024-10-03", &[("x", None, 2, 7, &[])], &[("a", "100", 3, 2)], |_| {});
    work.ok(&["quality"]);
    let patched = tables();
    work.ok(&["quality", "--force"]);
    assert!(patched == tables(), "rows of unchanged dates differ from recomputed rows");
    let csv = work.ok(&["quality", "--format", "csv"]);
    assert!(csv.lines().nth(3).unwrap().starts_with("2024-10-03,false,2,2,0,"), "{csv}");
    work.remove("processed/days/2024-10-01.json");
    work.remove("processed/days/2024-10-01.users");
    work.fails(&["quality"], 1, &["days/2024-10-01.json is missing", "`mobility compress`"]);
    // a removed date loses its row, and the next date is compared again
    let mut manifest: serde_json::Value =
        serde_json::from_str(&work.read("processed/compressed_events.json")).unwrap();
    manifest["dates"].as_object_mut().unwrap().remove("2024-10-01").unwrap();
    work.write("processed/compressed_events.json", manifest.to_string());
    let csv = work.ok(&["quality", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.contains("\n2024-10-02,false,26,25,1,0,0,,2,1,2,,2"), "{csv}");
}

#[test]
fn errors_in_records_name_the_record_and_the_remedy() {
    let work = with_three_dates();
    work.ok(&["quality"]);
    let good = work.ok(&["quality", "--format", "csv"]);
    let broken = |name: &str, bytes: &[u8], words: &[&str]| {
        let path = format!("processed/days/{name}");
        let whole = work.read_bytes(&path);
        work.write(&path, bytes);
        work.fails(
            &["quality", "--force"],
            1,
            &[&[name, "mobility compress --force"], words].concat(),
        );
        work.write(&path, whole);
    };
    broken("2024-10-02.json", b"{", &["damaged"]);
    broken("2024-10-02.users", b"short", &["truncated"]);
    broken("2024-10-02.users", &[7; 32], &["not in ascending order"]);
    let text = work.read("processed/days/2024-10-01.json");
    broken(
        "2024-10-01.json",
        text.replacen("\"rows\":10", "\"rows\":11", 1).as_bytes(),
        &["11 rows in, but 8 kept and 2 rejected"],
    );
    broken("2024-10-02.json", text.as_bytes(), &["contains the record of 2024-10-01"]);
    let undated = work.read("processed/days/undated.json");
    work.write("processed/days/undated.json", undated.replace("\"rows\":2", "\"rows\":3"));
    work.fails(&["quality"], 1, &["flat.parquet has 3 rows without a date, but 2", "--force"]);
    work.write("processed/days/undated.json", undated);
    let users = work.read_bytes("processed/days/2024-10-02.users");
    work.remove("processed/days/2024-10-02.users");
    work.fails(&["quality", "--force"], 1, &["2024-10-02.users", "mobility compress --force"]);
    work.write("processed/days/2024-10-02.users", users);
    assert_eq!(work.ok(&["quality", "--format", "csv"]), good);
    work.remove("processed/cells_with_lau.parquet");
    work.fails(&["quality"], 1, &["cells_with_lau.parquet", "mobility geojoin"]);
}

#[test]
fn missing_records_are_reported_with_the_remedy() {
    let work = Workspace::mini();
    work.ok(&["geojoin", "--quiet"]);
    work.fails(&["quality"], 1, &["no date is recorded", "mobility compress"]);
}

fn quality_tables_are_empty_before_the_stage_and_filled_after_it(warehouse: Warehouse) {
    let work = warehouse.mini();
    three_dates(&work);
    // a load before the stage has run
    work.ok(&["load", "--quiet"]);
    for table in ["quality_daily", "quality_codes"] {
        let csv = work.ok(&["query", table, "--format", "csv"]);
        let all = if table == "quality_daily" { DAILY } else { CODES };
        assert_eq!(csv.lines().collect::<Vec<_>>(), [all.lines().next().unwrap()]);
    }
    work.ok(&["quality", "--quiet"]);
    work.ok(&["load", "--quiet"]);
    assert_eq!(work.ok(&["query", "quality_daily", "--format", "csv"]), DAILY);
    assert_eq!(work.ok(&["query", "quality-codes", "--format", "csv"]), CODES);
    let one = ["query", "quality_codes", "--format", "csv", "--date", "2024-10-03"];
    assert_eq!(work.ok(&one).lines().count(), 2);
    let sql = "SELECT SUM(rows) AS n FROM quality_codes c JOIN quality_daily d ON d.date = c.date \
               WHERE NOT d.provisional AND c.disposition <> 'rejected'";
    assert_eq!(work.ok(&["query", "--format", "csv", "--sql", sql]), "n\n33\n");
    // changed records change the rows; loading the same rows again changes nothing
    write_day(&work, "2024-10-03", &[("x", None, 2, 7, &[])], &[("a", "100", 3, 2)], |_| {});
    work.ok(&["quality", "--quiet"]);
    work.ok(&["load", "--quiet"]);
    let csv = work.ok(&["query", "quality_daily", "--format", "csv"]);
    assert!(csv.lines().nth(3).unwrap().starts_with("2024-10-03,false,2,2,0,"), "{csv}");
    work.ok(&["load", "--force", "--quiet"]);
    assert_eq!(work.ok(&["query", "quality_daily", "--format", "csv"]), csv);
}

test_on_each_warehouse!(quality_tables_are_empty_before_the_stage_and_filled_after_it);

#[test]
fn embedded_table_with_the_former_column_name_is_read() {
    let work = with_three_dates();
    work.ok(&["quality", "--quiet"]);
    work.ok(&["load", "--quiet"]);
    work.make_warehouse_of_an_earlier_version(false);
    let pattern = work.path("warehouse/v*/quality_codes.parquet");
    let path = glob::glob(&pattern.to_string_lossy()).unwrap().next().unwrap().unwrap();
    // a new file, since the loaded one is a hard link to the processed one
    let batch = read_batch(&path);
    fs::remove_file(&path).unwrap();
    write_batch(&path, &with_former_names(&batch));
    assert_eq!(work.ok(&["query", "quality_codes", "--format", "csv"]), CODES);
}

fn read_batch(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn with_former_names(batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let former = |field: &FieldRef| match field.name().as_str() {
        "disposition" => field.as_ref().clone().with_name("fate"),
        _ => field.as_ref().clone(),
    };
    let fields: Vec<Field> = schema.fields().iter().map(former).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), batch.columns().to_vec()).unwrap()
}

fn write_batch(path: &Path, batch: &RecordBatch) {
    let properties = WriterProperties::builder()
        .set_key_value_metadata(Some(vec![checksum::placeholder()]))
        .build();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    checksum::embed(path).unwrap();
}

fn quality_route_returns_what_the_command_prints(warehouse: Warehouse) {
    let work = warehouse.mini();
    three_dates(&work);
    work.ok(&["quality", "--quiet"]);
    work.ok(&["load", "--quiet"]);
    work.ok(&["views", "--quiet"]);
    let server = Server::start(&work);
    for (query, args) in [
        ("", &[][..]),
        ("&date=2024-10-01", &["--date", "2024-10-01"]),
        ("&from=2024-10-02&to=2024-10-03", &["--from", "2024-10-02", "--to", "2024-10-03"]),
    ] {
        let reported = work.ok(&[&["quality", "--format", "json"], args].concat());
        let got = server.get(&format!("/quality?format=json{query}")).ok();
        assert_eq!(got, reported, "{query}");
    }
    assert_eq!(server.get("/quality").json()["dates"].as_array().unwrap().len(), 3);
    let page = server.get_with("/quality", "accept", "text/html").ok();
    assert!(page.contains("20 clock hours without events"), "{page}");
    let summary = server.get("/summary").json();
    let newest =
        json!({ "date": "2024-10-03", "provisional": true, "warnings": 0, "criticals": 0 });
    assert_eq!(summary["quality"], newest);
    assert_eq!(server.get("/tables/quality_daily?format=csv").ok(), DAILY);
    for (query, word) in
        [("limit=1", "limit"), ("lau=x", "lau"), ("format=csv", "format"), ("date=x", "date")]
    {
        let got = server.get(&format!("/quality?{query}"));
        assert_eq!((got.status, got.json()["parameter"].as_str()), (400, Some(word)), "{query}");
    }
    let tag = server.get("/quality").header("etag").to_owned();
    assert_eq!(server.get_with("/quality", "if-none-match", &tag).status, 304);
    let described = server.get("/openapi.json").json();
    for path in ["/quality", "/tables/quality_daily", "/tables/quality_codes"] {
        assert!(described["paths"][path].is_object(), "{path}");
    }
}

test_on_each_warehouse!(quality_route_returns_what_the_command_prints);

#[test]
fn a_date_on_which_no_event_finds_a_place_is_critical() {
    let work = Workspace::mini();
    work.remove("raw/cells");
    work.write("raw/cells/plan.csv", "cell_id,latitude,longitude\nA1,59.13,9.9\n");
    let ran = work.run(&["run-all"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    for words in ["no event of 2024-10-01 and of 1 more date finds a place", "mobility check"] {
        assert!(ran.stderr.contains(words), "no {words:?} in {}", ran.stderr);
    }
    let words = ["--fail-on critical", "none of", "finds a place"];
    work.fails(&["quality", "--fail-on", "critical"], 1, &words);
    assert_eq!(work.run(&["check"]).status, 1);
}

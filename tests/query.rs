//! `query`: names, filters, formats.

use std::io::Read;
use std::process::Stdio;

use crate::harness::{
    ProgramOutput, VIEW_ALIASES, Warehouse, Workspace, expected, test_on_each_warehouse,
};

fn every_alias_gives_the_rows_of_its_view(warehouse: Warehouse) {
    let work = warehouse.loaded();
    for (alias, view) in VIEW_ALIASES {
        assert_eq!(work.ok(&["query", alias, "--format", "csv"]), expected(view), "{alias}");
    }
}

test_on_each_warehouse!(every_alias_gives_the_rows_of_its_view);

fn filters_keep_the_lines_they_should(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let csv = |args: &[&str]| work.ok(&[&["query"], args, &["--format", "csv"]].concat());
    let all = expected("view_users_per_lau_day_night");
    let header = all.lines().next().unwrap();
    let lines = |keep: &dyn Fn(&str) -> bool| -> String {
        let kept = all.lines().skip(1).filter(|l| keep(l));
        std::iter::once(header).chain(kept).map(|l| format!("{l}\n")).collect()
    };
    let view = "users-per-lau-day-night";
    let second = |l: &str| l.starts_with("2024-10-02");
    assert_eq!(csv(&[view, "--date", "2024-10-02"]), lines(&second));
    assert_eq!(csv(&[view, "--from", "2024-10-02"]), lines(&second));
    assert_eq!(csv(&[view, "--to", "2024-10-01"]), lines(&|l| !second(l)));
    assert_eq!(csv(&[view, "--lau", "EE_0003"]), lines(&|l| l.contains("EE_0003")));
    let both = csv(&[view, "--lau", "EE_0003", "--from", "2024-10-02", "--to", "2024-10-31"]);
    assert_eq!(both, lines(&|l| l.contains("EE_0003") && second(l)));
    assert_eq!(csv(&[view, "--date", "2030-01-01"]), format!("{header}\n"));
    // views without a date are filtered by their hour, midnight included once
    let hours = expected("agg_events_per_hour");
    let first: String =
        hours.lines().filter(|l| !l.starts_with("2024-10-02")).map(|l| format!("{l}\n")).collect();
    assert_eq!(csv(&["number-of-events-per-hour", "--date", "2024-10-01"]), first);
}

test_on_each_warehouse!(filters_keep_the_lines_they_should);

fn rows_are_ordered_and_cut_as_asked_with_the_views_own_order_for_ties(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let rows = work.ok(&[
        "query",
        "users-per-lau",
        "--order-by",
        "user_count:desc",
        "--limit",
        "3",
        "--offset",
        "1",
        "--format",
        "csv",
    ]);
    let expected = "lau_id,lau_name,date,user_count\n\
    EE_0001,Õis linn,2024-10-01,2\n\
    EE_0002,\"Maa, \"\"vald\"\"\",2024-10-01,2\n\
    EE_0003,Saare vald,2024-10-01,2\n";
    assert_eq!(rows, expected);
    assert_eq!(
        work.ok(&["query", "users-per-lau", "--limit", "0", "--format", "csv"]).lines().count(),
        1
    );
}

test_on_each_warehouse!(rows_are_ordered_and_cut_as_asked_with_the_views_own_order_for_ties);

fn wrong_usage_ends_with_2_and_a_hint(warehouse: Warehouse) {
    let work = warehouse.loaded();
    work.fails(&["query", "user-per-lau"], 2, &["\"users-per-lau\""]);
    work.fails(&["query", "USERS-PER-LAU"], 2, &["\"users-per-lau\""]);
    work.fails(&["query", "cel_plan"], 2, &["\"cell_plan\""]);
    work.fails(&["query", "events-per-hour-2024-10-02"], 2, &["views.snapshot_dates"]);
    work.fails(
        &["query", "user-location-distribution", "--date", "2024-10-01"],
        2,
        &["neither date nor hour"],
    );
    work.fails(&["query", "number-of-events-per-hour", "--lau", "EE_0001"], 2, &["no lau_id"]);
    work.fails(&["query", "users-per-lau", "--order-by", "user_cout"], 2, &["\"user_count\""]);
    work.fails(&["query", "users-per-lau", "--order-by", "date:up"], 2, &["date:desc"]);
    work.fails(&["query", "user-location-distribution", "--format", "geojson"], 2, &["lau_id"]);
    work.fails(&["query", "users-per-lau", "--date", "1 October"], 2, &["--date"]);
    work.fails(&["query"], 2, &["view or table", "--sql", "query --list"]);
}

test_on_each_warehouse!(wrong_usage_ends_with_2_and_a_hint);

fn an_empty_warehouse_says_how_to_fill_it(warehouse: Warehouse) {
    let work = warehouse.mini();
    work.fails(&["query", "users-per-lau"], 1, &["no data yet", "mobility run-all"]);
}

test_on_each_warehouse!(an_empty_warehouse_says_how_to_fill_it);

fn a_reader_that_goes_away_is_no_failure(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let mut child = work
    .command(&["query", "--format", "csv", "--sql", "SELECT a.cell_id FROM cell_plan a CROSS JOIN cell_plan b CROSS JOIN cell_plan c CROSS JOIN cell_plan d CROSS JOIN cell_plan e"])
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut start = [0; 8];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap();
    // the pipe is closed here, with nearly all of 100,000 rows unread
    let ran = ProgramOutput::of(child.wait_with_output().unwrap());
    assert_eq!((&start, ran.status, ran.stderr.as_str()), (b"cell_id\n", 0, ""));
}

test_on_each_warehouse!(a_reader_that_goes_away_is_no_failure);

fn every_format_holds_the_same_rows(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let view = "users-per-lau-day-night";
    let json: Vec<serde_json::Value> =
        serde_json::from_str(&work.ok(&["query", view, "--format", "json"])).unwrap();
    assert_eq!(json.len(), 8);
    assert_eq!(json[2]["lau_name"], "Saare vald");
    assert_eq!((&json[6]["day_users"], &json[6]["date"]), (&3.into(), &"2024-10-02".into()));
    let lines = work.ok(&["query", view, "--format", "ndjson"]);
    let rows: Vec<serde_json::Value> =
        lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(rows, json);
    let geo: serde_json::Value =
        serde_json::from_str(&work.ok(&["query", view, "--format", "geojson"])).unwrap();
    let island = &geo["features"][2];
    assert_eq!(island["properties"]["lau_id"], "EE_0003");
    assert_eq!(island["geometry"]["coordinates"].as_array().unwrap().len(), 2);
    let corner = island["geometry"]["coordinates"][0][0][0].as_array().unwrap().clone();
    assert_eq!(corner[0], 10.0, "the border is at 10 degrees east");
    assert!(work.ok(&["query", view, "--format", "markdown"]).starts_with("| date | lau_id |"));
    assert!(work.ok(&["query", view, "--format", "table"]).contains("8 rows"));
}

test_on_each_warehouse!(every_format_holds_the_same_rows);

fn binary_formats_read_back_and_carry_their_crs(warehouse: Warehouse) {
    use arrow::ipc::reader::FileReader;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let work = warehouse.loaded();
    work.ok(&["query", "users-per-lau-day-night", "--output", "out.parquet"]);
    work.ok(&["query", "users-per-lau-day-night", "--output", "out.arrow"]);
    work.ok(&["query", "lau", "--output", "lau.parquet"]);
    let open = |name: &str| {
        ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(work.path(name)).unwrap())
            .unwrap()
    };
    let parquet: Vec<_> = open("out.parquet").build().unwrap().map(Result::unwrap).collect();
    let arrow: Vec<_> =
        FileReader::try_new(std::fs::File::open(work.path("out.arrow")).unwrap(), None)
            .unwrap()
            .map(Result::unwrap)
            .collect();
    assert_eq!(parquet[0].num_rows(), 8);
    assert_eq!(parquet[0].columns(), arrow[0].columns());
    let lau = open("lau.parquet");
    let entries = lau.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let geo = entries.iter().find(|e| e.key == "geo").unwrap().value.clone().unwrap();
    let geo: serde_json::Value = serde_json::from_str(&geo).unwrap();
    assert_eq!(geo["columns"]["geometry"]["crs"]["id"]["code"], 3035);
}

test_on_each_warehouse!(binary_formats_read_back_and_carry_their_crs);

fn an_output_file_is_whole_or_not_there(warehouse: Warehouse) {
    let work = warehouse.loaded();
    work.write("out.csv", "old");
    work.fails(
        &[
            "query",
            "--sql",
            "SELECT CAST(lau_name AS INT) FROM lau",
            "--format",
            "csv",
            "--output",
            "out.csv",
        ],
        1,
        &[],
    );
    assert_eq!(work.read("out.csv"), "old");
    work.ok(&["query", "users-per-lau", "--output", "out.csv"]);
    assert_eq!(work.read("out.csv"), expected("agg_users_per_lau_per_day"));
    work.fails(&["query", "users-per-lau", "--output", "out.xyz"], 2, &[".xyz", "--format"]);
}

test_on_each_warehouse!(an_output_file_is_whole_or_not_there);

fn the_terminal_is_never_driven_by_the_data(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let table = work.ok(&["query", "--sql", "SELECT chr(27) || '[31m' AS x"]);
    assert!(!table.contains('\u{1b}'), "{table:?}");
}

test_on_each_warehouse!(the_terminal_is_never_driven_by_the_data);

fn an_answer_without_rows_says_why(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let asked = |args: &[&str]| work.run(&[&["query", "users-per-lau"], args].concat());
    let ran = asked(&["--lau", "EE_XX", "--from", "2024-10-01"]);
    let said = "no rows: none of the 5 rows of agg_users_per_lau_per_day pass \
                --from 2024-10-01 --lau EE_XX\n";
    assert_eq!((ran.status, ran.stderr.as_str()), (0, said));
    assert_eq!(asked(&["--lau", "EE_XX", "--quiet"]).err, "");
    assert_eq!(asked(&["--limit", "0"]).err, "");
    assert!(asked(&["--offset", "99", "--output", "x.csv"]).err.contains("--offset 99"));
}

test_on_each_warehouse!(an_answer_without_rows_says_why);

#[test]
fn days_must_run_forwards() {
    let work = Workspace::empty();
    let args = ["query", "users-per-lau", "--from", "2024-10-02", "--to", "2024-10-01"];
    work.fails(&args, 2, &["--from 2024-10-02 is after --to 2024-10-01"]);
}

fn a_table_that_goes_to_no_terminal_is_whole(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let sql = "SELECT a.cell_id FROM cell_plan a CROSS JOIN cell_plan b CROSS JOIN cell_plan c \
               CROSS JOIN cell_plan d";
    let table = work.ok(&["query", "--sql", sql]);
    assert_eq!(table.lines().count(), 10_000 + 5);
    assert!(table.ends_with("10,000 rows\n"));
}

test_on_each_warehouse!(a_table_that_goes_to_no_terminal_is_whole);

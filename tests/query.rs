//! `query`: names, filters, order, formats, errors.

use std::io::Read;
use std::process::Stdio;

use crate::harness::{
    ProgramOutput, VIEW_ALIASES, Warehouse, Workspace, expected, test_on_each_warehouse,
};

fn aliases_return_the_rows_of_their_view(warehouse: Warehouse) {
    let work = warehouse.loaded();
    for (alias, view) in VIEW_ALIASES {
        assert_eq!(work.ok(&["query", alias, "--format", "csv"]), expected(view), "{alias}");
    }
}

test_on_each_warehouse!(aliases_return_the_rows_of_their_view);

fn filters_keep_matching_rows(warehouse: Warehouse) {
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
    // views without a date are filtered by their hour; midnight belongs to the new day
    let hours = expected("agg_events_per_hour");
    let first: String =
        hours.lines().filter(|l| !l.starts_with("2024-10-02")).map(|l| format!("{l}\n")).collect();
    assert_eq!(csv(&["number-of-events-per-hour", "--date", "2024-10-01"]), first);
}

test_on_each_warehouse!(filters_keep_matching_rows);

fn order_and_limit_apply_with_the_order_of_the_view_for_ties(warehouse: Warehouse) {
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

test_on_each_warehouse!(order_and_limit_apply_with_the_order_of_the_view_for_ties);

fn usage_errors_exit_with_2_and_a_hint(warehouse: Warehouse) {
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

test_on_each_warehouse!(usage_errors_exit_with_2_and_a_hint);

fn empty_warehouse_is_reported_with_the_remedy(warehouse: Warehouse) {
    let work = warehouse.mini();
    work.fails(&["query", "users-per-lau"], 1, &["no data yet", "mobility run-all"]);
}

test_on_each_warehouse!(empty_warehouse_is_reported_with_the_remedy);

fn closed_pipe_is_not_an_error(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let mut child = work
    .command(&["query", "--format", "csv", "--sql", "SELECT a.cell_id FROM cell_plan a CROSS JOIN cell_plan b CROSS JOIN cell_plan c CROSS JOIN cell_plan d CROSS JOIN cell_plan e"])
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut start = [0; 8];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap();
    // the pipe is closed here, with most of 100,000 rows unread
    let ran = ProgramOutput::of(child.wait_with_output().unwrap());
    assert_eq!((&start, ran.status, ran.stderr.as_str()), (b"cell_id\n", 0, ""));
}

test_on_each_warehouse!(closed_pipe_is_not_an_error);

fn text_formats_contain_the_same_rows(warehouse: Warehouse) {
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

test_on_each_warehouse!(text_formats_contain_the_same_rows);

fn binary_formats_can_be_read_and_contain_the_crs(warehouse: Warehouse) {
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

test_on_each_warehouse!(binary_formats_can_be_read_and_contain_the_crs);

fn output_file_is_complete_or_unchanged(warehouse: Warehouse) {
    let work = warehouse.loaded();
    work.write("out.csv", "old");
    let sql = "SELECT CAST(lau_name AS INT) FROM lau";
    let args = ["query", "--sql", sql, "--format", "csv", "--output", "out.csv"];
    let reason = match warehouse {
        Warehouse::Embedded => "Cannot cast string",
        Warehouse::Postgis => "invalid input syntax for type integer",
    };
    work.fails(&args, 1, &[reason, "linn"]);
    assert_eq!(work.read("out.csv"), "old");
    work.ok(&["query", "users-per-lau", "--output", "out.csv"]);
    assert_eq!(work.read("out.csv"), expected("agg_users_per_lau_per_day"));
    work.fails(&["query", "users-per-lau", "--output", "out.xyz"], 2, &[".xyz", "--format"]);
}

test_on_each_warehouse!(output_file_is_complete_or_unchanged);

fn control_characters_in_data_are_escaped(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let table = work.ok(&["query", "--sql", "SELECT chr(27) || '[31m' AS x"]);
    assert!(!table.contains('\u{1b}'), "{table:?}");
}

test_on_each_warehouse!(control_characters_in_data_are_escaped);

fn empty_answer_names_the_filters(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let requested = |args: &[&str]| work.run(&[&["query", "users-per-lau"], args].concat());
    let ran = requested(&["--lau", "EE_XX", "--from", "2024-10-01"]);
    let printed = "no rows: none of the 5 rows of agg_users_per_lau_per_day pass \
                --from 2024-10-01 --lau EE_XX\n";
    assert_eq!((ran.status, ran.stderr.as_str()), (0, printed));
    assert_eq!(requested(&["--lau", "EE_XX", "--quiet"]).stderr, "");
    assert_eq!(requested(&["--limit", "0"]).stderr, "");
    assert!(requested(&["--offset", "99", "--output", "x.csv"]).stderr.contains("--offset 99"));
}

test_on_each_warehouse!(empty_answer_names_the_filters);

#[test]
fn from_after_to_is_a_usage_error() {
    let work = Workspace::empty();
    let args = ["query", "users-per-lau", "--from", "2024-10-02", "--to", "2024-10-01"];
    work.fails(&args, 2, &["--from 2024-10-02 is after --to 2024-10-01"]);
}

fn table_written_to_a_pipe_is_complete(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let sql = "SELECT a.cell_id FROM cell_plan a CROSS JOIN cell_plan b CROSS JOIN cell_plan c \
               CROSS JOIN cell_plan d";
    let table = work.ok(&["query", "--sql", sql]);
    assert_eq!(table.lines().count(), 10_000 + 5);
    assert!(table.ends_with("10,000 rows\n"));
}

test_on_each_warehouse!(table_written_to_a_pipe_is_complete);

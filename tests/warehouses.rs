//! Conformance: every warehouse gives the answers that were derived from the raw events.

use crate::harness::{
    EXAMPLE_VIEWS, Warehouse, Workspace, expected, read_table, test_on_each_warehouse,
};

fn views_equal_the_tables_derived_from_the_raw_events(warehouse: Warehouse) {
    let work = warehouse.loaded();
    for (name, view) in EXAMPLE_VIEWS {
        for requested in [name, view] {
            let csv = work.ok(&["query", requested, "--format", "csv"]);
            assert_eq!(csv, expected(view), "{view}");
        }
    }
}

test_on_each_warehouse!(views_equal_the_tables_derived_from_the_raw_events);

fn every_cell_is_placed_as_the_drawing_shows(warehouse: Warehouse) {
    let placed = "cell_id,valid_date_start,valid_date_end,lau_id,lau_match,lau_distance_m\n\
        100,2024-09-01,,EE_0002,within,0\n\
        200,,,EE_0001,within,0\n\
        300,2024-09-01,2024-12-31,EE_0003,within,0\n\
        400,,,EE_0003,within,0\n\
        500,,,EE_0002,boundary,0\n\
        600,,2024-10-01,EE_0002,within,0\n\
        600,2024-10-02,,EE_0003,within,0\n\
        700,,,,outside,\n\
        800,2024-10-03,,EE_0004,within,0\n\
        960000000000001,,,EE_0003,within,0\n";
    let work = warehouse.loaded();
    let sql = "SELECT cell_id, valid_date_start, valid_date_end, lau_id, lau_match, lau_distance_m \
               FROM cell_plan ORDER BY cell_id, valid_date_start NULLS FIRST";
    assert_eq!(work.ok(&["query", "--sql", sql, "--format", "csv"]), placed);
}

test_on_each_warehouse!(every_cell_is_placed_as_the_drawing_shows);

fn hourly_presence_has_first_last_and_count(warehouse: Warehouse) {
    let rows = "user_id,cell_id,date,hour,first_seen,last_seen,event_count\n\
        aa01,200,2024-10-01,2024-10-01 12:00:00,2024-10-01 12:30:00,2024-10-01 12:45:30,2\n\
        aa01,100,2024-10-01,2024-10-01 20:00:00,2024-10-01 20:00:00,2024-10-01 20:00:00,1\n\
        aa01,100,2024-10-01,2024-10-01 23:00:00,2024-10-01 23:59:59,2024-10-01 23:59:59,1\n\
        aa01,100,2024-10-02,2024-10-02 00:00:00,2024-10-02 00:00:00,2024-10-02 00:00:00,1\n";
    let work = warehouse.loaded();
    let sql = "SELECT * FROM mobile_events_compressed WHERE user_id = 'aa01' \
               AND hour >= TIMESTAMP '2024-10-01 12:00:00' AND cell_id <> '600' ORDER BY hour";
    assert_eq!(work.ok(&["query", "--sql", sql, "--format", "csv"]), rows);
}

test_on_each_warehouse!(hourly_presence_has_first_last_and_count);

fn raw_events_can_be_queried(warehouse: Warehouse) {
    let work = warehouse.mini();
    // PostGIS loads raw events only if configured; the embedded warehouse reads the files
    work.config("[load]\nuncompressed = true\n");
    work.ok(&["run-all"]);
    let sql = "SELECT COUNT(*) AS n, COUNT(DISTINCT user_id) AS users, MIN(timestamp) AS first, \
               MAX(cell_id) AS cell FROM mobile_events_uncompressed";
    let answer = work.ok(&["query", "--sql", sql, "--format", "csv"]);
    assert_eq!(answer, "n,users,first,cell\n26,6,2024-10-01 03:00:00,999\n");
}

test_on_each_warehouse!(raw_events_can_be_queried);

fn counts_beyond_32_bits_are_exact(warehouse: Warehouse) {
    let work = warehouse.loaded();
    // with and without a cast: the engines have different types for SUM over integers
    let sql = "SELECT CAST(SUM(event_count * 1000000000) AS BIGINT) AS n, \
               SUM(event_count * 1000000000) AS m FROM mobile_events_compressed";
    assert_eq!(
        work.ok(&["query", "--sql", sql, "--format", "json"]),
        "[\n{\"n\":25000000000,\"m\":25000000000}\n]\n"
    );
}

test_on_each_warehouse!(counts_beyond_32_bits_are_exact);

fn statements_that_write_are_rejected_by_the_engine(warehouse: Warehouse) {
    let work = warehouse.loaded();
    let before = everything(&work);
    // what is rejected, and the reason of either engine: PostgreSQL reads through a cursor
    for (sql, embedded, postgis) in [
        ("DROP TABLE lau", "DDL not supported: DropTable", "at or near \"DROP\""),
        ("DROP VIEW agg_events_per_hour", "DDL not supported: DropView", "at or near \"DROP\""),
        ("DELETE FROM lau", "DML not supported: Delete", "at or near \"DELETE\""),
        ("UPDATE lau SET lau_name = 'x'", "DML not supported: Update", "at or near \"UPDATE\""),
        (
            "INSERT INTO lau SELECT * FROM lau",
            "DML not supported: Insert Into",
            "at or near \"INSERT\"",
        ),
        (
            "CREATE TABLE t AS SELECT 1",
            "DDL not supported: CreateMemoryTable",
            "at or near \"CREATE\"",
        ),
        ("COPY lau TO 'stolen.csv'", "DML not supported: COPY", "at or near \"COPY\""),
        (
            "SET datafusion.execution.batch_size = 1",
            "Statement not supported: SetVariable",
            "at or near \"SET\"",
        ),
        (
            "SELECT 1; DROP TABLE lau",
            "only supports a single SQL statement",
            "multiple commands into a prepared statement",
        ),
        (
            "WITH gone AS (DELETE FROM lau RETURNING *) SELECT * FROM gone",
            "DELETE FROM lau RETURNING * not implemented",
            "data-modifying statements in WITH",
        ),
    ] {
        let reason = match warehouse {
            Warehouse::Embedded => embedded,
            Warehouse::Postgis => postgis,
        };
        work.fails(&["query", "--sql", sql], 1, &[reason]);
    }
    assert_eq!(everything(&work), before);
    assert!(!work.path("stolen.csv").exists());
}

test_on_each_warehouse!(statements_that_write_are_rejected_by_the_engine);

/// Rows of all tables and views.
fn everything(work: &Workspace) -> Vec<String> {
    let tables = ["cell_plan", "lau", "mobile_events_compressed"];
    let views = EXAMPLE_VIEWS.iter().map(|(_, view)| *view);
    tables.into_iter().chain(views).map(|r| work.ok(&["query", r, "--format", "csv"])).collect()
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn both_warehouses_give_the_same_bytes_in_every_format() {
    let [embedded, postgis] = [Warehouse::Embedded, Warehouse::Postgis].map(Warehouse::loaded);
    let mut views: Vec<&str> = EXAMPLE_VIEWS.iter().map(|(_, view)| *view).collect();
    views.extend(["cell_plan", "lau", "mobile_events_compressed"]);
    for relation in views {
        for format in ["csv", "json", "ndjson", "markdown", "table"] {
            let args = ["query", relation, "--format", format];
            assert_eq!(postgis.ok(&args), embedded.ok(&args), "{relation} as {format}");
        }
        let mapped = ["lau", "cell_plan"].contains(&relation) || relation.contains("lau");
        if mapped {
            let args = ["query", relation, "--format", "geojson"];
            assert_eq!(postgis.ok(&args), embedded.ok(&args), "{relation} as GeoJSON");
        }
        for ending in ["parquet", "arrow"] {
            let name = format!("{relation}.{ending}");
            let args = ["query", relation, "--output", &name];
            postgis.ok(&args);
            embedded.ok(&args);
            let read = |work: &Workspace| read_table(&work.path(&name));
            assert_eq!(read(&postgis), read(&embedded), "{name}");
        }
    }
}

fn views_that_compare_or_show_ids_see_the_same_ids(warehouse: Warehouse) {
    let views = [
        (
            "silent_cells",
            "-- order: cell_id\nSELECT c.cell_id FROM cell_plan c LEFT JOIN mobile_events_compressed e \
             ON e.cell_id = c.cell_id WHERE e.cell_id IS NULL",
            "cell_id\n800\n",
        ),
        (
            "users_of_cells",
            "-- order: cell_id\nSELECT cell_id, COUNT(DISTINCT user_id) AS users \
             FROM mobile_events_compressed GROUP BY cell_id",
            "cell_id,users\n100,1\n200,2\n300,2\n400,1\n500,1\n600,2\n700,1\n960000000000001,1\n\
             999,2\n",
        ),
        (
            "last_two_days",
            "-- order: user_id\nSELECT a.user_id FROM (SELECT DISTINCT user_id \
             FROM mobile_events_compressed WHERE date = DATE '2024-10-01') AS a \
             JOIN (SELECT DISTINCT user_id FROM mobile_events_compressed \
             WHERE date = DATE '2024-10-02') AS b ON a.user_id = b.user_id",
            "user_id\naa01\nbb02\ncc03\ndd04\n",
        ),
        (
            "first_letters",
            "-- order: letter\nSELECT SUBSTR(user_id, 1, 1) AS letter, COUNT(DISTINCT user_id) AS users \
             FROM mobile_events_compressed GROUP BY SUBSTR(user_id, 1, 1)",
            "letter,users\na,1\nb,1\nc,1\nd,1\ne,1\nf,1\n",
        ),
    ];
    let work = warehouse.mini();
    for (name, sql, _) in views {
        work.write(&format!("views/{name}.sql"), sql);
    }
    work.config("");
    work.ok(&["run-all"]);
    for (name, _, rows) in views {
        assert_eq!(work.ok(&["query", name, "--format", "csv"]), rows, "{name}");
    }
}

test_on_each_warehouse!(views_that_compare_or_show_ids_see_the_same_ids);

fn text_is_sorted_by_bytes_and_nulls_come_last(warehouse: Warehouse) {
    let work = warehouse.loaded();
    // Õ sorts after all ASCII letters in UTF-8, unlike in Estonian
    let names = work.ok(&["query", "lau", "--order-by", "lau_name", "--format", "csv"]);
    let names: Vec<&str> = names.lines().skip(1).map(|l| l.split(',').next().unwrap()).collect();
    assert_eq!(names, ["EE_0002", "EE_0003", "EE_0004", "EE_0001"]);
    let cells = work.ok(&["query", "cell_plan", "--order-by", "lau_id", "--format", "csv"]);
    assert!(cells.lines().last().unwrap().starts_with("700,"), "{cells}");
    let cells = work.ok(&["query", "cell_plan", "--order-by", "lau_id:desc", "--format", "csv"]);
    assert!(cells.lines().nth(1).unwrap().starts_with("700,"), "{cells}");
    let ordered = work.ok(&[
        "query",
        "--sql",
        "SELECT MIN(lau_name) AS a, MAX(lau_name) AS z FROM lau",
        "--format",
        "csv",
    ]);
    assert!(ordered.ends_with(",Õis linn\n"), "{ordered}");
}

test_on_each_warehouse!(text_is_sorted_by_bytes_and_nulls_come_last);

fn errors_in_sql_name_line_and_column(warehouse: Warehouse) {
    let work = warehouse.loaded();
    work.fails(&["query", "--sql", "SELECT nope FROM lau"], 1, &["line 1, column 8", "nope"]);
    work.fails(&["query", "--sql", "SELECT 1 FROM laux"], 1, &["did you mean \"lau\""]);
    work.fails(
        &["query", "--sql", "SELECT * FROM \"users-per-lau\""],
        1,
        &["in SQL that view is named agg_users_per_lau_per_day"],
    );
    work.fails(&["query", "--sql", "SELEC 1"], 1, &["line 1, column 1"]);
}

test_on_each_warehouse!(errors_in_sql_name_line_and_column);

fn period_without_events_gives_headers_without_rows(warehouse: Warehouse) {
    use arrow::array::{BinaryArray, Int64Array, TimestampMicrosecondArray};

    use crate::harness::array;
    let work = warehouse.mini();
    work.remove("raw/events");
    work.write_events(
        "none.parquet",
        vec![
            ("user_id", array(BinaryArray::from_vec(vec![]))),
            ("cell_id", array(Int64Array::from(Vec::<i64>::new()))),
            ("timestamp", array(TimestampMicrosecondArray::from(Vec::<i64>::new()))),
        ],
    );
    work.ok(&["run-all"]);
    for (name, view) in EXAMPLE_VIEWS {
        let header = expected(view).lines().next().unwrap().to_owned() + "\n";
        assert_eq!(work.ok(&["query", name, "--format", "csv"]), header, "{view}");
    }
}

test_on_each_warehouse!(period_without_events_gives_headers_without_rows);

/// The views whose results are kept by date.
const BY_DATE: [&str; 5] = [
    "number-of-events-per-hour",
    "number-of-unique-users-per-hour",
    "number-of-unique-cells-per-user",
    "users-per-lau",
    "users-per-lau-day-night",
];

#[test]
fn dates_computed_together_equal_dates_computed_alone() {
    let together = Workspace::synthetic(&[
        "--days", "6", "--events", "3000", "--users", "300", "--laus", "10", "--cells", "200",
    ]);
    let alone = Workspace::copy_of(&together);
    together.ok(&["run-all", "--quiet"]);
    // one date after the other arrives
    let dates = alone.path("raw/events/year=2024/month=10");
    let later = alone.path("later");
    std::fs::rename(&dates, &later).unwrap();
    std::fs::create_dir(&dates).unwrap();
    for day in 1..=6 {
        let name = format!("day={day}");
        std::fs::rename(later.join(&name), dates.join(&name)).unwrap();
        alone.ok(&["run-all", "--quiet"]);
    }
    for view in BY_DATE {
        let csv = |work: &Workspace| work.ok(&["query", view, "--format", "csv"]);
        assert!(csv(&together).lines().count() > 6, "{view}");
        assert_eq!(csv(&together), csv(&alone), "{view}");
        // one result for each date; dates that are computed together share a file
        let sql_name = EXAMPLE_VIEWS.iter().find(|(name, _)| *name == view).unwrap().1;
        let results = |work: &Workspace| {
            let text = work.read(&format!("warehouse/results/{sql_name}.json"));
            let list: serde_json::Value =
                serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
            (list["current"].as_array().unwrap().len(), list["files"].as_object().unwrap().len())
        };
        assert_eq!((results(&together), results(&alone)), ((6, 1), (6, 6)), "{view}");
    }
}

#[test]
fn view_by_date_that_depends_on_other_dates_gets_one_date_at_a_time() {
    let work = Workspace::mini();
    work.copy_shipped_views();
    work.write(
        "views/own.sql",
        "-- name: own\n-- view: own\n-- title: t\n-- order: date\n-- by: date\n-- chart: table\n\
         WITH dates AS (SELECT DISTINCT date FROM mobile_events_compressed)\n\
         SELECT a.date, COUNT(*) AS dates FROM dates a CROSS JOIN dates b GROUP BY a.date\n",
    );
    work.ok(&["run-all", "--quiet"]);
    let csv = work.ok(&["query", "own", "--format", "csv"]);
    assert_eq!(csv, "date,dates\n2024-10-01,1\n2024-10-02,1\n");
}

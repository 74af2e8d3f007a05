//! Views of the user beside those that are built into the program.

use serde_json::Value;

use crate::harness::{EXAMPLE_VIEWS, Warehouse, Workspace, expected, root, test_on_each_warehouse};
use crate::serve::Server;

const BUSIEST: &str = "-- name: busiest-cells\n-- title: Cells with the most events\n\
    -- order: cell_id\n-- chart: bar cell_id n\n\
    SELECT cell_id, CAST(SUM(event_count) AS BIGINT) AS n FROM mobile_events_compressed\n\
    GROUP BY cell_id\n";
const BUSIEST_ROWS: &str =
    "cell_id,n\n100,5\n200,3\n300,3\n400,3\n500,2\n600,2\n700,2\n960000000000001,2\n999,3\n";
/// In place of the built-in users per LAU, with other rows in the same columns.
const USERS: &str = "-- order: date, lau_id\n-- chart: map user_count\n\
    SELECT lau_id, lau_name, DATE '2024-10-02' AS date, CAST(7 AS BIGINT) AS user_count FROM lau\n";

/// A workspace with these view files and the built-in views, not yet run.
fn with_views(warehouse: Warehouse, files: &[(&str, &str)]) -> Workspace {
    let work = warehouse.mini();
    for (name, sql) in files {
        work.write(&format!("views/{name}.sql"), sql);
    }
    work.config("");
    work.add_builtin_views();
    work
}

fn own_views_add_to_the_built_in_ones(warehouse: Warehouse) {
    let work = with_views(warehouse, &[("busiest_cells", BUSIEST)]);
    let ran = work.run(&["run-all"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(!ran.stderr.contains("replaces"), "{}", ran.stderr);
    assert_eq!(work.ok(&["query", "busiest-cells", "--format", "csv"]), BUSIEST_ROWS);
    for (name, view) in EXAMPLE_VIEWS {
        assert_eq!(work.ok(&["query", name, "--format", "csv"]), expected(view), "{name}");
    }
    let checked = work.ok(&["check"]);
    assert!(checked.contains(" views, 1 of them in "), "{checked}");
    let listed = work.ok(&["views", "--list"]);
    assert!(listed.contains("busiest-cells") && listed.contains("users-per-lau-day-night"));
    let server = Server::start(&work);
    let csv = server.get("/busiest-cells?format=csv");
    assert_eq!(String::from_utf8(csv.body).unwrap(), BUSIEST_ROWS);
    assert_eq!(server.get("/users-per-lau?format=csv").status, 200);
    let views: Value = serde_json::from_slice(&server.get("/views").body).unwrap();
    let names: Vec<&str> =
        views["views"].as_array().unwrap().iter().filter_map(|v| v["name"].as_str()).collect();
    assert!(names.contains(&"busiest-cells") && names.contains(&"users-per-lau"), "{names:?}");
}

test_on_each_warehouse!(own_views_add_to_the_built_in_ones);

fn own_view_replaces_the_built_in_one_of_the_same_name_with_a_remark(warehouse: Warehouse) {
    let work = with_views(warehouse, &[("agg_users_per_lau_per_day", USERS)]);
    let remark =
        "agg_users_per_lau_per_day.sql replaces the built-in view agg_users_per_lau_per_day";
    let ran = work.run(&["run-all"]);
    assert!(ran.stderr.contains(remark), "{}", ran.stderr);
    let rows = "lau_id,lau_name,date,user_count\nEE_0001,Õis linn,2024-10-02,7\n";
    // under all names of the built-in view, and in the views that read it
    for name in ["users-per-lau", "agg_users_per_lau_per_day", "agg-users-per-lau-per-day"] {
        let csv = work.ok(&["query", name, "--format", "csv"]);
        assert!(csv.starts_with(rows) && csv.lines().count() == 5, "{name}: {csv}");
    }
    let copy = work.ok(&["query", "unique-users-per-lau-per-day", "--format", "csv"]);
    assert!(copy.starts_with(rows), "{copy}");
    for args in [["views", "--refresh"], ["check", "--quiet"]] {
        let ran = work.run(&args);
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(remark), "{args:?}");
    }
    assert!(work.ok(&["views", "--list"]).contains("replaces the built-in view, from "));
    // nothing was computed, so that nothing is to be said
    assert!(!work.run(&["run-all"]).stderr.contains(remark));
    let server = Server::start(&work);
    assert!(work.read("serve.log").contains(remark));
    let csv = server.get("/users-per-lau?format=csv");
    assert!(String::from_utf8(csv.body).unwrap().starts_with(rows));
    drop(server);
    // without the file the built-in view is back
    work.remove("views/agg_users_per_lau_per_day.sql");
    work.ok(&["run-all"]);
    let csv = work.ok(&["query", "users-per-lau", "--format", "csv"]);
    assert_eq!(csv, expected("agg_users_per_lau_per_day"));
}

test_on_each_warehouse!(own_view_replaces_the_built_in_one_of_the_same_name_with_a_remark);

#[test]
fn views_of_the_program_can_be_left_out() {
    let work = with_views(Warehouse::Embedded, &[("busiest_cells", BUSIEST)]);
    work.config("");
    work.ok(&["run-all"]);
    work.fails(&["query", "users-per-lau"], 2, &["no view or table \"users-per-lau\""]);
    assert!(work.ok(&["check"]).contains("1 view in "));
    let config = work.read("pipeline.toml").replace("dir = ", "# ");
    work.write("pipeline.toml", config);
    work.fails(&["views"], 1, &["views.builtin = false leaves no views", "views.dir"]);
}

#[test]
fn one_snapshot_of_a_built_in_template_can_be_replaced() {
    let own = "-- name: events-per-hour-2024-10-01\nSELECT 1 AS x\n";
    let work = with_views(Warehouse::Embedded, &[("events_per_hour_2024_10_01", own)]);
    work.ok(&["run-all"]);
    for name in ["events-per-hour-2024-10-01", "number-of-events-per-hour-on-2024-10-01"] {
        assert_eq!(work.ok(&["query", name, "--format", "csv"]), "x\n1\n");
    }
    let csv = work.ok(&["query", "users-per-lau-2024-10-01", "--format", "csv"]);
    assert_eq!(csv, expected("unique_users_per_lau_2024_10_01"));
}

#[test]
fn query_name_of_a_built_in_view_is_refused_for_another_view() {
    // the name of the file makes the query name users-per-lau, of the view users_per_lau
    let work = with_views(Warehouse::Embedded, &[("users_per_lau", "SELECT 1 AS x\n")]);
    work.fails(
        &["run-all"],
        1,
        &["\"users-per-lau\"", "users_per_lau.sql", "`-- view: agg_users_per_lau_per_day`"],
    );
}

#[test]
fn empty_folder_of_views_leaves_the_built_in_ones() {
    let work = Workspace::mini();
    std::fs::create_dir(work.path("views")).unwrap();
    work.config("");
    work.fails(&["views", "--list"], 1, &["no .sql file"]);
    work.add_builtin_views();
    assert!(work.ok(&["views", "--list"]).contains("users-per-lau-day-night"));
    assert!(work.ok(&["check"]).contains("views built into the program"));
}

#[test]
fn exported_views_are_the_built_in_ones_and_change_nothing() {
    let work = Workspace::mini();
    // a configuration that cannot be read does not matter
    let config = work.read("pipeline.toml");
    work.write("pipeline.toml", "[nonsense]\n");
    let ran = work.run(&["views", "--export", "views"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let mut shipped = 0;
    for file in std::fs::read_dir(root().join("sql/views")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let exported = work.read(&format!("views/{name}"));
        assert_eq!(exported, std::fs::read_to_string(&path).unwrap());
        shipped += 1;
    }
    assert!(ran.stderr.contains(&format!("{shipped} view files written to views")));
    work.write("pipeline.toml", &config);
    work.config("");
    work.add_builtin_views();
    let ran = work.run(&["run-all"]);
    assert!(ran.status == 0 && !ran.stderr.contains("replaces"), "{}", ran.stderr);
    // a changed file is not overwritten, and a missing one is only written if nothing is in the way
    work.write("views/agg_events_per_hour.sql", "SELECT 1 AS x\n");
    work.remove("views/user_location_distribution.sql");
    work.fails(&["views", "--export", "views"], 1, &["agg_events_per_hour.sql", "differs"]);
    assert!(!work.path("views/user_location_distribution.sql").exists());
    work.remove("views/agg_events_per_hour.sql");
    let again = work.run(&["views", "--export", "views"]);
    assert!(again.stderr.contains("2 view files written"), "{}", again.stderr);
    work.fails(&["views", "--export", "x", "--refresh"], 2, &["--refresh"]);
}

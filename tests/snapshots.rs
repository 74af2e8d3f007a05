//! Snapshot views of the newest date, and of dates that are not loaded.

use arrow::array::{BinaryArray, Int64Array, TimestampMicrosecondArray};
use serde_json::Value;

use crate::harness::{Warehouse, Workspace, array, expected, test_on_each_warehouse};
use crate::serve::Server;

/// A workspace with these snapshot dates, not yet run.
pub fn with_snapshots(warehouse: Warehouse, dates: &str) -> Workspace {
    let work = warehouse.mini();
    work.set_snapshot_dates(dates);
    work
}

/// The header of a table and its rows that contain a text.
fn rows_with(table: &str, text: &str) -> String {
    let mut lines = table.lines();
    let header = lines.next().unwrap();
    let rows = lines.filter(|line| line.contains(text)).map(|line| format!("{line}\n"));
    format!("{header}\n{}", rows.collect::<String>())
}

fn snapshot_of_the_newest_date_follows_the_data(warehouse: Warehouse) {
    let work = with_snapshots(warehouse, "[\"newest\", \"2024-10-01\"]");
    work.ok(&["run-all"]);
    let csv = |name: &str| work.ok(&["query", name, "--format", "csv"]);
    let hours = rows_with(&expected("agg_events_per_hour"), "2024-10-02");
    assert_eq!(csv("events-per-hour-newest"), hours);
    assert_eq!(csv("events_per_hour_newest"), hours);
    assert_eq!(csv("number-of-events-per-hour-on-newest"), hours);
    let users = rows_with(&expected("agg_users_per_lau_per_day"), "2024-10-02");
    let newest = csv("users-per-lau-newest");
    assert_eq!(newest.lines().next(), Some("lau_id,lau_name,user_count"));
    assert_eq!(newest.lines().count(), users.lines().count());
    assert!(newest.lines().count() > 1);
    assert_eq!(csv("users-per-lau-2024-10-01"), expected("unique_users_per_lau_2024_10_01"));
    let listed = work.ok(&["views", "--list"]);
    assert!(listed.contains("Events per hour on the newest date"), "{listed}");
    let single = "Events per hour on the newest date\n";
    let after = listed.split_once(single).unwrap().1.lines().take(3).collect::<String>();
    assert!(!after.contains("rows of single users"), "{listed}");
    // one event at noon of the next day
    work.write_events(
        "year=2024/month=10/day=3/part-0.parquet",
        vec![
            ("user_id", array(BinaryArray::from_vec(vec![&[0xaa, 1]]))),
            ("cell_id", array(Int64Array::from(vec![400]))),
            ("timestamp", array(TimestampMicrosecondArray::from(vec![1_727_956_800_000_000]))),
        ],
    );
    work.ok(&["run-all"]);
    assert_eq!(csv("events-per-hour-newest"), "hour,event_count\n2024-10-03 12:00:00,1\n");
    assert_eq!(csv("users-per-lau-newest"), "lau_id,lau_name,user_count\nEE_0003,Saare vald,1\n");
}

test_on_each_warehouse!(snapshot_of_the_newest_date_follows_the_data);

fn snapshot_of_a_date_that_is_not_loaded_says_so_and_is_not_drawn(warehouse: Warehouse) {
    let work = with_snapshots(warehouse, "[\"2024-10-01\", \"2031-01-01\"]");
    work.ok(&["run-all"]);
    let reason = "2031-01-01 is not loaded";
    for name in ["events-per-hour-2031-01-01", "users-per-lau-2031-01-01"] {
        let ran = work.run(&["query", name, "--format", "csv"]);
        assert_eq!((ran.status, ran.stdout.lines().count()), (0, 1), "{}", ran.stdout);
        assert!(ran.stderr.contains(reason), "{}", ran.stderr);
        let file = format!("{name}.svg");
        work.fails(&["report", "--view", name, "--output", &file], 1, &[reason, "nothing to draw"]);
        assert!(!work.path(&file).exists());
    }
    assert!(!work.run(&["query", "events-per-hour-2024-10-01"]).stderr.contains("not loaded"));
    assert!(work.ok(&["check"]).contains("views.snapshot_dates: 2031-01-01 is not loaded"));
    work.ok(&["report", "--output", "report.html"]);
    let report = work.read("report.html");
    let start = report.split("id=\"report-data\">").nth(1).unwrap();
    let data: Value = serde_json::from_str(start.split("</script>").next().unwrap()).unwrap();
    let routes = data["routes"].as_object().unwrap();
    assert!(routes.contains_key("/events-per-hour-2024-10-01"));
    assert!(!routes.contains_key("/events-per-hour-2031-01-01"));
    let server = Server::start(&work);
    let views: Value = serde_json::from_slice(&server.get("/views").body).unwrap();
    for view in views["views"].as_array().unwrap() {
        let is_missing = view["name"].as_str().unwrap().ends_with("2031-01-01");
        assert_eq!(view["loaded"], !is_missing, "{}", view["name"]);
    }
    let json = server.get("/events-per-hour-2031-01-01?format=json").json();
    assert!(json["note"].as_str().unwrap().starts_with(reason), "{json}");
    assert_eq!(json["rows"], serde_json::json!([]));
    let page = server.get("/events-per-hour-2031-01-01?format=html").ok();
    assert!(page.contains(reason), "{page}");
    // the rows of a loaded date say nothing about it
    let json = server.get("/events-per-hour-2024-10-01?format=json").json();
    assert!(json.get("note").is_none(), "{json}");
}

test_on_each_warehouse!(snapshot_of_a_date_that_is_not_loaded_says_so_and_is_not_drawn);

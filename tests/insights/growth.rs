//! Views about people while dates are added: they equal the reference, and dates that do not depend on the new
//! ones keep their rows.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::Value;

use super::random_worlds::{assert_answers, random_world};
use super::reference::Rules;
use super::world::{World, date};
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};

/// Views by date that use the homes of a window at any distance.
const BY_DATE: [&str; 3] = ["present_by_home", "present_estimate", "overnight_estimate"];

/// The fingerprints of what the rows of each period were computed from.
fn fingerprints(work: &Workspace, warehouse: Warehouse, view: &str) -> BTreeMap<NaiveDate, String> {
    if let Warehouse::Postgis = warehouse {
        let schema = work.read("pipeline.toml");
        let schema = schema.split_once("schema = \"").unwrap().1.split('"').next().unwrap();
        let mut client = crate::postgis::client(schema);
        let sql = "SELECT date, mark FROM mobility_view_date WHERE view = $1";
        let rows = client.query(sql, &[&view]).unwrap();
        return rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    }
    let list = work.read(&format!("warehouse/results/{view}.json"));
    let list: Value = serde_json::from_str(list.split_once('\n').unwrap().1).unwrap();
    let pieces = list["current"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    pieces.map(|piece| (date(&text(&piece[0])), text(&piece[1]))).collect()
}

/// From 20 September to 8 November 2024, with homes in September for those who are seen often.
fn world() -> World {
    random_world(5, ("2024-09-20", 50), 30, &[], None)
}

fn new_and_late_dates_change_the_rows_that_depend_on_them(warehouse: Warehouse) {
    let world = world();
    let rules = Rules { window: None, min_devices: 3 };
    let late = date("2024-09-25");
    let before = world.on(|date| date != late && date < self::date("2024-10-16"));
    let work = before.load(warehouse, "[weights]\nmin_devices = 3\n");
    let first = BY_DATE.map(|view| fingerprints(&work, warehouse, view));
    world.on(|date| date >= self::date("2024-10-16")).write_events(&work, "more.csv");
    work.ok(&["run-all"]);
    let second = BY_DATE.map(|view| fingerprints(&work, warehouse, view));
    for ((view, first), second) in BY_DATE.iter().zip(&first).zip(&second) {
        // the homes of September apply to all of October
        for day in ["2024-09-24", "2024-10-01", "2024-10-12", "2024-10-14"].map(date) {
            assert!(first.contains_key(&day), "{view}: no {day}");
            assert_eq!(first.get(&day), second.get(&day), "{view}: {day} was computed again");
        }
        assert!(second.contains_key(&date("2024-10-22")), "{view}");
    }
    world.on(|date| date == late).write_events(&work, "late.csv");
    work.ok(&["run-all"]);
    assert_answers(&work, &world, rules);
    let third = BY_DATE.map(|view| fingerprints(&work, warehouse, view));
    for ((view, second), third) in BY_DATE.iter().zip(&second).zip(&third) {
        assert_ne!(second[&date("2024-10-12")], third[&date("2024-10-12")], "{view}");
    }
    let verified = work.run(&["views", "--verify"]);
    assert_eq!(verified.status, 0, "{}", verified.stderr);
}

test_on_each_warehouse!(new_and_late_dates_change_the_rows_that_depend_on_them);

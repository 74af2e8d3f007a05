//! Views about people on the nights on which the clocks change.

use serde_json::Value;

use super::world::{SOUTH, UNIT_DEGREES, World, rows};
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};

/// Events in UTC in Tallinn, where 27 October 2024 has the hour from 03:00 twice, and 30 March 2025 does
/// not have it.
fn world() -> World {
    let mut world = World::default();
    world.unit("EE_A", "Aa", 24.00, None);
    world.unit("EE_B", "Bee", 24.02, None);
    world.cell("a", 59.01, 24.01);
    world.cell("b", 59.01, 24.03);
    // 03:30 in summer time, then 03:10 in winter time
    world.seen("back", "a", "2024-10-27 00:30:00");
    world.seen("back", "b", "2024-10-27 01:10:00");
    world.seen("twice", "a", "2024-10-27 00:30:00");
    world.seen("twice", "a", "2024-10-27 01:30:00");
    world.seen("twice", "b", "2024-10-27 02:00:00");
    world.seen("twice", "b", "2024-10-27 02:50:00");
    // 02:45 in winter time, a quarter of an hour before 04:00
    world.seen("forward", "a", "2025-03-30 00:45:00");
    world
}

fn repeated_hour_is_two_hours_and_a_skipped_one_is_none(warehouse: Warehouse) {
    let work = world().load(warehouse, "[time]\nzone = \"Europe/Tallinn\"\n");
    // the two hours of `back` are equal but for the site
    let nights = "user_id,night,site_id,lau_id,hours,observed_hours\n\
        back,2024-10-26,\"59.01000,24.01000\",EE_A,1,2\n\
        forward,2025-03-29,\"59.01000,24.01000\",EE_A,1,1\n\
        twice,2024-10-26,\"59.01000,24.01000\",EE_A,2,3\n";
    assert_eq!(work.ok(&["query", "night-places", "--format", "csv"]), nights);
    let hours = rows(
        &work,
        "SELECT date, COUNT(*) AS hours FROM present_coverage GROUP BY date ORDER BY date",
    );
    assert_eq!(hours, "2024-10-27,25\n2025-03-30,23\n");
    let present = work.ok(&["query", "present-per-lau", "--format", "csv"]);
    let expected = "date,hour,lau_id,lau_name,role,devices\n\
        2024-10-27,2024-10-27 03:00:00,EE_A,Aa,unknown,2\n\
        2024-10-27,2024-10-27 03:00:00.000001,EE_A,Aa,unknown,1\n\
        2024-10-27,2024-10-27 03:00:00.000001,EE_B,Bee,unknown,1\n\
        2024-10-27,2024-10-27 04:00:00,EE_B,Bee,unknown,2\n\
        2024-10-27,2024-10-27 05:00:00,EE_B,Bee,unknown,1\n\
        2025-03-30,2025-03-30 02:00:00,EE_A,Aa,unknown,1\n\
        2025-03-30,2025-03-30 04:00:00,EE_A,Aa,unknown,1\n";
    assert_eq!(present, expected);
    let pairs = "date,from_lau_id,to_lau_id,devices\n\
        2024-10-27,EE_A,EE_A,2\n\
        2024-10-27,EE_A,EE_B,2\n\
        2024-10-27,EE_B,EE_B,2\n\
        2025-03-30,EE_A,EE_A,1\n";
    assert_eq!(work.ok(&["query", "od-pairs-per-day", "--format", "csv"]), pairs);
    assert_pairs_are_lines(&work);
}

/// As GeoJSON, from a point within a unit to one within the other.
fn assert_pairs_are_lines(work: &Workspace) {
    let date = ["--date", "2024-10-27"];
    let text =
        work.ok(&[&["query", "od-pairs-per-day", "--format", "geojson"], &date[..]].concat());
    let layer: Value = serde_json::from_str(&text).unwrap();
    let within = |point: &Value, west: f64| {
        let [x, y]: [f64; 2] = serde_json::from_value(point.clone()).unwrap();
        west < x && x < west + UNIT_DEGREES && SOUTH < y && y < SOUTH + UNIT_DEGREES
    };
    let geometry = |row: usize| &layer["features"][row]["geometry"];
    assert_eq!(
        (&geometry(0)["type"], &geometry(1)["type"]),
        (&"Point".into(), &"LineString".into())
    );
    assert!(within(&geometry(0)["coordinates"], 24.00), "{text}");
    assert!(within(&geometry(1)["coordinates"][0], 24.00), "{text}");
    assert!(within(&geometry(1)["coordinates"][1], 24.02), "{text}");
    work.fails(
        &["query", "od-pairs-per-day", "--output", "pairs.gpkg"],
        2,
        &["needs rows with a geometry or a lau_id column"],
    );
}

test_on_each_warehouse!(repeated_hour_is_two_hours_and_a_skipped_one_is_none);

//! Days on which the clocks change.

use super::{Event, along_a_line, columns, csv, put_cells_along_a_line, record};
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};

/// Writes an event every half hour from the UTC instant `first` on.
fn half_hours(work: &Workspace, first: &str, count: i64) {
    let start: chrono::NaiveDateTime = first.parse().unwrap();
    let start = start.and_utc().timestamp_micros();
    let events: Vec<Event> = (0..count).map(|i| ("u", "a", start + i * 1_800_000_000)).collect();
    work.write_events("x.parquet", columns(&events));
}

fn day_of_25_hours_keeps_the_repeated_hour_separate(warehouse: Warehouse) {
    let work = put_cells_along_a_line(warehouse.mini());
    half_hours(&work, "2024-10-26T21:00:00", 50);
    work.config("[time]\nzone = \"Europe/Tallinn\"\n");
    let ran = work.run(&["run-all"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains(
            "2024-10-27 03:00:00 occurs twice in Europe/Tallinn: the second one is \
                 2024-10-27 03:00:00.000001"
        ),
        "{}",
        ran.stderr
    );
    let hours = work.ok(&["query", "number-of-events-per-hour", "--format", "csv"]);
    assert_eq!(hours.lines().count(), 1 + 25, "{hours}");
    assert!(hours.lines().skip(1).all(|l| l.ends_with(",2")), "{hours}");
    assert!(hours.contains("\n2024-10-27 03:00:00,2\n"), "{hours}");
    assert!(hours.contains("\n2024-10-27 03:00:00.000001,2\n"), "{hours}");
    let users = work.ok(&["query", "unique-users-per-hour", "--format", "csv"]);
    assert_eq!(users.lines().count(), 1 + 25);
    let folded = csv(
        &work,
        "SELECT date_trunc('hour', hour) AS h, SUM(event_count) AS n \
             FROM mobile_events_compressed GROUP BY 1 HAVING COUNT(*) > 1",
    );
    assert_eq!(folded, "h,n\n2024-10-27 03:00:00,4\n");
    let record = record(&work, "2024-10-27");
    assert_eq!(
        (&record["clock_hours"], record["hours"].as_object().unwrap().len()),
        (&25.into(), 25)
    );
    assert_eq!(record["users_by_hours"]["25"], 1);
}

test_on_each_warehouse!(day_of_25_hours_keeps_the_repeated_hour_separate);

#[test]
fn day_of_23_hours_skips_the_missing_hour() {
    let work = along_a_line();
    half_hours(&work, "2025-03-29T22:00:00", 46);
    work.config("[time]\nzone = \"Europe/Tallinn\"\n");
    work.ok(&["run-all"]);
    let hours = work.ok(&["query", "number-of-events-per-hour", "--format", "csv"]);
    assert_eq!(hours.lines().count(), 1 + 23, "{hours}");
    assert!(hours.contains("2025-03-30 02:00:00,2") && hours.contains("2025-03-30 04:00:00,2"));
    assert!(!hours.contains("2025-03-30 03:"), "{hours}");
    assert_eq!(record(&work, "2025-03-30")["clock_hours"], 23);
    let critical = work.ok(&["quality", "--format", "csv"]);
    let column =
        critical.lines().next().unwrap().split(',').position(|c| c == "empty_hours").unwrap();
    assert_eq!(critical.lines().nth(1).unwrap().split(',').nth(column), Some("0"));
}

#[test]
fn speed_is_computed_from_elapsed_time_and_not_from_wall_time() {
    let work = along_a_line();
    let us =
        |text: &str| text.parse::<chrono::NaiveDateTime>().unwrap().and_utc().timestamp_micros();
    // 100 km from 03:50 in summer time to 03:55 in winter time, which is 65 minutes
    let slow = [("u", "a", us("2024-10-27T00:50:00")), ("u", "d", us("2024-10-27T01:55:00"))];
    // and from 02:50 to 04:05 in spring, which is 15 minutes
    let fast = [("v", "a", us("2025-03-30T00:50:00")), ("v", "d", us("2025-03-30T01:05:00"))];
    work.write_events("x.parquet", columns(&[slow, fast].concat()));
    work.config("[time]\nzone = \"Europe/Tallinn\"\n");
    work.ok(&["compress"]);
    assert_eq!(super::codes(&work, "2024-10-27"), "");
    assert_eq!(super::codes(&work, "2025-03-30"), "too_fast_once=2");
}

//! The columns of `quality_daily` about movement, worked out by hand.

use super::by_hand::world;
use super::reference::SHARES;
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};
use crate::insights::world::{World, date};

/// The sites of [`world`] without its events.
fn places() -> World {
    World { events: Vec::new(), ..world() }
}

fn shares(work: &Workspace) -> Vec<String> {
    let csv = work.ok(&["query", "--sql", SHARES, "--format", "csv"]);
    csv.lines().skip(1).map(str::to_owned).collect()
}

fn trips_are_returning_if_the_way_back_leaves_within_two_hours(warehouse: Warehouse) {
    let mut world = places();
    for (user, cell, at) in [
        ("back", "a", "2024-10-01 07:00:00"),
        ("back", "a", "2024-10-01 08:00:00"),
        ("back", "c", "2024-10-01 08:30:00"),
        ("back", "c", "2024-10-01 09:10:00"),
        ("back", "a", "2024-10-01 09:40:00"),
        ("back", "a", "2024-10-01 10:00:00"),
        // two hours at c, and a second more
        ("late", "a", "2024-10-01 07:00:00"),
        ("late", "a", "2024-10-01 08:00:00"),
        ("late", "c", "2024-10-01 08:30:00"),
        ("late", "c", "2024-10-01 10:30:00"),
        ("late", "a", "2024-10-01 11:00:00"),
        ("late", "a", "2024-10-01 11:30:00"),
        ("too_late", "a", "2024-10-01 07:00:00"),
        ("too_late", "a", "2024-10-01 08:00:00"),
        ("too_late", "c", "2024-10-01 08:30:00"),
        ("too_late", "c", "2024-10-01 09:30:00"),
        ("too_late", "c", "2024-10-01 10:30:01"),
        ("too_late", "a", "2024-10-01 11:00:00"),
        ("too_late", "a", "2024-10-01 11:30:00"),
        // further on
        ("on", "a", "2024-10-01 07:00:00"),
        ("on", "a", "2024-10-01 08:00:00"),
        ("on", "c", "2024-10-01 08:30:00"),
        ("on", "c", "2024-10-01 09:00:00"),
        ("on", "far", "2024-10-01 09:45:00"),
        ("on", "far", "2024-10-01 10:15:00"),
        // the way back is on the next date
        ("midnight", "a", "2024-10-01 22:00:00"),
        ("midnight", "a", "2024-10-01 23:00:00"),
        ("midnight", "c", "2024-10-01 23:30:00"),
        ("midnight", "c", "2024-10-01 23:50:00"),
        ("midnight", "c", "2024-10-02 00:10:00"),
        ("midnight", "a", "2024-10-02 00:40:00"),
        ("midnight", "a", "2024-10-02 01:10:00"),
    ] {
        world.seen(user, cell, at);
    }
    let work = world.load(warehouse, "");
    let returning: Vec<String> =
        shares(&work).iter().map(|row| row.rsplit(',').next().unwrap().to_owned()).collect();
    // three of nine trips, and the way back of the last one
    assert_eq!(returning, ["0.3333", "0"]);
}

test_on_each_warehouse!(trips_are_returning_if_the_way_back_leaves_within_two_hours);

#[test]
fn late_events_change_the_shares_of_their_date() {
    let mut world = places();
    world.seen("one", "a", "2024-10-01 08:10:00");
    world.seen("one", "a", "2024-10-01 09:20:00");
    world.seen("one", "a", "2024-10-05 12:00:00");
    let work = world.load(Warehouse::Embedded, "");
    // 4,800 and 600 of 86,400 s
    let other = "2024-10-05,0,0,0.0069,0.9931,";
    assert_eq!(shares(&work), ["2024-10-01,0.0556,0,0,0.9444,", other]);
    world.events.clear();
    world.seen("one", "a", "2024-10-01 10:00:00");
    world.write_events(&work, "late.csv");
    work.ok(&["run-all"]);
    assert_eq!(shares(&work), ["2024-10-01,0.0833,0,0,0.9167,", other]);
    // without visits there are no shares
    work.remove("processed/movement.json");
    work.ok(&["quality"]);
    let csv = work.ok(&["quality", "--format", "csv"]);
    assert_eq!(csv.lines().filter(|line| line.ends_with(",,,,,")).count(), 2, "{csv}");
}

/// A way back of 15 hours, whose end is a stay only together with what follows two dates after the trip before it.
#[test]
fn date_that_is_kept_learns_of_the_way_back_on_the_next_date() {
    let mut world = places();
    for at in ["2024-10-01 20:00:00", "2024-10-01 22:00:00"] {
        world.seen("one", "a", at);
    }
    for at in ["2024-10-01 23:00:00", "2024-10-02 03:00:00", "2024-10-02 09:00:00"] {
        world.seen("one", "c", at);
    }
    for (number, at) in
        ["10:30", "12:00", "13:30", "15:00", "16:30", "18:00", "19:30", "21:00", "22:30"]
            .into_iter()
            .enumerate()
    {
        let cell = if number % 2 == 0 { "b" } else { "far" };
        world.seen("one", cell, &format!("2024-10-02 {at}:00"));
    }
    world.seen("one", "a", "2024-10-02 23:55:00");
    world.seen("one", "a", "2024-10-03 00:05:00");
    world.seen("one", "a", "2024-10-03 00:30:00");
    let settings = "[trips]\nmax_hours = 23\nreturn_s = 43200\n";
    let two = world.on(|day| day < date("2024-10-03"));
    let work = two.load(Warehouse::Embedded, settings);
    let ends = |work: &Workspace| -> Vec<bool> {
        shares(work).iter().map(|row| row.ends_with(",1")).collect()
    };
    assert_eq!(ends(&work), [false, false]);
    world.on(|day| day == date("2024-10-03")).write_events(&work, "next.csv");
    work.ok(&["run-all"]);
    assert_eq!(ends(&work), [true, false, false]);
}

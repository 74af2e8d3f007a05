//! Pseudonyms that change in the middle of a window.

use super::world::{World, rows};
use crate::harness::{Warehouse, test_on_each_warehouse};

/// Thirteen devices that are every night at `a` and work at `b`. On 10 October 2024 all but one get new
/// names.
fn world() -> World {
    let mut world = World::default();
    world.unit("EE_A", "Aa", 24.00, None);
    world.unit("EE_B", "Bee", 24.02, None);
    world.cell("a", 59.01, 24.01);
    world.cell("b", 59.01, 24.03);
    for (name, first, days) in [("old", "2024-09-01", 39), ("new", "2024-10-10", 22)] {
        for number in 0..12 {
            for (cell, at) in [("b", "09:30:00"), ("b", "10:30:00"), ("a", "23:00:00")] {
                world.seen_daily(
                    &format!("{name}{number:02}"),
                    cell,
                    &format!("{first} {at}"),
                    days,
                );
            }
        }
    }
    for (cell, at) in [("b", "09:30:00"), ("b", "10:30:00"), ("a", "23:00:00")] {
        world.seen_daily("same", cell, &format!("2024-09-01 {at}"), 61);
    }
    world
}

fn window_with_a_change_of_pseudonyms_has_neither_homes_nor_works(warehouse: Warehouse) {
    let work = world().load(warehouse, "");
    let shares = rows(
        &work,
        "SELECT date, returning_share FROM quality_daily \
         WHERE date IN (DATE '2024-10-02', DATE '2024-10-03', DATE '2024-10-09', DATE '2024-10-10', \
         DATE '2024-10-25') ORDER BY date",
    );
    let expected =
        "2024-10-02,1\n2024-10-03,0.0769\n2024-10-09,0.0769\n2024-10-10,1\n2024-10-25,\n";
    assert_eq!(shares, expected);
    assert_eq!(work.ok(&["query", "pseudonym-breaks", "--format", "csv"]), "date\n2024-10-10\n");
    let kinds = rows(
        &work,
        "SELECT window_start, kind, observed, COUNT(*) AS devices FROM anchors \
         GROUP BY window_start, kind, observed ORDER BY window_start, kind, observed",
    );
    // September has 21 workdays; in October the old names have 9 nights, the new ones 22
    let expected = "2024-09-01,home,30,13\n\
        2024-09-01,work,21,13\n\
        2024-10-01,night_location,9,12\n\
        2024-10-01,night_location,22,12\n\
        2024-10-01,night_location,31,1\n";
    assert_eq!(kinds, expected);
    let stays = rows(
        &work,
        "SELECT * FROM overnight_stays \
         WHERE night IN (DATE '2024-09-20', DATE '2024-10-09', DATE '2024-10-10') ORDER BY night",
    );
    // until the change the homes of September apply, and after it none, also to the name that is the same
    let expected = "2024-09-20,EE_A,EE_A,13\n2024-10-09,EE_A,EE_A,13\n2024-10-10,,EE_A,13\n";
    assert_eq!(stays, expected);
}

test_on_each_warehouse!(window_with_a_change_of_pseudonyms_has_neither_homes_nor_works);

//! Present devices by larger areas: the numbers, and what they tell with those of LAUs and with who is seen, lives and
//! works there.

use std::collections::BTreeMap;

use super::attacks::random_world;
use super::coarser::{load, load_on};
use super::coarser_movement::{attack, publish, shown, write_exact};
use super::movement::assert_tells_no_few;
use super::world::{add_devices, three_units};
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};
use crate::insights::world::World;

/// A Tuesday.
const DATE: &str = "2024-10-15";
const NOON: &str = "2024-10-15 12:00:00";
const VIEW: [&str; 2] = ["--view", "present-per-lau"];

/// Devices with a home and a work place, if they are named, that are at a cell at noon. EE_A and EE_B are of one region.
fn at_noon(world: &mut World, name: &str, devices: u32, (home, work): (&str, &str), cell: &str) {
    for device in 0..devices {
        let user = format!("{name}{device:03}");
        for (place, times) in [(home, ["02:00", "23:00"]), (work, ["09:30", "14:30"])] {
            for time in times.iter().filter(|_| !place.is_empty()) {
                world.seen_daily(&user, place, &format!("2024-10-01 {time}:00"), 31);
            }
        }
        world.seen(&user, cell, NOON);
    }
}

/// The released devices at noon by area and role.
fn noon(work: &Workspace, file: &str, area: &str) -> BTreeMap<(String, String), i64> {
    let rows = shown(work, file, &["hour", area, "role"], "devices");
    let is_noon = |key: &Vec<String>| key[0] == NOON;
    let rows = rows.into_iter().filter(|(key, _)| is_noon(key));
    rows.map(|(key, devices)| ((key[1].clone(), key[2].clone()), devices)).collect()
}

fn by_role(rows: &[(&str, &str, i64)]) -> BTreeMap<(String, String), i64> {
    let key = |area: &str, role: &str| (area.to_owned(), role.to_owned());
    rows.iter().map(|(area, role, devices)| (key(area, role), *devices)).collect()
}

#[test]
fn role_in_a_region_is_that_of_home_and_work_place_in_it() {
    let mut world = three_units();
    for (name, devices, anchors, cell) in [
        ("local", 27, ("a", ""), "a"),
        // they live in the region, and are elsewhere in it
        ("errand", 20, ("a", ""), "b"),
        ("commuter", 21, ("a", "b"), "b"),
        // they work in the region, and are elsewhere in it
        ("client", 22, ("c", "a"), "b"),
        ("staff", 23, ("c", "a"), "a"),
        ("daily", 25, ("", "a"), "b"),
        ("guest", 24, ("c", ""), "a"),
        ("passer", 26, ("", ""), "a"),
        ("away", 28, ("a", "b"), "c"),
    ] {
        at_noon(&mut world, name, devices, anchors, cell);
    }
    let work = load(&world, "min_devices = 2");
    work.ok(&["publish", "laus", "--date", DATE]);
    assert_eq!(
        noon(&work, "laus/present-per-lau.csv", "lau_id"),
        by_role(&[
            ("EE_A", "resident", 27),
            ("EE_A", "worker", 23),
            ("EE_A", "visitor", 24),
            ("EE_A", "unknown", 26),
            ("EE_B", "worker", 21),
            ("EE_B", "visitor", 20 + 22),
            ("EE_B", "unknown", 25),
            ("EE_C", "visitor", 28),
        ])
    );
    work.remove("published");
    work.ok(&["publish", "regions", "--areas", "nuts3", "--date", DATE]);
    assert_eq!(
        noon(&work, "regions/present-per-lau-nuts3.csv", "nuts3"),
        by_role(&[
            ("EE001", "resident", 27 + 20 + 21),
            ("EE001", "worker", 22 + 23 + 25),
            ("EE001", "visitor", 24),
            ("EE001", "unknown", 26),
            ("EE002", "visitor", 28),
        ])
    );
    let located = shown(&work, "regions/present-coverage.csv", &["hour"], "located");
    assert_eq!(located[&vec![NOON.to_owned()]], 216);
    work.ok(&["publish", "--audit", "regions"]);
    let said = work.run(&["publish", "weeks", "--areas", "nuts3", "--period", "week"]);
    for view in ["present-per-lau", "present-coverage"] {
        let note = format!("{view} is left out: its numbers are those of a full hour");
        assert!(said.stderr.contains(&note), "{}", said.stderr);
    }
}

#[test]
fn present_devices_of_regions_and_of_their_laus_are_not_released_for_the_same_dates() {
    let mut world = three_units();
    for date in ["2024-10-01", "2024-10-02"] {
        add_devices(&mut world, date, [40, 50, 60]);
    }
    let work = load(&world, "");
    let (first, second) = (["--date", "2024-10-01"], ["--date", "2024-10-02"]);
    let (laus, regions) = (["--areas", "lau"], ["--areas", "nuts3"]);
    let words = "The roles of present_per_lau in an area do not follow from those in its parts";
    for (earlier, later, file) in
        [(laus, regions, "present-per-lau-nuts3.csv"), (regions, laus, "present-per-lau.csv")]
    {
        work.ok(&[&["publish", "first"][..], &first, &earlier, &VIEW].concat());
        work.fails(&[&["publish", "x"][..], &first, &later, &VIEW].concat(), 2, &[words]);
        // among all views it is left out, and it is there on other dates
        let said = work.run(&[&["publish", "all"][..], &first, &later].concat());
        assert_eq!(said.status, 0, "{}", said.stderr);
        assert!(said.stderr.contains("is left out: the release"), "{}", said.stderr);
        assert!(!work.path("all").join(file).exists());
        assert!(work.path("all/present-coverage.csv").exists());
        work.ok(&[&["publish", "other"][..], &second, &later, &VIEW].concat());
        assert!(work.path("other").join(file).exists());
        for folder in ["published", "first", "all", "other"] {
            work.remove(folder);
        }
    }
}

#[test]
fn numbers_after_present_devices_do_not_give_away_who_was_there_at_another_time() {
    let mut world = three_units();
    // of those who are seen in EE_A on the date, 3 are not there at noon, and 4 more are in EE_B
    at_noon(&mut world, "noon", 40, ("", ""), "a");
    at_noon(&mut world, "there", 30, ("", ""), "c");
    for device in 0..3 {
        world.seen(&format!("late{device}"), "a", "2024-10-15 16:30:00");
    }
    for device in 0..4 {
        world.seen(&format!("other{device}"), "b", "2024-10-15 16:30:00");
    }
    let work = load(&world, "");
    work.ok(&[&["publish", "first"][..], &VIEW].concat());
    let first = noon(&work, "first/present-per-lau.csv", "lau_id");
    assert_eq!(first, by_role(&[("EE_A", "unknown", 40), ("EE_C", "unknown", 30)]));
    for (areas, period, view, area, count) in [
        ("lau", "day", "users-per-lau", "lau_id", "user_count"),
        ("lau", "day", "users-per-lau-day-night", "lau_id", "day_users"),
        ("lau", "day", "dwell-per-lau", "lau_id", "devices"),
        ("nuts3", "day", "users-per-lau", "nuts3", "user_count"),
        ("nuts3", "day", "users-per-lau-day-night", "nuts3", "day_users"),
        ("lau", "week", "users-per-lau", "lau_id", "user_count"),
        ("nuts3", "week", "users-per-lau-day-night", "nuts3", "day_users"),
    ] {
        let out = format!("{view}-{areas}-{period}");
        let level = ["--areas", areas, "--period", period, "--view", view];
        work.ok(&[&["publish", &out][..], &level].concat());
        let mut file = view.to_owned();
        for suffix in [areas, period].into_iter().filter(|s| !["lau", "day"].contains(s)) {
            file = format!("{file}-{suffix}");
        }
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for (key, devices) in
            shown(&work, &format!("{out}/{file}.csv"), &[area, "suppressed"], count)
        {
            *sums.entry(key[0].clone()).or_default() += devices;
        }
        for (id, here) in [("EE_A", 40), ("EE_C", 30), ("EE001", 40), ("EE002", 30)] {
            assert_tells_no_few(sums.get(id), here, &format!("{out} {id}"));
        }
        assert!(sums.contains_key("EE_C") || sums.contains_key("EE002"), "{out}: {sums:?}");
        // each by itself after the first one
        work.remove("published");
        work.remove("first");
        work.ok(&[&["publish", "first"][..], &VIEW].concat());
    }
}

#[test]
fn attacker_derives_no_few_devices_from_present_devices_of_regions() {
    let work = load(&random_world(32, 150, 14), "");
    let level = ("regions", "nuts3", "day");
    let views = [
        "present-per-lau",
        "present-coverage",
        "users-per-lau",
        "residents-per-lau",
        "trips-per-device",
        "devices-per-date",
    ];
    publish(&work, level, &views);
    let (primary, cells) = attack(&work, &[level]);
    assert!(primary > 5 && cells > 100, "{primary} of {cells}");
    let rows = work.read("regions/present-per-lau-nuts3.csv");
    assert!(rows.contains(",resident,") && rows.contains(",worker,"), "{rows}");
}

fn present_devices_of_regions_have_the_same_rows_from_each_warehouse(warehouse: Warehouse) {
    let release = |warehouse| {
        let work = load_on(warehouse, &random_world(3, 60, 14), "min_devices = 2");
        let views = ["present-per-lau", "present-coverage"];
        publish(&work, ("out", "nuts3", "day"), &views);
        let keys = ["date", "hour", "nuts3", "role"];
        let released = shown(&work, "out/present-per-lau-nuts3.csv", &keys, "devices");
        write_exact(&work, &[("nuts3", "day")]);
        let exact = shown(&work, "exact/present-per-lau-nuts3.csv", &keys, "devices");
        // few rows are withheld, since 1 is the only number of few devices
        assert!(released.len() > 100 && released.len() * 2 > exact.len(), "{released:?}");
        for (key, devices) in released {
            assert_eq!(exact.get(&key), Some(&devices), "{key:?}");
        }
        work.read("out/SHA256SUMS")
    };
    let sums = release(warehouse);
    assert!(sums.contains("present-per-lau-nuts3.csv"), "{sums}");
    assert_eq!(sums, release(Warehouse::Embedded));
}
test_on_each_warehouse!(present_devices_of_regions_have_the_same_rows_from_each_warehouse);

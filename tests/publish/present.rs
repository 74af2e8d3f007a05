//! Releases of present devices: small worlds, and the subtractions that must fail.

use std::collections::BTreeMap;

use super::movement::{assert_tells_no_few, release, shown};
use super::world::three_units;
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};
use crate::insights::world::{World, rows};

const DATE: &str = "2024-10-01";

/// Devices that are seen at a cell at each of some times of the date.
fn seen(world: &mut World, name: &str, devices: u32, cell: &str, times: &[&str]) {
    for device in 0..devices {
        for time in times {
            world.seen(&format!("{name}{device:03}"), cell, &format!("{DATE} {time}:00"));
        }
    }
}

/// Released numbers of LAUs at full hours, over all roles of which each is shown, by hour and LAU.
fn present(work: &Workspace) -> BTreeMap<String, i64> {
    shown(work, "present-per-lau", &["hour", "lau_id"], "devices")
}

fn at(hour: u32) -> String {
    format!("{DATE} {hour:02}:00:00")
}

#[test]
fn devices_of_an_hour_do_not_give_away_who_else_was_located() {
    let mut world = three_units();
    seen(&mut world, "both", 40, "a", &["08:30", "09:30"]);
    seen(&mut world, "once", 3, "a", &["08:30"]);
    // so that the day does not tell the same
    seen(&mut world, "later", 20, "a", &["15:30"]);
    let work = release(&world);
    // 43 are located at nine, and 40 of them are seen in the hour after it
    let located = "SELECT located FROM present_coverage WHERE EXTRACT(HOUR FROM hour) = 9";
    assert_eq!(rows(&work, located), "43\n");
    let located = shown(&work, "present-coverage", &["hour"], "located");
    let by_hour = shown(&work, "number-of-unique-users-per-hour", &["hour"], "unique_user_count");
    let present = present(&work);
    for hour in 1..24 {
        let of_lau = format!("{} EE_A", at(hour));
        for whole in [located.get(&at(hour)), present.get(&of_lau)] {
            for seen in [hour - 1, hour] {
                let part = by_hour.get(&at(seen)).copied().unwrap_or_default();
                assert_tells_no_few(whole, part, &format!("{hour} without {seen}"));
            }
        }
    }
    // hours without anybody are there, and zeros are shown
    assert_eq!(located.get(&at(3)), Some(&0));
    let reasons = work.read("out.reasons.csv");
    let is_withheld = |row: &str| reasons.contains(row);
    assert!(
        is_withheld(
            "agg_unique_users_per_hour,\"2024-10-01T09:00:00\",unique_user_count,secondary"
        ) || is_withheld("present_coverage,\"2024-10-01, 2024-10-01T09:00:00\",located,secondary"),
        "{reasons}"
    );
}

#[test]
fn hour_of_a_place_does_not_give_away_who_was_there_at_another_time() {
    let mut world = three_units();
    seen(&mut world, "noon", 40, "a", &["12:30"]);
    seen(&mut world, "late", 3, "a", &["15:30"]);
    seen(&mut world, "there", 30, "b", &["15:30"]);
    seen(&mut world, "night", 18, "c", &["02:30", "22:30"]);
    let work = release(&world);
    let of_noon = "SELECT devices FROM present_per_lau WHERE lau_id = 'EE_A' AND EXTRACT(HOUR FROM hour) = 13";
    assert_eq!(rows(&work, of_noon), "40\n");
    // without 30 in EE_B there are 3 in EE_A
    let located = shown(&work, "present-coverage", &["hour"], "located");
    let present = present(&work);
    for hour in 1..24 {
        let of_hour = |lau: &str| present.get(&format!("{} {lau}", at(hour))).copied();
        let all: i64 = ["EE_A", "EE_B", "EE_C"].into_iter().filter_map(of_hour).sum();
        assert_tells_no_few(located.get(&at(hour)), all, &at(hour));
        for (view, count, hours) in [
            ("users-per-lau", "user_count", 1..24),
            ("unique-users-per-lau-per-day", "user_count", 1..24),
            ("dwell-per-lau", "devices", 1..24),
            ("users-per-lau-day-night", "day_users", 8..20),
            ("users-per-lau-day-night", "night_users", 1..7),
            ("users-per-lau-day-night", "night_users", 21..24),
        ] {
            if !hours.contains(&hour) {
                continue;
            }
            for (lau, whole) in shown(&work, view, &["lau_id"], count) {
                // nobody is left where nobody was
                let part = of_hour(&lau).unwrap_or(whole);
                assert_tells_no_few(Some(&whole), part, &format!("{view} {count} {lau} {hour}"));
            }
        }
    }
    let active = shown(&work, "present-coverage", &["hour"], "active");
    for hour in 1..24 {
        let part = located.get(&at(hour)).copied().filter(|n| *n > 0);
        if let Some(part) = part {
            assert_tells_no_few(active.get(&at(hour)), part, &format!("active {hour}"));
        }
    }
}

/// 43 devices that live in EE_A, of which 3 are away at two o'clock of a night, and guests.
fn with_homes() -> World {
    let mut world = three_units();
    for device in 0..43 {
        let user = format!("home{device:03}");
        world.seen_daily(&user, "a", &format!("{DATE} 23:00:00"), 31);
        world.seen_daily(&user, "a", &format!("{DATE} 02:00:00"), 31);
    }
    for event in &mut world.events {
        let is_away = event.user.as_str() >= "home040";
        if is_away && event.time.to_string() == "2024-10-15 02:00:00" {
            event.cell = "b".to_owned();
        }
    }
    for (number, cell) in ["a", "b", "c"].into_iter().enumerate() {
        for device in 0..20 {
            for time in ["02:10", "12:00", "22:50"] {
                let user = format!("guest{number}{device:03}");
                // they sleep elsewhere
                world.seen_daily(&user, cell, &format!("{DATE} {time}:00"), 5);
                world.seen_daily(&user, cell, &format!("2024-10-13 {time}:00"), 3);
            }
        }
    }
    world
}

fn residents_do_not_give_away_who_is_not_at_home(warehouse: Warehouse) {
    let work = with_homes().load(warehouse, "[publish]\nstore = \"published\"\n");
    work.ok(&["publish", "out"]);
    work.ok(&["publish", "--audit", "out"]);
    let at_home = "SELECT devices FROM present_per_lau WHERE lau_id = 'EE_A' AND role = 'resident' \
                   AND CAST(hour AS TEXT) LIKE '2024-10-15_02:00:00%'";
    assert_eq!(rows(&work, at_home), "40\n");
    let residents = shown(&work, "residents-per-lau", &["lau_id"], "residents");
    let classes = shown(&work, "trips-per-device", &["date", "home_lau_id"], "devices");
    let mut found = 0;
    for (key, devices) in shown(&work, "present-per-lau", &["hour", "lau_id", "role"], "devices") {
        let Some((hour, lau)) = key.strip_suffix(" resident").and_then(|k| k.rsplit_once(' '))
        else {
            continue;
        };
        found += 1;
        assert_tells_no_few(residents.get(lau), devices, &key);
        // of those who live there, on a date; all make the same number of trips
        if !hour.ends_with(" 00:00:00") {
            let of_date = classes.get(&format!("{} {lau}", &hour[..10]));
            assert_tells_no_few(of_date, devices, &key);
        }
    }
    let is_protected = found > 0 || !residents.contains_key("EE_A");
    assert!(is_protected, "{residents:?}");
    assert_eq!(residents.get("EE_A").copied().unwrap_or(43), 43);
}
test_on_each_warehouse!(residents_do_not_give_away_who_is_not_at_home);

#[test]
fn estimates_of_present_people_are_refused_with_the_reason() {
    let mut world = three_units();
    seen(&mut world, "noon", 40, "a", &["12:30"]);
    let work = release(&world);
    work.fails(&["publish", "x", "--view", "present-estimate"], 2, &["cannot be published"]);
    work.fails(&["publish", "x", "--view", "present-by-home"], 2, &["cannot be published"]);
}

/// 60 devices that live in EE_A and work in EE_B, and `both` that live and work in EE_B. Of the former, `late` are at work
/// after noon alone.
fn workers(both: u32, late: u32) -> World {
    let mut world = three_units();
    // more than a kilometre south of the other cell there, so that who works at that does not work at home
    world.cell("home", 59.0001, 24.03);
    let mut person = |name: String, home: &str, times: &[&str]| {
        for (cell, time) in [(home, "02:00"), (home, "23:00")] {
            world.seen_daily(&name, cell, &format!("{DATE} {time}:00"), 31);
        }
        for time in times {
            world.seen_daily(&name, "b", &format!("{DATE} {time}:00"), 31);
        }
    };
    for device in 0..60 {
        let times: &[&str] =
            if device < late { &["13:30", "14:40"] } else { &["10:00", "13:30", "14:40"] };
        person(format!("away{device:03}"), "a", times);
    }
    (0..both).for_each(|device| {
        person(format!("both{device:03}"), "home", &["10:00", "13:30", "14:40"]);
    });
    world
}

#[test]
fn workers_who_live_there_do_not_give_away_which_of_the_others_are_absent() {
    let work = release(&workers(30, 5));
    let query = "SELECT workers FROM residents_per_lau WHERE lau_id = 'EE_B'";
    assert_eq!(rows(&work, query), "90\n");
    // 90 workers without the 30 who live there and the 55 who are there at ten are 5
    let at_ten = "SELECT devices FROM present_per_lau WHERE lau_id = 'EE_B' AND role = 'worker' \
                  AND CAST(hour AS TEXT) LIKE '2024-10-15_10:00:00%'";
    assert_eq!(rows(&work, at_ten), "55\n");
    let workers = shown(&work, "residents-per-lau", &["lau_id"], "workers").get("EE_B").copied();
    let both = shown(&work, "commuters", &["home_lau_id", "work_lau_id"], "devices");
    let both = both.get("EE_B EE_B").copied();
    let present = shown(&work, "present-per-lau", &["hour", "lau_id", "role"], "devices");
    let mut found = 0;
    for (key, devices) in present.iter().filter(|(key, _)| key.ends_with("EE_B worker")) {
        if let (Some(workers), Some(both)) = (workers, both) {
            assert_tells_no_few(Some(&workers), both + devices, key);
        }
        found += 1;
    }
    assert!(found > 0, "{present:?}");
}

#[test]
fn nights_of_residents_do_not_give_away_who_comes_home_late() {
    let mut world = three_units();
    for device in 0..43 {
        let user = format!("home{device:03}");
        world.seen_daily(&user, "a", &format!("{DATE} 02:30:00"), 31);
        let evening = if device < 40 { "23:30" } else { "12:00" };
        world.seen_daily(&user, "a", &format!("{DATE} {evening}:00"), 31);
    }
    for device in 0..30 {
        world.seen_daily(&format!("other{device}"), "b", &format!("{DATE} 12:00:00"), 31);
    }
    let work = release(&world);
    let exact = "SELECT devices FROM overnight_stays WHERE night = DATE '2024-10-15'";
    assert_eq!(rows(&work, exact), "43\n");
    let nights = ["night", "home_lau_id", "night_lau_id"];
    let slept = shown(&work, "overnight-stays", &nights, "devices");
    let slept = slept.get("2024-10-15 EE_A EE_A").copied();
    let present = shown(&work, "present-per-lau", &["hour", "lau_id", "role"], "devices");
    let at_home = present.get("2024-10-15 23:00:00 EE_A resident").copied();
    assert!(slept.is_some() || at_home.is_some());
    assert_tells_no_few(slept.as_ref(), at_home.unwrap_or(slept.unwrap_or(0)), "at eleven");
}

#[test]
fn numbers_of_midnight_do_not_give_away_who_is_seen_on_their_date() {
    let mut world = three_units();
    seen(&mut world, "night", 40, "a", &["00:30"]);
    seen(&mut world, "late", 3, "a", &["22:30"]);
    seen(&mut world, "noon", 30, "a", &["12:30"]);
    let work = release(&world);
    let exact = "SELECT located FROM present_coverage WHERE EXTRACT(HOUR FROM hour) = 0";
    assert_eq!(rows(&work, exact), "40\n");
    let at_midnight = present(&work).get(&format!("{} EE_A", at(0))).copied();
    let users = shown(&work, "users-per-lau-day-night", &["lau_id"], "night_users");
    let users = users.get("EE_A").copied();
    assert!(users.is_some() || at_midnight.is_some());
    assert_tells_no_few(users.as_ref(), at_midnight.unwrap_or(users.unwrap_or(0)), "at midnight");
}

#[test]
fn released_hours_do_not_give_away_numbers_that_are_released_later() {
    let work = with_homes().load(Warehouse::Embedded, "[publish]\nstore = \"published\"\n");
    work.ok(&["publish", "first", "--view", "present-per-lau"]);
    let first = work.read("first/present-per-lau.csv");
    let at_home = "2024-10-15 02:00:00,EE_A,EE_A,resident,40";
    assert!(first.contains(at_home), "{first}");
    // without those at home, 3 of 43 residents are left
    work.ok(&["publish", "out", "--view", "residents-per-lau"]);
    let residents = shown(&work, "residents-per-lau", &["lau_id"], "residents");
    assert_eq!(residents.get("EE_A"), None, "{residents:?}");
    work.ok(&["publish", "--audit", "out", "--with", "first"]);
}

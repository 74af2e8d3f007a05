//! Releases of the views about trips and time: small worlds, and the subtractions that must fail.

use std::collections::BTreeMap;

use super::world::three_units;
use crate::harness::{Warehouse, Workspace};
use crate::insights::world::World;

const DATE: &str = "2024-10-01";
const CONFIG: &str = "[publish]\nstore = \"published\"\n";
/// The number of trips that 15 devices make at least.
const FEW: i64 = 15;

/// Devices that stay at each cell for 40 minutes from an hour on, and move to the next one.
fn travel(world: &mut World, name: &str, devices: u32, stays: &[(&str, u32)]) {
    for device in 0..devices {
        for (cell, hour) in stays {
            for minute in [0, 20, 40] {
                let at = format!("{DATE} {hour:02}:{minute:02}:00");
                world.seen(&format!("{name}{device:03}"), cell, &at);
            }
        }
    }
}

pub fn release(world: &World) -> Workspace {
    let work = world.load(Warehouse::Embedded, CONFIG);
    work.ok(&["publish", "out"]);
    work.ok(&["publish", "--audit", "out"]);
    work
}

/// The released rows of a view by some of their columns, without those of which the column of a number is empty.
pub fn shown(work: &Workspace, view: &str, keys: &[&str], number: &str) -> BTreeMap<String, i64> {
    let text = work.read(&format!("out/{view}.csv"));
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let columns = lines.next().unwrap();
    let place = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    let keys: Vec<usize> = keys.iter().map(|key| place(key)).collect();
    let number = place(number);
    let mut found = BTreeMap::new();
    for line in lines.filter(|line| !line[number].is_empty()) {
        let key: Vec<&str> = keys.iter().map(|key| line[*key]).collect();
        *found.entry(key.join(" ")).or_default() += line[number].parse::<i64>().unwrap();
    }
    found
}

/// What is left of a number without shown ones is nothing or at least as much as 15 devices make.
pub fn assert_tells_no_few(whole: Option<&i64>, parts: i64, name: &str) {
    if let Some(whole) = whole {
        let rest = whole - parts;
        assert!(rest == 0 || rest >= FEW, "{name}: {whole} without {parts} is {rest}");
    }
}

#[test]
fn flows_do_not_give_away_trips_of_two_devices() {
    let mut world = three_units();
    travel(&mut world, "most", 40, &[("a", 8), ("b", 9)]);
    travel(&mut world, "more", 20, &[("a", 8), ("c", 9)]);
    travel(&mut world, "few", 2, &[("a", 9), ("c", 10)]);
    let work = release(&world);
    // 62 trips leave EE_A; without 40 and 20 they are 2, so that two rows are left out
    assert_eq!(
        work.read("out/trips-od.csv"),
        "date,hour,from_lau_id,to_lau_id,trips,devices,mean_distance_m,mean_minutes,suppressed\n\
         2024-10-01,2024-10-01 08:00:00,EE_A,EE_B,40,40,1145.1,20,false\n"
    );
    let flow = |column| shown(&work, "flow-balance", &["lau_id"], column);
    assert_eq!(flow("outflow").get("EE_A"), Some(&62));
    assert_eq!(flow("inflow").get("EE_C"), Some(&22));
    // nothing ends in EE_A, where cells are
    assert_eq!((flow("inflow").get("EE_A"), flow("net").get("EE_A")), (Some(&0), Some(&-62)));
    for (column, end) in [("outflow", "from_lau_id"), ("inflow", "to_lau_id")] {
        let parts = shown(&work, "trips-od", &[end], "trips");
        for (lau, whole) in flow(column) {
            assert_tells_no_few(Some(&whole), parts.get(&lau).copied().unwrap_or_default(), &lau);
        }
    }
    let reasons = work.read("out.reasons.csv");
    for (hour, reason) in [("09", "few_devices"), ("08", "secondary")] {
        let row = format!(
            "trips_od,\"2024-10-01, 2024-10-01T{hour}:00:00, EE_A, EE_C\",devices,{reason}"
        );
        assert!(reasons.contains(&row), "{reasons}");
    }
}

#[test]
fn flows_of_few_devices_are_empty_with_their_balance() {
    let mut world = three_units();
    travel(&mut world, "there", 40, &[("a", 8), ("b", 9)]);
    travel(&mut world, "back", 3, &[("b", 8), ("a", 9)]);
    travel(&mut world, "to", 30, &[("c", 8), ("b", 9)]);
    travel(&mut world, "from", 30, &[("b", 8), ("c", 9)]);
    // with these, the number of those that are in EE_A tells nothing of those that arrive there
    travel(&mut world, "still", 30, &[("a", 8)]);
    let work = release(&world);
    let flow = |column| shown(&work, "flow-balance", &["lau_id"], column);
    // 40 leave EE_A and 3 arrive
    assert_eq!(flow("outflow").get("EE_A"), Some(&40));
    assert_eq!((flow("inflow").get("EE_A"), flow("net").get("EE_A")), (None, None));
    // into and out of all LAUs go 103 trips; without EE_B and EE_C there are 3 into EE_A
    let (arrive, leave) = (flow("inflow"), flow("outflow"));
    let all_leave = (leave.len() == 3).then(|| leave.values().sum::<i64>());
    let distances = shown(&work, "trip-distances", &["distance_class"], "trips");
    let by_distance = (!distances.is_empty()).then(|| distances.values().sum());
    // 103 devices make one trip each, and there are no others
    let classes = shown(&work, "trips-per-device", &["trips_class"], "devices");
    let by_device = classes.get("1").copied();
    for all in [all_leave, by_distance, by_device] {
        assert_tells_no_few(all.as_ref(), arrive.values().sum(), "all trips");
    }
    let text = work.read("out/flow-balance.csv");
    let row = text.lines().find(|line| line.contains("EE_A")).unwrap();
    assert!(row.starts_with("2024-10-01,EE_A,EE_A,,40,,0,true"), "{row}");
}

#[test]
fn pairs_of_places_do_not_give_away_who_made_no_trip_between_them() {
    let mut world = three_units();
    travel(&mut world, "trip", 40, &[("a", 8), ("b", 9)]);
    for device in 0..40 {
        world.seen(&format!("here{device:03}"), "a", &format!("{DATE} 12:00:00"));
        world.seen(&format!("there{device:03}"), "b", &format!("{DATE} 12:00:00"));
    }
    for device in 0..3 {
        world.seen(&format!("pair{device:03}"), "a", &format!("{DATE} 12:00:00"));
        world.seen(&format!("pair{device:03}"), "b", &format!("{DATE} 18:00:00"));
    }
    let work = release(&world);
    let pair = ["from_lau_id", "to_lau_id"];
    let seen = shown(&work, "od-pairs-per-day", &pair, "devices");
    let trips = shown(&work, "trips-od", &pair, "devices");
    let of = |found: &BTreeMap<String, i64>| found.get("EE_A EE_B").copied();
    assert_tells_no_few(of(&trips).and(of(&seen)).as_ref(), of(&trips).unwrap_or_default(), "pair");
}

#[test]
fn distances_do_not_give_away_trips_of_three_devices() {
    let mut world = three_units();
    travel(&mut world, "near", 60, &[("a", 8), ("b", 9)]);
    travel(&mut world, "far", 3, &[("a", 8), ("c", 9)]);
    let work = release(&world);
    let classes = shown(&work, "trip-distances", &["distance_class"], "trips");
    assert_eq!(classes.get("2-10 km"), None);
    let leave = shown(&work, "flow-balance", &["lau_id"], "outflow");
    // all trips leave EE_A
    assert_tells_no_few(
        leave.get("EE_A"),
        classes.get("<2 km").copied().unwrap_or_default(),
        "date",
    );
    // and all devices make trips, so that their number is that of the class with one
    let devices = shown(&work, "trip-distances", &["distance_class"], "devices");
    let seen = shown(&work, "devices-per-date", &["date"], "devices");
    let near = devices.get("<2 km").copied().unwrap_or_default();
    assert_tells_no_few(seen.get(DATE), near, "devices");
}

#[test]
fn classes_of_time_do_not_give_away_who_passed_through() {
    let mut world = three_units();
    for device in 0..38 {
        for hour in 0..23 {
            world.seen(&format!("long{device:03}"), "a", &format!("{DATE} {hour:02}:30:00"));
        }
    }
    for device in 0..2 {
        world.seen(&format!("short{device:03}"), "a", &format!("{DATE} 12:00:00"));
    }
    let work = release(&world);
    let classes = shown(&work, "dwell-per-lau", &["lau_id", "dwell_class"], "devices");
    assert_eq!(classes.get("EE_A <15 min"), None);
    for (view, keys, number) in [
        ("users-per-lau", &["lau_id"][..], "user_count"),
        ("unique-users-per-lau-per-day", &["lau_id"], "user_count"),
        ("users-per-day", &["date"], "user_count"),
        ("devices-per-date", &["date"], "devices"),
    ] {
        let all = shown(&work, view, keys, number);
        let long = classes.get("EE_A 8+ h").copied().unwrap_or_default();
        assert_tells_no_few(all.values().next(), long, view);
    }
}

#[test]
fn classes_of_trips_add_up_to_the_devices_of_the_date() {
    let mut world = three_units();
    travel(&mut world, "one", 40, &[("a", 8), ("b", 9)]);
    travel(&mut world, "two", 30, &[("a", 8), ("b", 9), ("a", 10)]);
    travel(&mut world, "none", 4, &[("a", 8)]);
    let work = release(&world);
    let classes = shown(&work, "trips-per-device", &["trips_class"], "devices");
    assert_eq!(classes.get("0"), None);
    let all = shown(&work, "devices-per-date", &["date"], "devices");
    assert_tells_no_few(all.get(DATE), classes.values().sum(), "classes");
    // 70 devices make trips, and all of them under 2 km: 74 without 70 are the 4 that make none
    let near = shown(&work, "trip-distances", &["distance_class"], "devices");
    assert_tells_no_few(all.get(DATE), near.values().sum(), "those that make trips");
}

#[test]
fn trips_limit_the_devices_that_make_several() {
    // 16 devices make one trip, and 8 make two: with 32 trips, at most 8 can
    let mut world = three_units();
    travel(&mut world, "one", 16, &[("a", 8), ("b", 9)]);
    travel(&mut world, "two", 8, &[("a", 8), ("b", 9), ("a", 10)]);
    let work = release(&world);
    let classes = shown(&work, "trips-per-device", &["trips_class"], "devices");
    let near = shown(&work, "trip-distances", &["distance_class"], "trips");
    assert_eq!(classes.get("2"), None);
    let trips: i64 = near.values().sum();
    let left = trips - classes.get("1").copied().unwrap_or_default();
    assert!(trips == 0 || left / 2 >= FEW, "{classes:?} {near:?}");
}

#[test]
fn trips_of_which_one_device_makes_most_are_withheld() {
    let mut world = three_units();
    travel(&mut world, "many", 40, &[("a", 8), ("c", 9)]);
    travel(&mut world, "others", 16, &[("b", 8), ("c", 9)]);
    // one device goes from EE_B to EE_C again and again
    let hours: Vec<(&str, u32)> =
        (0..20).map(|hour| (if hour % 2 == 0 { "b" } else { "c" }, hour)).collect();
    travel(&mut world, "courier", 1, &hours);
    let work = release(&world);
    // from EE_B go 26 trips of 17 devices, 10 of them of one, and back to it 9 of that one
    let reasons = work.read("out.reasons.csv");
    assert!(reasons.contains("flow_balance,\"2024-10-01, EE_B\",inflow,derived"), "{reasons}");
    assert!(!reasons.contains("flow_balance,\"2024-10-01, EE_B\",outflow,dominated"), "{reasons}");
    // 17 devices with 10 trips of one and 16 of the others are not enough for a courier with 20 of 36
    let mut world = three_units();
    travel(&mut world, "many", 40, &[("a", 8), ("c", 9)]);
    travel(&mut world, "others", 16, &[("b", 8), ("c", 9)]);
    for minute in 0..36 {
        // a stay of 15 minutes at each end, in turn
        let (hour, start) = (minute * 40 / 60, minute * 40 % 60);
        let cell = if minute % 2 == 0 { "b" } else { "c" };
        for later in [0, 16] {
            let (hour, minute) = (hour + (start + later) / 60, (start + later) % 60);
            world.seen("courier", cell, &format!("{DATE} {hour:02}:{minute:02}:00"));
        }
    }
    let work = release(&world);
    let reasons = work.read("out.reasons.csv");
    assert!(reasons.contains("flow_balance,\"2024-10-01, EE_B\",outflow,dominated"), "{reasons}");
}

#[test]
fn estimates_are_released_with_the_counts_that_they_are_computed_from() {
    let mut world = three_units();
    for unit in &mut world.units {
        unit.population = Some(1_000);
    }
    let live = |world: &mut World, name: &str, devices: u32, home: &str, work: &str| {
        for device in 0..devices {
            let user = format!("{name}{device:03}");
            for (cell, at) in [(home, "02:00"), (work, "10:00"), (work, "14:00"), (home, "23:00")] {
                world.seen_daily(&user, cell, &format!("{DATE} {at}:00"), 31);
            }
        }
    };
    live(&mut world, "most", 40, "a", "b");
    live(&mut world, "more", 30, "a", "c");
    live(&mut world, "few", 9, "c", "a");
    // they spend no nights here, and make up for the few on each date
    for device in 0..20 {
        world.seen_daily(&format!("guest{device:03}"), "b", &format!("{DATE} 12:00:00"), 31);
    }
    let work = world.load(Warehouse::Embedded, CONFIG);
    work.ok(&["publish", "out"]);
    let residents = shown(&work, "residents-per-lau", &["lau_id"], "residents");
    assert_eq!(residents.get("EE_A"), Some(&70));
    assert_eq!(residents.get("EE_C"), None);
    // 1,000 inhabitants for 70 devices are a weight of 14.2857
    let text = work.read("out/commuters-estimate.csv");
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{text}");
    for (row, start) in
        rows.iter().zip(["2024-10-01,EE_A,EE_B,571.4,", "2024-10-01,EE_A,EE_C,428.6,"])
    {
        assert!(row.starts_with(start), "{text}");
    }
    // where the window is not released, the weights are not known
    work.ok(&["publish", "day", "--date", "2024-10-10"]);
    let nights = work.read("day/overnight-estimate.csv");
    assert_eq!(nights.lines().count(), 1, "{nights}");
    work.fails(&["publish", "x", "--view", "population-weights"], 2, &["cannot be published"]);
}

#[test]
fn zero_of_a_place_without_a_cell_is_withheld() {
    let mut world = three_units();
    // nothing was planned in EE_C before
    world.cells[2].from = Some("2024-10-02".parse().unwrap());
    travel(&mut world, "most", 40, &[("a", 8)]);
    for device in 0..40 {
        world.seen(&format!("most{device:03}"), "a", "2024-10-02 08:00:00");
    }
    let work = release(&world);
    let text = work.read("out/users-per-lau-day-night.csv");
    for row in [
        "2024-10-01,EE_B,EE_B,0,0,false",
        "2024-10-01,EE_C,EE_C,,,true",
        "2024-10-02,EE_C,EE_C,0,0,false",
    ] {
        let of_lau = row.split(',').nth(1).unwrap();
        assert!(text.contains(row), "{of_lau}: {text}");
    }
    let reasons = work.read("out.reasons.csv");
    let row = "view_users_per_lau_day_night,\"2024-10-01, EE_C\",day_users,not_covered";
    assert!(reasons.contains(row), "{reasons}");
    // in October there was a cell
    assert!(shown(&work, "residents-per-lau", &["lau_id"], "residents").contains_key("EE_C"));
}

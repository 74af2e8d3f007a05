//! Trips, flows and time by larger areas and longer periods: the numbers, and what they tell with those of other
//! releases.

use std::collections::BTreeMap;
use std::process::Command;

use super::attacks::{exact_views, random_world};
use super::coarser::{configure, load, load_on};
use super::world::three_units;
use crate::harness::{Warehouse, Workspace, root, test_on_each_warehouse};
use crate::insights::world::World;

/// The number of trips that 15 devices make at least.
const FEW: i64 = 15;

/// Devices that stay at each cell for 40 minutes from an hour on, and move to the next one.
fn travel(
    world: &mut World,
    (name, devices): (&str, std::ops::Range<u32>),
    date: &str,
    stays: &[(&str, u32)],
) {
    for device in devices {
        for (cell, hour) in stays {
            for minute in [0, 20, 40] {
                let at = format!("{date} {hour:02}:{minute:02}:00");
                world.seen(&format!("{name}{device:03}"), cell, &at);
            }
        }
    }
}

/// On Tuesday, 40 devices go from A to B, which are of one region, and 30 from A to C. On Wednesday, 20 of the 30 do so
/// again, and 16 others go from B to C and back.
fn two_days() -> World {
    let mut world = three_units();
    travel(&mut world, ("near", 0..40), "2024-10-01", &[("a", 8), ("b", 9)]);
    travel(&mut world, ("far", 0..30), "2024-10-01", &[("a", 8), ("c", 9)]);
    travel(&mut world, ("far", 0..20), "2024-10-02", &[("a", 9), ("c", 10)]);
    travel(&mut world, ("back", 0..16), "2024-10-02", &[("b", 9), ("c", 10), ("b", 11)]);
    world
}

const LEVEL: [&str; 6] = ["publish", "out", "--areas", "nuts3", "--period", "week"];

#[test]
fn trips_and_flows_are_those_of_regions_and_weeks() {
    let work = load(&two_days(), "min_devices = 2");
    work.ok(&["publish", "days", "--areas", "nuts3"]);
    assert_eq!(
        work.read("days/trips-od-nuts3.csv"),
        "date,hour,from_nuts3,to_nuts3,trips,devices,mean_distance_m,mean_minutes,suppressed\n\
         2024-10-01,2024-10-01 08:00:00,EE001,EE001,40,40,1145.1,20,false\n\
         2024-10-01,2024-10-01 08:00:00,EE001,EE002,30,30,2290.1,20,false\n\
         2024-10-02,2024-10-02 09:00:00,EE001,EE002,36,36,1781.2,20,false\n\
         2024-10-02,2024-10-02 10:00:00,EE002,EE001,16,16,1145.1,20,false\n"
    );
    assert_eq!(
        work.read("days/flow-balance-nuts3.csv"),
        "date,nuts3,inflow,outflow,net,within,suppressed\n\
         2024-10-01,EE001,0,30,-30,40,false\n2024-10-01,EE002,30,0,30,0,false\n\
         2024-10-02,EE001,16,36,-20,0,false\n2024-10-02,EE002,36,16,20,0,false\n"
    );
    // nobody has a home
    assert_eq!(
        work.read("days/trips-per-device-nuts3.csv"),
        "date,home_nuts3,trips_class,devices,suppressed\n\
         2024-10-01,,1,70,false\n2024-10-02,,1,20,false\n2024-10-02,,2,16,false\n"
    );
    // two visits of 40 minutes, with 5 minutes before and after, and the way of 20 minutes
    assert_eq!(
        work.read("days/dwell-per-lau-nuts3.csv"),
        "date,nuts3,dwell_class,devices,hours,suppressed\n\
         2024-10-01,EE001,1-3 h,40,73.33,false\n2024-10-01,EE001,15-60 min,30,22.5,false\n\
         2024-10-01,EE002,15-60 min,30,22.5,false\n\
         2024-10-02,EE001,1-3 h,16,24,false\n2024-10-02,EE001,15-60 min,20,15,false\n\
         2024-10-02,EE002,15-60 min,36,25.67,false\n"
    );
    work.ok(&["publish", "--audit", "days"]);

    work.remove("published");
    let said = work.run(&LEVEL);
    assert_eq!(said.status, 0, "{}", said.stderr);
    for view in ["trips-per-device", "dwell-per-lau"] {
        let note = format!("{view} is left out: its classes are those of a date");
        assert!(said.stderr.contains(&note), "{}", said.stderr);
    }
    // 20 of the 30 devices that go to C on Tuesday do so on Wednesday as well, and 16 others
    assert_eq!(
        work.read("out/trips-od-nuts3-week.csv"),
        "week,from_nuts3,to_nuts3,trips,devices,mean_distance_m,mean_minutes,suppressed\n\
         2024-09-30,EE001,EE001,40,40,1145.1,20,false\n\
         2024-09-30,EE001,EE002,66,46,2012.5,20,false\n\
         2024-09-30,EE002,EE001,16,16,1145.1,20,false\n"
    );
    assert_eq!(
        work.read("out/flow-balance-nuts3-week.csv"),
        "week,nuts3,inflow,outflow,net,within,suppressed\n\
         2024-09-30,EE001,16,66,-50,40,false\n2024-09-30,EE002,66,16,50,0,false\n"
    );
    assert_eq!(
        work.read("out/trip-distances-week.csv"),
        "week,distance_class,trips,devices,suppressed\n\
         2024-09-30,2-10 km,50,30,false\n2024-09-30,<2 km,72,56,false\n"
    );
    work.ok(&["publish", "--audit", "out"]);

    work.remove("published");
    work.ok(&["publish", "weeks", "--period", "week"]);
    assert_eq!(
        work.read("weeks/flow-balance-week.csv"),
        "week,lau_id,lau_name,inflow,outflow,net,within,suppressed\n\
         2024-09-30,EE_A,EE_A,0,90,-90,0,false\n2024-09-30,EE_B,EE_B,56,16,40,0,false\n\
         2024-09-30,EE_C,EE_C,66,16,50,0,false\n"
    );
    work.fails(
        &["publish", "x", "--period", "month", "--view", "dwell-per-lau"],
        2,
        &["cannot be published", "classes are those of a date"],
    );
}

#[test]
fn device_that_makes_most_trips_of_a_week_is_not_seen_in_their_sum() {
    let mut world = three_units();
    let days = ["2024-10-01", "2024-10-02", "2024-10-03", "2024-10-04", "2024-10-05"];
    travel(&mut world, ("once", 0..16), days[0], &[("a", 8), ("c", 9)]);
    travel(&mut world, ("others", 0..80), days[0], &[("b", 8), ("a", 9)]);
    // no more than 16 trips of one device on any date with 17 devices, but 20 in the week
    for day in days {
        let stays =
            [("a", 8), ("c", 9), ("a", 10), ("c", 11), ("a", 12), ("c", 13), ("a", 14), ("c", 15)];
        travel(&mut world, ("courier", 0..1), day, &stays);
    }
    let work = load(&world, "");
    work.ok(&LEVEL);
    let reasons = work.read("out.reasons.csv");
    for reason in [
        "trips_od_nuts3_week,\"2024-09-30, EE001, EE002\",trips,dominated",
        "flow_balance_nuts3_week,\"2024-09-30, EE001\",outflow,dominated",
    ] {
        assert!(reasons.contains(reason), "{reason}: {reasons}");
    }
    // on Tuesday alone, no device makes more than 4 of 20 trips
    work.remove("published");
    work.ok(&["publish", "day", "--areas", "nuts3", "--date", days[0]]);
    let reasons = work.read("day.reasons.csv");
    assert!(!reasons.contains("outflow,dominated"), "{reasons}");
}

/// The shown values of a column by the values of the columns before it that are keys.
pub fn shown(
    work: &Workspace,
    file: &str,
    keys: &[&str],
    number: &str,
) -> BTreeMap<Vec<String>, i64> {
    let text = work.read(file);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let places: Vec<usize> = keys.iter().map(|key| column(key)).collect();
    let number = column(number);
    let rows = reader.records().map(Result::unwrap).filter(|row| !row[number].is_empty());
    rows.map(|row| {
        let key = places.iter().map(|place| row[*place].to_owned()).collect();
        (key, row[number].parse().unwrap())
    })
    .collect()
}

fn assert_tells_no_few(rest: i64, what: &str) {
    assert!(rest == 0 || rest >= FEW, "{what}: what is left is {rest}");
}

#[test]
fn region_without_released_pairs_of_its_laus_tells_no_few_trips() {
    let mut world = three_units();
    travel(&mut world, ("most", 0..40), "2024-10-01", &[("a", 8), ("c", 9)]);
    travel(&mut world, ("few", 0..3), "2024-10-01", &[("b", 8), ("c", 9)]);
    travel(&mut world, ("back", 0..60), "2024-10-01", &[("c", 8), ("a", 9)]);
    let work = load(&world, "");
    // the 40 are released, and the 3 are not
    work.ok(&["publish", "laus", "--view", "trips-od"]);
    assert!(work.read("laus/trips-od.csv").contains("EE_A,EE_C,40,40,"));
    // 43 go from one region to the other
    for view in ["trips-od", "flow-balance"] {
        work.ok(&["publish", view, "--areas", "nuts3", "--view", view]);
        let text = work.read(&format!("{view}/{view}-nuts3.csv"));
        assert!(!text.contains("43"), "{view}: {text}");
    }
    // and in the week, which the trips by distance have as well
    let week = ["--period", "week", "--view", "trip-distances"];
    work.ok(&[&["publish", "distances"][..], &week].concat());
    let trips = shown(&work, "distances/trip-distances-week.csv", &["distance_class"], "trips");
    let sum: i64 = trips.values().sum();
    assert!(sum != 103, "{trips:?}");
    // the other way round, the region is released first
    work.remove("published");
    work.ok(&["publish", "first", "--areas", "nuts3", "--view", "flow-balance"]);
    assert!(work.read("first/flow-balance-nuts3.csv").contains("2024-10-01,EE001,60,43,"));
    work.ok(&["publish", "then", "--view", "trips-od"]);
    assert!(!work.read("then/trips-od.csv").contains("EE_A,EE_C,40"));
}

#[test]
fn flows_of_a_region_without_those_of_its_laus_tell_no_few_trips_between_them() {
    let mut world = three_units();
    world.unit("EE_D", "EE_D", 24.06, None);
    world.cell("d", 59.01, 24.07);
    world.unit("EE_E", "EE_E", 24.08, None);
    world.cell("e", 59.01, 24.09);
    for (name, devices, stays) in [
        ("ac", 20, [("a", 8), ("c", 9)]),
        ("ad", 20, [("a", 8), ("d", 9)]),
        ("bc", 20, [("b", 8), ("c", 9)]),
        ("bd", 20, [("b", 8), ("d", 9)]),
        ("ca", 45, [("c", 8), ("a", 9)]),
        ("cb", 45, [("c", 8), ("b", 9)]),
        ("da", 45, [("d", 8), ("a", 9)]),
        ("db", 45, [("d", 8), ("b", 9)]),
        ("cd", 30, [("c", 8), ("d", 9)]),
        ("dc", 30, [("d", 8), ("c", 9)]),
        ("ce", 50, [("c", 8), ("e", 9)]),
        ("ec", 50, [("e", 8), ("c", 9)]),
        // within the first region
        ("ab", 4, [("a", 8), ("b", 9)]),
    ] {
        travel(&mut world, (name, 0..devices), "2024-10-01", &stays);
    }
    let work = load(&world, "");
    work.write("nuts.csv", work.read("nuts.csv") + "EE_D,EE002\nEE_E,EE003\n");
    let view = ["--view", "flow-balance"];
    work.ok(&[&["publish", "laus"][..], &view].concat());
    let of_laus = shown(&work, "laus/flow-balance.csv", &["lau_id"], "outflow");
    let leave = |lau: &str| of_laus.get(&vec![lau.to_owned()]).copied();
    assert_eq!((leave("EE_A"), leave("EE_B")), (Some(44), Some(40)));
    // 84 leave the LAUs, and 80 the region; 184 and 180 arrive
    work.ok(&[&["publish", "regions", "--areas", "nuts3"][..], &view].concat());
    for column in ["outflow", "inflow"] {
        let of_regions = shown(&work, "regions/flow-balance-nuts3.csv", &["nuts3"], column);
        // and in the other region, 80 and 180 more than from and to the third one
        let expected = BTreeMap::from([(vec!["EE003".to_owned()], 50)]);
        assert_eq!(of_regions, expected, "{column}");
    }
}

#[test]
fn week_without_released_dates_tells_no_few_devices() {
    let mut world = three_units();
    travel(&mut world, ("most", 0..40), "2024-10-01", &[("a", 8), ("c", 9)]);
    travel(&mut world, ("few", 0..5), "2024-10-02", &[("a", 8), ("c", 9)]);
    travel(&mut world, ("still", 0..60), "2024-10-02", &[("b", 8)]);
    let work = load(&world, "");
    work.ok(&["publish", "days"]);
    assert!(work.read("days/trips-od.csv").contains("2024-10-01,2024-10-01 08:00:00,EE_A,EE_C,40"));
    let level = ["--period", "week"];
    work.ok(&[&["publish", "weeks"][..], &level].concat());
    // 45 trips of 45 devices
    for (file, keys, number) in [
        ("trips-od-week", &["from_lau_id", "to_lau_id"][..], "trips"),
        ("flow-balance-week", &["lau_id"], "outflow"),
        ("flow-balance-week", &["lau_id"], "inflow"),
        ("trip-distances-week", &["distance_class"], "trips"),
        ("trip-distances-week", &["distance_class"], "devices"),
    ] {
        let shown = shown(&work, &format!("weeks/{file}.csv"), keys, number);
        for (key, value) in shown {
            assert_tells_no_few(value - 40 * i64::from(value >= 40), &format!("{file} {key:?}"));
        }
    }
}

#[test]
fn classes_of_time_are_not_released_by_region_after_those_by_lau() {
    let work = load(&two_days(), "min_devices = 2");
    work.ok(&["publish", "laus"]);
    assert!(work.path("laus/dwell-per-lau.csv").exists());
    let said = work.run(&["publish", "regions", "--areas", "nuts3"]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert!(
        said.stderr.contains("dwell_per_lau_nuts3 is left out: the release"),
        "{}",
        said.stderr
    );
    assert!(!work.path("regions/dwell-per-lau-nuts3.csv").exists());
    assert!(work.path("regions/trips-od-nuts3.csv").exists());
    work.fails(
        &["publish", "x", "--areas", "nuts3", "--view", "dwell-per-lau"],
        2,
        &["The classes of dwell_per_lau in an area do not follow from those in its parts"],
    );
    // months after weeks
    work.remove("published");
    work.ok(&["publish", "weeks", "--period", "week", "--view", "trip-distances"]);
    work.fails(
        &["publish", "months", "--period", "month", "--view", "trip-distances"],
        2,
        &["Neither lie in the others"],
    );
}

/// The exact numbers of a level, from rows of single users.
fn add_exact(work: &Workspace, areas: &str, period: &str) {
    let mut python = Command::new("python3");
    let script = root().join("tests/publish/coarsen.py");
    let exact = work.path("exact");
    let ran = python.arg("-B").arg(script).arg(exact).args([areas, period]).output();
    let ran = ran.expect("python3 is installed by `make test`");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// Writes the exact rows of the views, and those of the levels, from rows of single users.
pub fn write_exact(work: &Workspace, levels: &[(&str, &str)]) {
    exact_views(work);
    for table in ["trips", "segments"] {
        let rows =
            work.ok(&["query", "--sql", &format!("SELECT * FROM {table}"), "--format", "csv"]);
        work.write(&format!("exact/{table}.csv"), rows);
    }
    let seen = "SELECT DISTINCT e.user_id, e.date, c.lau_id FROM mobile_events_placed e JOIN cell_plan c ON \
                c.cell_id = e.cell_id";
    work.write("exact/seen.csv", work.ok(&["query", "--sql", seen, "--format", "csv"]));
    let presence = "SELECT e.user_id, e.hour, e.first_seen, e.last_seen, e.cell_id, c.lau_id FROM \
                    mobile_events_placed e JOIN cell_plan c ON c.cell_id = e.cell_id";
    work.write("exact/presence.csv", work.ok(&["query", "--sql", presence, "--format", "csv"]));
    for view in ["anchors", "anchor_windows"] {
        let sql = format!("SELECT * FROM {view}");
        let rows = work.ok(&["query", "--sql", &sql, "--format", "csv"]);
        work.write(&format!("exact/{view}.csv"), rows);
    }
    work.write("exact/nuts.csv", work.read("nuts.csv"));
    for (areas, period) in levels.iter().filter(|level| **level != ("lau", "day")) {
        add_exact(work, areas, period);
    }
}

/// Attacks releases together, and tells how many numbers are about few devices, and how many there are.
pub fn attack(work: &Workspace, releases: &[(&str, &str, &str)]) -> (u64, u64) {
    let levels: Vec<(&str, &str)> = releases.iter().map(|(_, a, period)| (*a, *period)).collect();
    write_exact(work, &levels);
    let mut python = Command::new("python3");
    python.arg("-B").arg(root().join("tests/publish/attacker.py")).arg(work.path("exact"));
    for (release, areas, period) in releases {
        python.arg(format!("{}:{areas}:{period}", work.path(release).display()));
    }
    let ran = python.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = String::from_utf8(ran.stdout).unwrap();
    let (primary, cells) = text.trim().split_once(' ').unwrap();
    (primary.parse().unwrap(), cells.parse().unwrap())
}

pub fn publish(work: &Workspace, (release, areas, period): (&str, &str, &str), views: &[&str]) {
    let views: Vec<&str> = views.iter().flat_map(|view| ["--view", view]).collect();
    let level = ["publish", release, "--areas", areas, "--period", period];
    work.ok(&[&level[..], &views].concat());
    work.ok(&["publish", "--audit", release]);
}

#[test]
fn attacker_derives_no_few_devices_from_one_coarser_release() {
    for (seed, devices, days) in [(11, 60, 3), (12, 150, 2), (13, 90, 14)] {
        let work = load(&random_world(seed, devices, days), "");
        for level in
            [("nuts3-day", "nuts3", "day"), ("week", "lau", "week"), ("both", "nuts3", "week")]
        {
            work.remove("published");
            publish(&work, level, &[]);
            let (_, cells) = attack(&work, &[level]);
            assert!(cells > 20, "seed {seed}, {level:?}: {cells}");
        }
        // with fewer devices that are enough, more numbers are compared
        configure(&work, "min_devices = 2");
        work.remove("published");
        publish(&work, ("low", "nuts3", "month"), &[]);
        assert!(work.read("low/trips-od-nuts3-month.csv").lines().count() > 2, "seed {seed}");
    }
}

#[test]
fn attacker_derives_no_few_devices_from_releases_of_several_levels() {
    for (seed, devices, days) in [(21, 60, 3), (22, 150, 2), (23, 40, 8)] {
        let work = load(&random_world(seed, devices, days), "");
        let levels =
            [("laus", "lau", "day"), ("regions", "nuts3", "day"), ("weeks", "nuts3", "week")];
        let views = ["users-per-lau", "trips-od", "flow-balance", "trip-distances"];
        for level in levels {
            publish(&work, level, &views);
        }
        let (primary, cells) = attack(&work, &levels);
        assert!(primary > 5 && cells > 100, "seed {seed}: {primary} of {cells}");
        // and the coarser ones first
        work.remove("published");
        for (level, ..) in levels {
            work.remove(level);
        }
        for level in levels.into_iter().rev() {
            publish(&work, level, &views);
        }
        attack(&work, &levels);
    }
}

fn coarser_movement_has_the_same_rows_from_each_warehouse(warehouse: Warehouse) {
    let release = |warehouse| {
        let work = load_on(warehouse, &random_world(2, 80, 4), "min_devices = 3");
        let mut sums = String::new();
        for (areas, period) in [("nuts3", "day"), ("lau", "week"), ("nuts2", "month")] {
            work.remove("published");
            work.ok(&["publish", "out", "--areas", areas, "--period", period]);
            sums += &work.read("out/SHA256SUMS");
            work.remove("out");
        }
        sums
    };
    let sums = release(warehouse);
    for file in ["trips-od-nuts3.csv", "flow-balance-week.csv", "trip-distances-month.csv"] {
        assert!(sums.contains(file), "{sums}");
    }
    assert_eq!(sums, release(Warehouse::Embedded));
}
test_on_each_warehouse!(coarser_movement_has_the_same_rows_from_each_warehouse);

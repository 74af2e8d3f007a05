//! Releases by larger areas and longer periods: the numbers, and what they tell with those of other releases.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::attacks::random_world;
use super::world::{add_devices, three_units};
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};
use crate::insights::world::World;

/// The boundary file of the worlds.
const BOUNDARIES: &str = "raw/lau/lau.geojson";

const NUTS: &str = "lau_id,nuts\nEE_A,EE001\nEE_B,EE001\nEE_C,EE002\nFI_1,FI1B1\n";

/// Writes the configuration; `publish` are lines of its section.
pub fn configure(work: &Workspace, publish: &str) {
    work.config(&format!(
        "[anchors]\nwork_min_days = 4\n[publish]\nstore = \"published\"\n{publish}\n"
    ));
    work.add_views_about_people();
    let config = work.read("pipeline.toml");
    work.write("pipeline.toml", config.replace("[data]\n", "[data]\nnuts = \"nuts.csv\"\n"));
}

pub fn load_on(warehouse: Warehouse, world: &World, publish: &str) -> Workspace {
    let work = world.load(warehouse, "[anchors]\nwork_min_days = 4\n");
    work.write("nuts.csv", NUTS);
    configure(&work, publish);
    work
}

pub fn load(world: &World, publish: &str) -> Workspace {
    load_on(Warehouse::Embedded, world, publish)
}

/// 20 devices that go from A to B, 10 in A, 10 in B on the next date, and 30 in C on both.
fn few_travellers() -> World {
    let mut world = three_units();
    let mut seen = |name: &str, count: u32, cell: &str, at: &str| {
        (0..count).for_each(|device| world.seen(&format!("{name}{device}"), cell, at));
    };
    seen("both", 20, "a", "2024-10-01 10:00:00");
    seen("both", 20, "b", "2024-10-01 15:00:00");
    seen("only-a", 10, "a", "2024-10-01 10:00:00");
    seen("only-b", 10, "b", "2024-10-02 10:00:00");
    seen("only-c", 30, "c", "2024-10-01 10:00:00");
    seen("only-c", 30, "c", "2024-10-02 21:00:00");
    world
}

#[test]
fn each_device_counts_once_in_an_area_and_a_period() {
    let work = load(&few_travellers(), "min_devices = 2");
    work.ok(&["publish", "areas", "--areas", "nuts3"]);
    assert_eq!(
        work.read("areas/users-per-lau-nuts3.csv"),
        "date,nuts3,user_count,suppressed\n\
         2024-10-01,EE001,30,false\n2024-10-01,EE002,30,false\n\
         2024-10-02,EE001,10,false\n2024-10-02,EE002,30,false\n"
    );
    assert_eq!(
        work.read("areas/users-per-lau-day-night-nuts3.csv"),
        "date,nuts3,day_users,night_users,suppressed\n\
         2024-10-01,EE001,30,0,false\n2024-10-01,EE002,30,0,false\n\
         2024-10-02,EE001,10,0,false\n2024-10-02,EE002,0,30,false\n"
    );
    assert_eq!(
        work.read("areas/od-pairs-per-day-nuts3.csv"),
        "date,from_nuts3,to_nuts3,devices,suppressed\n\
         2024-10-01,EE001,EE001,30,false\n2024-10-01,EE002,EE002,30,false\n\
         2024-10-02,EE001,EE001,10,false\n2024-10-02,EE002,EE002,30,false\n"
    );
    assert!(!work.path("areas/users-per-lau.csv").exists());
    assert!(work.path("areas/users-per-day.csv").exists());

    configure(&work, "min_devices = 2\nperiod = \"week\"");
    work.remove("published");
    let said = work.run(&["publish", "weeks"]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert!(
        said.stderr.contains("users-per-day is left out: its numbers of a week are not the sums")
    );
    assert_eq!(
        work.read("weeks/users-per-lau-week.csv"),
        "week,lau_id,lau_name,user_count,suppressed\n\
         2024-09-30,EE_A,EE_A,30,false\n2024-09-30,EE_B,EE_B,30,false\n2024-09-30,EE_C,EE_C,30,false\n"
    );
    assert_eq!(
        work.read("weeks/od-pairs-per-day-week.csv"),
        "week,from_lau_id,to_lau_id,devices,suppressed\n2024-09-30,EE_A,EE_A,30,false\n\
         2024-09-30,EE_A,EE_B,20,false\n2024-09-30,EE_B,EE_B,30,false\n2024-09-30,EE_C,EE_C,30,false\n"
    );
    work.remove("published");
    work.ok(&["publish", "both", "--areas", "nuts3", "--period", "month"]);
    assert_eq!(
        work.read("both/users-per-lau-nuts3-month.csv"),
        "month,nuts3,user_count,suppressed\n2024-10-01,EE001,40,false\n2024-10-01,EE002,30,false\n"
    );
    work.ok(&["publish", "--audit", "both"]);
    assert!(work.read("both/README.md").contains("those of NUTS 3 regions"));
    let manifest: serde_json::Value =
        serde_json::from_str(&work.read("both/manifest.json")).unwrap();
    assert_eq!((&manifest["areas"], &manifest["period"]), (&"nuts3".into(), &"month".into()));
    // a public reader sees what was released
    let rows =
        work.ok(&["query", "users-per-lau-nuts3-month", "--audience", "public", "--format", "csv"]);
    assert_eq!(rows.lines().count(), 3, "{rows}");
    let list = work.ok(&["query", "--list", "--audience", "public"]);
    assert!(list.contains("commuters") || list.contains("residents-per-lau-nuts3"), "{list}");
    assert!(list.contains("Unique users per LAU and day, NUTS 3 areas, by month"), "{list}");
}

#[test]
fn what_an_area_has_more_than_a_lau_of_an_earlier_release_is_a_count() {
    let mut world = three_units();
    add_devices(&mut world, "2024-10-01", [40, 5, 30]);
    let work = load(&world, "");
    let view = ["--view", "users-per-lau"];
    work.ok(&[&["publish", "laus"][..], &view].concat());
    assert_eq!(work.read("laus/users-per-lau.csv").matches("false").count(), 2);
    work.ok(&[&["publish", "areas", "--areas", "nuts3"][..], &view].concat());
    // 45 without 40 are 5
    assert_eq!(
        work.read("areas/users-per-lau-nuts3.csv"),
        "date,nuts3,user_count,suppressed\n2024-10-01,EE002,30,false\n"
    );
    // and the other way round
    work.remove("published");
    work.ok(&[&["publish", "areas-first", "--areas", "nuts3"][..], &view].concat());
    assert!(work.read("areas-first/users-per-lau-nuts3.csv").contains("EE001,45,false"));
    work.ok(&[&["publish", "laus-then"][..], &view].concat());
    assert_eq!(
        work.read("laus-then/users-per-lau.csv"),
        "lau_id,lau_name,date,user_count,suppressed\nEE_C,EE_C,2024-10-01,30,false\n"
    );
}

#[test]
fn what_a_week_has_more_than_a_date_of_another_view_of_an_earlier_release_is_a_count() {
    let mut world = three_units();
    add_devices(&mut world, "2024-10-01", [40, 50, 60]);
    add_devices(&mut world, "2024-10-02", [45, 50, 60]);
    let work = load(&world, "");
    // the same rows under another name
    work.ok(&[
        "publish",
        "dates",
        "--date",
        "2024-10-01",
        "--view",
        "unique-users-per-lau-per-day",
    ]);
    assert!(
        work.read("dates/unique-users-per-lau-per-day.csv").contains("EE_A,EE_A,2024-10-01,40")
    );
    work.ok(&["publish", "weeks", "--period", "week", "--view", "users-per-lau"]);
    // 45 in A on both dates, of which 40 on the first
    assert_eq!(
        work.read("weeks/users-per-lau-week.csv"),
        "week,lau_id,lau_name,user_count,suppressed\n\
         2024-09-30,EE_B,EE_B,50,false\n2024-09-30,EE_C,EE_C,60,false\n"
    );
}

#[test]
fn week_that_has_few_devices_more_than_dates_of_an_earlier_release_is_withheld() {
    let mut world = three_units();
    add_devices(&mut world, "2024-10-01", [40, 50, 60]);
    // 38 devices, of which 3 are new
    for device in 5..43 {
        world.seen(&format!("a{device:04}"), "a", "2024-10-02 10:00:00");
    }
    add_devices(&mut world, "2024-10-02", [0, 50, 60]);
    let work = load(&world, "");
    let view = ["--view", "users-per-lau"];
    work.ok(&[&["publish", "dates"][..], &view].concat());
    assert_eq!(work.read("dates/users-per-lau.csv").lines().count(), 7);
    // 43 in A, which are 3 and 5 more than on the dates
    work.ok(&[&["publish", "weeks", "--period", "week"][..], &view].concat());
    assert_eq!(
        work.read("weeks/users-per-lau-week.csv"),
        "week,lau_id,lau_name,user_count,suppressed\n\
         2024-09-30,EE_B,EE_B,50,false\n2024-09-30,EE_C,EE_C,60,false\n"
    );
}

#[test]
fn areas_and_periods_that_cross_those_of_an_earlier_release_are_refused() {
    let work = load(&few_travellers(), "min_devices = 2");
    work.ok(&["publish", "weeks", "--period", "week", "--view", "users-per-lau"]);
    let areas = ["publish", "areas", "--areas", "nuts3", "--view", "users-per-lau-day-night"];
    let words = ["numbers by lau and week", "by nuts3 and day", "not known what their differences"];
    work.fails(&areas, 2, &words);
    work.fails(
        &["publish", "months", "--period", "month", "--view", "users-per-lau"],
        2,
        &["by lau and week", "by lau and month"],
    );
    work.ok(&[
        "publish",
        "coarser",
        "--areas",
        "nuts3",
        "--period",
        "week",
        "--view",
        "users-per-lau",
    ]);
    // with other codes the areas are others
    work.write("nuts.csv", NUTS.replace("EE_B,EE001", "EE_B,EE002"));
    work.fails(
        &["publish", "other", "--areas", "nuts3", "--period", "week", "--view", "users-per-lau"],
        2,
        &["other NUTS codes", "data.nuts"],
    );
    work.write("nuts.csv", NUTS.replace("EE_B,EE001\n", ""));
    work.fails(
        &["publish", "other", "--areas", "nuts3", "--period", "week"],
        1,
        &["data.nuts", "nuts.csv", "no row of the LAU EE_B; add one"],
    );
}

#[test]
fn codes_come_from_the_boundaries_if_they_state_them() {
    let work = load(&few_travellers(), "min_devices = 2");
    let config = work.read("pipeline.toml").replace("nuts = \"nuts.csv\"\n", "");
    let boundaries = work.read(BOUNDARIES);
    let with_codes = |property: &str, codes: [&str; 3]| {
        let mut text = boundaries.clone();
        for (id, code) in ["EE_A", "EE_B", "EE_C"].into_iter().zip(codes) {
            let id = format!("\"GISCO_ID\":\"{id}\"");
            text = text.replace(&id, &format!("{id},\"{property}\":\"{code}\""));
        }
        work.write(BOUNDARIES, text);
    };
    let publish = ["publish", "areas", "--areas", "nuts3", "--view", "users-per-lau"];
    for (property, columns) in [("NUTS_ID", ""), ("REGION", "[columns]\nnuts = \"REGION\"\n")] {
        work.remove("published");
        work.remove("areas");
        work.write("pipeline.toml", format!("{columns}{config}"));
        with_codes(property, ["EE001", "EE001", "EE002"]);
        work.ok(&publish);
        assert_eq!(
            work.read("areas/users-per-lau-nuts3.csv"),
            "date,nuts3,user_count,suppressed\n\
             2024-10-01,EE001,30,false\n2024-10-01,EE002,30,false\n\
             2024-10-02,EE001,10,false\n2024-10-02,EE002,30,false\n"
        );
    }
    // a property of that name with anything else, or not of all LAUs
    for (codes, words) in [
        (["EE001", "EE00", "EE002"], ["EE_B, property \"REGION\"", "\"EE00\" is no NUTS 3 code"]),
        (["EE001", "EE001", ""], ["EE_C, property \"REGION\"", "\"\" is no NUTS 3 code"]),
    ] {
        with_codes("REGION", codes);
        work.fails(&publish, 1, &[words[0], words[1], "columns.nuts", BOUNDARIES]);
    }
}

#[test]
fn views_whose_coarser_numbers_are_not_known_are_refused_by_name() {
    let work = load(&few_travellers(), "");
    work.fails(
        &["publish", "out", "--period", "week", "--view", "number-of-unique-users-per-hour"],
        2,
        &["cannot be published with the areas lau and the period week", "not the sums", "--period"],
    );
    work.fails(
        &["publish", "out", "--areas", "nuts3", "--view", "unique-users-per-lau-per-day"],
        2,
        &["the areas nuts3", "a device may be in several"],
    );
    let config = work.read("pipeline.toml");
    work.write("pipeline.toml", config.replace("nuts = \"nuts.csv\"\n", ""));
    let words = ["in which NUTS 3 region each LAU lies", "lau_id and nuts", "data.nuts"];
    work.fails(&["publish", "out", "--areas", "nuts2"], 2, &words);
    assert!(!work.path("published").join("published.json").exists());
}

#[test]
fn areas_with_few_devices_in_a_month_are_withheld_as_a_whole() {
    let mut world = three_units();
    add_devices(&mut world, "2024-10-01", [90, 40, 100]);
    add_devices(&mut world, "2024-10-02", [95, 30, 120]);
    let work = load(&world, "min_area_devices = 60");
    work.ok(&["publish", "out"]);
    let rows = work.read("out/users-per-lau.csv");
    assert!(!rows.contains("EE_B") && rows.matches("EE_A,EE_A").count() == 2, "{rows}");
    assert_eq!(
        work.read("out/users-per-lau-day-night.csv"),
        "date,lau_id,lau_name,day_users,night_users,suppressed\n\
         2024-10-01,EE_A,EE_A,90,0,false\n2024-10-01,EE_B,EE_B,,0,true\n2024-10-01,EE_C,EE_C,100,0,false\n\
         2024-10-02,EE_A,EE_A,95,0,false\n2024-10-02,EE_B,EE_B,,0,true\n2024-10-02,EE_C,EE_C,120,0,false\n"
    );
    let reasons = work.read("out.reasons.csv");
    assert!(reasons.contains("\"2024-10-01, EE_B\",user_count,small_area"), "{reasons}");
    assert!(work.read("out/README.md").contains("fewer than 60 devices were seen"));
    work.ok(&["publish", "--audit", "out"]);
    // 40 in the month are enough for 40
    configure(&work, "min_area_devices = 40");
    work.remove("published");
    work.ok(&["publish", "all"]);
    assert!(work.read("all/users-per-lau.csv").contains("EE_B,EE_B,2024-10-01,40,false"));
    // and 60 are for the region of A and B, of which there are 95 and 40
    configure(&work, "min_area_devices = 130\nareas = \"nuts3\"");
    work.remove("published");
    work.ok(&["publish", "regions", "--view", "users-per-lau"]);
    assert_eq!(
        work.read("regions/users-per-lau-nuts3.csv"),
        "date,nuts3,user_count,suppressed\n2024-10-01,EE001,130,false\n2024-10-02,EE001,125,false\n"
    );
}

#[test]
fn dry_run_says_what_would_lose_least() {
    let work = load(&few_travellers(), "");
    let ran = work.run(&["publish", "--dry-run"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let lines: Vec<Vec<&str>> = ran
        .stdout
        .lines()
        .map(|line| line.trim_matches('│').split_whitespace().collect())
        .collect();
    for level in [["lau", "day"], ["nuts3", "day"], ["lau", "week"], ["nuts3", "week"]] {
        assert!(lines.iter().any(|line| line.starts_with(&level)), "{level:?}: {}", ran.stdout);
    }
    assert!(ran.stderr.contains("least is lost with --areas"), "{}", ran.stderr);
    let json = work.ok(&["publish", "--dry-run", "--format", "json"]);
    assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap().is_array());
    assert!(!work.path("published").join("published.json").exists());
    let config = work.read("pipeline.toml");
    work.write("pipeline.toml", config.replace("nuts = \"nuts.csv\"\n", ""));
    let ran = work.run(&["publish", "--dry-run", "--period", "month"]);
    assert!(ran.stderr.contains("nothing coarser to compare with"), "{}", ran.stderr);
}

/// The devices by period and area, counted from the events.
type Counts = BTreeMap<(NaiveDate, String), BTreeSet<String>>;

fn counted(world: &World, period: &str, area: &dyn Fn(&str) -> String) -> Counts {
    let mut counts = Counts::new();
    for event in &world.events {
        let date = event.time.date();
        let start = match period {
            "week" => date - Days::new(date.weekday().num_days_from_monday().into()),
            "month" => date.with_day(1).unwrap(),
            _ => date,
        };
        counts.entry((start, area(&event.cell))).or_default().insert(event.user.clone());
    }
    counts
}

/// The shown numbers of a release by period and area.
fn shown(work: &Workspace, file: &str, keys: [&str; 2]) -> BTreeMap<(NaiveDate, String), u64> {
    let text = work.read(file);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let places = [column(keys[0]), column(keys[1]), column("user_count")];
    let rows = reader.records().map(Result::unwrap);
    rows.map(|row| {
        let [period, area, count] = places.map(|place| row[place].to_owned());
        ((period.parse().unwrap(), area), count.parse().unwrap())
    })
    .collect()
}

/// Devices that are seen on every other date or so, most of them in one LAU.
fn changing_world(seed: u64) -> World {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut world = three_units();
    let cells = ["a", "b", "c"];
    for device in 0..240 {
        let usual = cells[[0, 0, 1, 2][device % 4]];
        for day in 1..5 {
            let mut seen = |cell: &str, hour: u32| {
                let at = format!("2024-10-{day:02} {hour:02}:00:00");
                world.seen(&format!("u{device:03}"), cell, &at);
            };
            if random.random_bool(0.5) {
                seen(usual, 9);
            }
            if random.random_bool(0.2) {
                seen(cells[random.random_range(0..3)], 15);
            }
        }
    }
    world
}

#[test]
fn coarser_numbers_are_right_and_no_difference_with_earlier_ones_is_small() {
    for seed in [4, 5] {
        let world = changing_world(seed);
        let work = load(&world, "");
        let lau = |cell: &str| format!("EE_{}", cell.to_uppercase());
        let nuts = |cell: &str| if cell == "c" { "EE002" } else { "EE001" }.to_owned();
        let mut released = Vec::new();
        for (areas, period, file, keys) in [
            ("lau", "day", "users-per-lau", ["date", "lau_id"]),
            ("nuts3", "day", "users-per-lau-nuts3", ["date", "nuts3"]),
            ("nuts3", "week", "users-per-lau-nuts3-week", ["week", "nuts3"]),
        ] {
            let out = format!("{areas}-{period}");
            let level = ["--areas", areas, "--period", period, "--view", "users-per-lau"];
            work.ok(&[&["publish", &out][..], &level].concat());
            work.ok(&["publish", "--audit", &out]);
            let exact = match areas {
                "lau" => counted(&world, period, &lau),
                _ => counted(&world, period, &nuts),
            };
            let shown = shown(&work, &format!("{out}/{file}.csv"), keys);
            assert!(!shown.is_empty(), "{out}");
            for (key, count) in &shown {
                assert_eq!(exact[key].len() as u64, *count, "{out} {key:?}");
                assert!(*count > 15, "{out} {key:?}");
            }
            released.push((areas, period, shown, exact));
        }
        // all pairs of shown numbers of which one contains the other
        let mut pairs = 0;
        for (_, _, fine, of_fine) in &released {
            for (_, period, coarse, of_coarse) in &released {
                for (part, few) in fine {
                    for (whole, many) in coarse {
                        let is_in = part != whole && of_fine[part].is_subset(&of_coarse[whole]);
                        let is_same_time = whole.0 <= part.0
                            && (*period == "week" && part.0 < whole.0 + Days::new(7)
                                || part.0 == whole.0);
                        let is_same_area = part.1 == whole.1
                            || whole.1 == "EE001" && ["EE_A", "EE_B"].contains(&part.1.as_str())
                            || whole.1 == "EE002" && part.1 == "EE_C";
                        if is_in && is_same_time && is_same_area {
                            pairs += 1;
                            assert!(!(1..=15).contains(&(many - few)), "{part:?} in {whole:?}");
                        }
                    }
                }
            }
        }
        assert!(pairs > 3, "seed {seed}: {pairs}");
    }
}

fn coarser_release_has_the_same_rows_from_each_warehouse(warehouse: Warehouse) {
    let release = |warehouse| {
        let work = load_on(warehouse, &random_world(1, 60, 4), "");
        work.ok(&["publish", "areas", "--areas", "nuts3"]);
        work.remove("published");
        work.ok(&["publish", "weeks", "--areas", "nuts3", "--period", "week"]);
        work.read("areas/SHA256SUMS") + &work.read("weeks/SHA256SUMS")
    };
    let sums = release(warehouse);
    assert!(sums.lines().count() > 20, "{sums}");
    assert_eq!(sums, release(Warehouse::Embedded));
}
test_on_each_warehouse!(coarser_release_has_the_same_rows_from_each_warehouse);

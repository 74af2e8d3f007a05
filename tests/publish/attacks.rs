//! Random worlds whose releases an independent attacker looks at.

use std::process::Command;

use chrono::{Days, NaiveDate};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::world::three_units;
use crate::harness::{Warehouse, Workspace, fraction_of_cases, root, test_on_each_warehouse};
use crate::insights::world::World;

/// The views that the attacker knows.
const VIEWS: [&str; 20] = [
    "users-per-day",
    "users-per-week",
    "users-per-month",
    "devices-per-date",
    "devices-per-night",
    "users-per-lau",
    "unique-users-per-lau-per-day",
    "users-per-lau-day-night",
    "number-of-unique-users-per-hour",
    "od-pairs-per-day",
    "residents-per-lau",
    "commuters",
    "overnight-stays",
    "trips-od",
    "flow-balance",
    "trip-distances",
    "trips-per-device",
    "dwell-per-lau",
    "present-coverage",
    "present-per-lau",
];

/// Devices that spend nights and workdays in LAUs of their own, and now and then are elsewhere.
pub fn random_world(seed: u64, devices: u32, days: u64) -> World {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut world = three_units();
    let cells = ["a", "b", "c"];
    let first = NaiveDate::from_ymd_opt(2024, 10, 1).unwrap();
    for device in 0..devices {
        // most live in the first LAU
        let home = cells[[0, 0, 0, 1, 1, 2][random.random_range(0..6)]];
        let work = cells[random.random_range(0..3)];
        for day in 0..days {
            let date = first + Days::new(day);
            let user = format!("u{device:04}");
            for (hour, cell) in [(2, home), (10, work), (14, work), (23, home)] {
                let cell = match random.random_range(0..12) {
                    0 => continue,
                    1 => cells[random.random_range(0..3)],
                    _ => cell,
                };
                world.seen(&user, cell, &format!("{date} {hour:02}:{:02}:00", device % 60));
            }
            // most go to work by a way without gaps, and some of them elsewhere on the way home
            if random.random_bool(0.7) {
                let errand =
                    if random.random_bool(0.2) { cells[random.random_range(0..3)] } else { work };
                for (cell, at) in [
                    (home, "07:20"),
                    (home, "07:40"),
                    (work, "08:10"),
                    (work, "08:30"),
                    (errand, "16:40"),
                    (errand, "17:00"),
                    (home, "17:30"),
                    (home, "17:50"),
                ] {
                    world.seen(&user, cell, &format!("{date} {at}:00"));
                }
            }
        }
    }
    world
}

/// Writes the exact rows of the views.
pub fn exact_views(work: &Workspace) {
    for view in VIEWS {
        let rows = work.ok(&["query", view, "--format", "csv"]);
        work.write(&format!("exact/{view}.csv"), rows);
    }
}

fn attack(work: &Workspace, release: &str) -> (u64, u64) {
    exact_views(work);
    let mut python = Command::new("python3");
    let script = root().join("tests/publish/attacker.py");
    let ran = python.arg("-B").arg(script).arg(work.path("exact")).arg(work.path(release)).output();
    let ran = ran.expect("python3 is installed by `make test`");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = String::from_utf8(ran.stdout).unwrap();
    let (primary, cells) = text.trim().split_once(' ').unwrap();
    (primary.parse().unwrap(), cells.parse().unwrap())
}

/// Numbers about few devices, and all numbers, of a release that neither the attacker nor the audit undoes.
fn withstands_attacks(world: &World) -> (u64, u64) {
    let work = world.load(
        Warehouse::Embedded,
        "[publish]\nstore = \"published\"\n[anchors]\nwork_min_days = 4\n",
    );
    work.ok(&["publish", "out"]);
    let found = attack(&work, "out");
    work.ok(&["publish", "--audit", "out"]);
    found
}

#[test]
fn attacker_derives_no_count_of_few_devices() {
    for (seed, devices, days) in [(1, 60, 3), (2, 150, 2), (3, 90, 16)] {
        let (primary, cells) = withstands_attacks(&random_world(seed, devices, days));
        assert!(primary > 5 && cells > 50, "seed {seed}: {primary} of {cells}");
    }
}

proptest! {
    // each step of shrinking makes a release
    #![proptest_config(ProptestConfig { max_shrink_iters: 20, ..fraction_of_cases(60) })]

    #[test]
    fn attacker_derives_no_count_of_few_devices_from_any_world(
        seed in any::<u64>(),
        devices in 20_u32..200,
        days in 1_u64..5,
    ) {
        let (_, cells) = withstands_attacks(&random_world(seed, devices, days));
        prop_assert!(cells > 50, "{cells}");
    }
}

fn release_has_the_same_rows_from_each_warehouse(warehouse: Warehouse) {
    let config = "[publish]\nstore = \"published\"\n";
    let release = |warehouse| {
        let work = random_world(1, 60, 2).load(warehouse, config);
        work.ok(&["publish", "out"]);
        work.read("out/SHA256SUMS")
    };
    let sums = release(warehouse);
    assert!(sums.lines().count() > 30, "{sums}");
    assert_eq!(sums, release(Warehouse::Embedded));
}
test_on_each_warehouse!(release_has_the_same_rows_from_each_warehouse);

#[test]
fn attacker_finds_a_number_that_was_put_back() {
    let world = random_world(1, 60, 2);
    let work = world.load(Warehouse::Embedded, "[publish]\nstore = \"published\"\n");
    work.ok(&["publish", "out"]);
    attack(&work, "out");
    let exact = work.read("exact/users-per-lau-day-night.csv");
    work.write("out/users-per-lau-day-night.csv", exact);
    let mut python = Command::new("python3");
    let script = root().join("tests/publish/attacker.py");
    let ran = python.arg("-B").arg(script).arg(work.path("exact")).arg(work.path("out")).output();
    assert!(!ran.unwrap().status.success());
}

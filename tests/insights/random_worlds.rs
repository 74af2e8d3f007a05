//! Random worlds with a fixed seed: each view equals the reference over the raw events.

use chrono::{Days, NaiveDate, TimeDelta};

use super::reference::{Rules, answers};
use super::world::{Cell, Event, World, date};
use crate::harness::{Warehouse, Workspace, test_on_each_warehouse};

/// A generator of random numbers that is the same everywhere (SplitMix64).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to but not including `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn choose<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// Sites in and outside three units, of several cells, across a border, and with cells that move or are
/// valid for a few days only. Nothing is ever seen in a fourth unit.
pub fn places(middle: NaiveDate) -> World {
    let mut world = World::default();
    world.unit("EE_1", "Aa", 24.00, Some(40));
    world.unit("EE_2", "Õis", 24.02, Some(900));
    world.unit("EE_3", "Cee", 24.04, None);
    world.unit("EE_4", "Dee", 24.50, Some(77));
    for (id, latitude, longitude) in [
        ("a1", 59.01, 24.01),
        ("a2", 59.01, 24.01),
        ("a3", 59.012, 24.01),
        ("a4", 59.005, 24.002),
        ("b1", 59.01, 24.03),
        ("b2", 59.01, 24.031),
        // at the site of b1
        ("b3", 59.010_000_1, 24.03),
        ("c1", 59.01, 24.05),
        ("c2", 59.012, 24.055),
        // one site on both sides of the border of EE_1 and EE_2
        ("x1", 59.015, 24.019_997),
        ("x2", 59.015, 24.020_003),
        ("o1", 59.3, 24.3),
        ("o2", 59.3, 24.3),
    ] {
        world.cell(id, latitude, longitude);
    }
    let last = middle.pred_opt();
    let moved = Cell { id: "m1", latitude: 59.01, longitude: 24.01, from: None, to: last };
    world.cells.push(moved.clone());
    let (latitude, longitude) = (59.016, 24.045);
    world.cells.push(Cell { latitude, longitude, from: Some(middle), to: None, ..moved });
    world.cells.push(Cell {
        id: "n1",
        latitude: 59.008,
        longitude: 24.03,
        from: Some(middle),
        to: Some(middle + Days::new(3)),
    });
    world
}

/// Users with homes and work places over `days` dates, of which `missing` have no events. From `rotation`
/// on they have other names.
pub fn random_world(
    seed: u64,
    (first, days): (&str, u64),
    users: u64,
    missing: &[u64],
    rotation: Option<&str>,
) -> World {
    let mut random = Random(seed);
    let first = date(first);
    let rotation = rotation.map(date);
    let mut world = places(first + Days::new(days / 2));
    let mut cells: Vec<&'static str> = world.cells.iter().map(|cell| cell.id).collect();
    cells.dedup();
    cells.push("unknown");
    let clock = [0, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 21, 22, 23];
    for user in 0..users {
        let [home, work, other] = [(); 3].map(|()| random.choose(&cells));
        let most_events = [1, 3, 6, 14][random.below(4) as usize];
        for day in 0..days {
            let date = first + Days::new(day);
            if missing.contains(&day) || random.one_in(10) {
                continue;
            }
            let name = match rotation {
                Some(rotation) if date >= rotation => format!("v{user:03}"),
                _ => format!("u{user:03}"),
            };
            for _ in 0..=random.below(most_events) {
                let at = random.below(24) as usize;
                let hour = clock.get(at).copied().unwrap_or(at as u32);
                let anywhere = random.choose(&cells);
                let cell = match random.below(8) {
                    0 => other,
                    1 => anywhere,
                    _ if !(7..22).contains(&hour) => home,
                    2 => home,
                    _ => work,
                };
                // full hours and equal distances from them are frequent
                let any = (random.below(60) as u32, random.below(60) as u32);
                let (minute, second) = [(0, 0), (30, 0), (20, 0), any][random.below(4) as usize];
                let time = date.and_hms_opt(hour, minute, second).unwrap();
                let mut see = |cell: &str, time| {
                    world.events.push(Event { user: name.clone(), time, cell: cell.to_owned() });
                };
                see(cell, time);
                if random.one_in(10) {
                    see(random.choose(&cells), time);
                }
                if random.one_in(5) {
                    let later = time + TimeDelta::seconds(random.below(600) as i64);
                    if later.date() == date {
                        see(cell, later);
                    }
                }
            }
        }
    }
    world
}

fn assert_equal(warehouse: Warehouse, world: &World, rules: Rules, config: &str) {
    assert_answers(&world.load(warehouse, config), world, rules);
}

/// Each view must have the rows of the reference.
pub fn assert_answers(work: &Workspace, world: &World, rules: Rules) {
    for (view, expected) in answers(world, rules) {
        assert!(expected.lines().count() > 1, "{view}: the world has no rows");
        let got = work.ok(&["query", view, "--format", "csv"]);
        if got != expected {
            let lines = got.lines().zip(expected.lines());
            let differs = lines.enumerate().find(|(_, (got, expected))| got != expected);
            panic!(
                "{view}: {} lines, expected {}; the first that differs: {differs:?}",
                got.lines().count(),
                expected.lines().count()
            );
        }
    }
}

fn views_about_people_equal_the_reference_in_calendar_months(warehouse: Warehouse) {
    let world = random_world(1, ("2024-09-25", 50), 60, &[20, 21], None);
    let rules = Rules { window: None, min_devices: 3 };
    assert_equal(warehouse, &world, rules, "[weights]\nmin_devices = 3\n");
}

test_on_each_warehouse!(views_about_people_equal_the_reference_in_calendar_months);

fn views_about_people_equal_the_reference_when_pseudonyms_change(warehouse: Warehouse) {
    let world = random_world(2, ("2024-08-05", 90), 40, &[30, 31, 60], Some("2024-10-09"));
    let rules = Rules { window: Some(28), min_devices: 3 };
    let config = "[anchors]\nwindow = 28\n[weights]\nmin_devices = 3\n";
    assert_equal(warehouse, &world, rules, config);
}

test_on_each_warehouse!(views_about_people_equal_the_reference_when_pseudonyms_change);

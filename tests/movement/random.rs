//! Random worlds with a fixed seed: segments, trips and their aggregates equal the reference over the raw events.

use chrono::{Days, TimeDelta};
use serde_json::json;

use super::reference::assert_equal;
use crate::harness::{Warehouse, test_on_each_warehouse};
use crate::insights::random_worlds::{Random, places};
use crate::insights::world::{Event, World, date, time};

/// Devices with events over four dates from `first` on, each mostly at three of the cells. Without `anywhen`, times
/// between events are often those that a rule has as its limit.
pub fn world(seed: u64, first: &str, anywhen: bool) -> World {
    let mut random = Random(seed);
    let start = time(&format!("{first} 00:00:00"));
    let end = start + Days::new(4);
    let mut world = places(date(first) + Days::new(2));
    // three more sites outside all units, so that not all sites are near to each other
    for (id, latitude, longitude) in [("f1", 59.1, 24.9), ("f2", 58.9, 23.5), ("f3", 58.2, 26.0)] {
        world.cell(id, latitude, longitude);
    }
    let mut cells: Vec<&'static str> = world.cells.iter().map(|cell| cell.id).collect();
    cells.dedup();
    cells.push("unknown");
    for user in 0..40 {
        let usual = [(); 3].map(|()| random.choose(&cells));
        let mut at = start + TimeDelta::minutes(random.below(1_500) as i64);
        while at < end {
            let cell = match random.one_in(10) {
                true => random.choose(&cells),
                false => random.choose(&usual),
            };
            let mut see = |cell: &str| {
                let (user, cell) = (format!("u{user:02}"), cell.to_owned());
                world.events.push(Event { user, time: at, cell });
            };
            see(cell);
            if random.one_in(40) {
                see(random.choose(&cells));
            }
            let limits: [i64; 8] = [60, 300, 900, 1_800, 7_200, 7_201, 28_800, 108_000];
            let seconds = match random.below(if anywhen { 4 } else { 6 }) {
                0 => 3_600 + random.below(30_000) as i64,
                1 | 2 => 1 + random.below(900) as i64,
                3 => 1 + random.below(7_300) as i64,
                _ => limits[random.below(8) as usize],
            };
            at += TimeDelta::seconds(seconds);
            if random.one_in(20) {
                at = at.date().and_hms_opt(0, 0, 0).unwrap() + Days::new(1);
            }
        }
    }
    world
}

/// A single night is enough for a home.
pub const HOMES: &str = "[anchors]\nmin_nights = 1\n";

fn random_world_equals_the_reference(warehouse: Warehouse) {
    let world = world(1, "2024-10-01", false);
    let work = world.load(warehouse, HOMES);
    assert_equal(&work, &world, &json!({}));
}

test_on_each_warehouse!(random_world_equals_the_reference, embedded ignored: "needs Python 3: run make test");

#[test]
#[ignore = "needs Python 3: run make test"]
fn other_settings_and_a_repeated_hour_equal_the_reference() {
    let world = world(2, "2024-10-25", true);
    let settings = json!({
        "zone": "Europe/Tallinn", "max_gap_s": 3_600, "max_night_gap_s": 14_400, "night_gap_start": 22,
        "night_gap_end": 6, "flicker_s": 900, "flicker_m": 500, "flicker_neighbours": 2, "pad_s": 600,
        "min_stay_s": 600, "min_distance_m": 500, "max_hours": 3, "return_s": 10_000,
    });
    let config = format!(
        "[time]\nzone = \"Europe/Tallinn\"\n[stays]\nmax_gap_s = 3600\nmax_night_gap_s = 14400\n\
         night_gap_start = 22\nnight_gap_end = 6\nflicker_s = 900\nflicker_m = 500.0\n\
         flicker_neighbours = 2\npad_s = 600\nmin_stay_s = 600\n[trips]\nmin_distance_m = 500.0\n\
         max_hours = 3\nreturn_s = 10000\n{HOMES}"
    );
    let work = world.load(Warehouse::Embedded, &config);
    assert_equal(&work, &world, &settings);
}

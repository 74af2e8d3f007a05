//! Nights, which are parts of two dates.

use super::world::three_units;
use crate::harness::Warehouse;
use crate::insights::world::World;

const CONFIG: &str = "[publish]\nstore = \"published\"\n";

fn seen(world: &mut World, name: &str, devices: u32, cell: &str, at: &[&str]) {
    for device in 0..devices {
        at.iter().for_each(|at| world.seen(&format!("{name}{device:03}"), cell, at));
    }
}

#[test]
fn night_of_which_one_date_is_loaded_is_not_released() {
    let mut world = three_units();
    seen(&mut world, "night", 30, "a", &["2024-10-01 23:00:00"]);
    seen(&mut world, "both", 40, "b", &["2024-10-01 23:00:00", "2024-10-02 03:00:00"]);
    let work = world.load(Warehouse::Embedded, CONFIG);
    work.ok(&["publish", "out"]);
    for view in ["overnight-stays", "devices-per-night"] {
        let exact = work.ok(&["query", view, "--format", "csv"]);
        let released = work.read(&format!("out/{view}.csv"));
        assert!(exact.contains("2024-10-01") && released.contains("2024-10-01"), "{released}");
    }
    // 33 devices are in EE_A from 20:00 to 7:00, and 30 of them after 22:00, all on one date
    let mut world = three_units();
    seen(&mut world, "night", 30, "a", &["2024-10-01 23:00:00"]);
    seen(&mut world, "evening", 3, "a", &["2024-10-01 21:00:00"]);
    let work = world.load(Warehouse::Embedded, CONFIG);
    work.ok(&["publish", "out"]);
    let day = work.read("out/users-per-lau-day-night.csv");
    assert!(day.contains("2024-10-01,EE_A,EE_A,0,33,false"), "{day}");
    for view in ["overnight-stays", "devices-per-night"] {
        let exact = work.ok(&["query", view, "--format", "csv"]);
        assert!(exact.contains("2024-10-01,") && exact.contains("30"), "{exact}");
        assert_eq!(work.read(&format!("out/{view}.csv")).lines().count(), 1, "{view}");
    }
}

#[test]
fn hours_of_a_night_do_not_give_away_who_is_seen_in_others() {
    // 40 of 43 devices are seen from 23:00 to midnight, and 3 after it
    let mut world = three_units();
    seen(&mut world, "late", 40, "a", &["2024-10-01 23:00:00", "2024-10-02 12:00:00"]);
    seen(&mut world, "early", 3, "a", &["2024-10-01 12:00:00", "2024-10-02 01:00:00"]);
    seen(&mut world, "others", 60, "b", &["2024-10-01 12:00:00", "2024-10-02 12:00:00"]);
    let work = world.load(Warehouse::Embedded, CONFIG);
    work.ok(&["publish", "out"]);
    work.ok(&["publish", "--audit", "out"]);
    let number = |view: &str, start: &str| {
        let text = work.read(&format!("out/{view}.csv"));
        let row = text.lines().find(|line| line.starts_with(start))?.split(',').nth(1)?;
        row.parse::<i64>().ok()
    };
    let night = number("devices-per-night", "2024-10-01");
    let hour = number("number-of-unique-users-per-hour", "2024-10-01 23:00");
    assert!(night.zip(hour).is_none_or(|(night, hour)| night - hour > 15), "{night:?} {hour:?}");
}

//! Worlds in which every device is seen in as many LAUs as a test says, and two views over them that add up.

use crate::harness::{Warehouse, Workspace};
use crate::insights::world::World;

/// Devices by LAU, and all devices of a date.
pub const BY_LAU: &str = "\
-- name: by-lau
-- view: by_lau
-- title: Devices by LAU
-- order: date, lau_id
-- by: date
-- chart: map devices
-- counts: devices
-- keys: every date, lau_id
-- sums: devices = totals.devices by date
SELECT t.date, l.lau_id, COALESCE(n.devices, 0) AS devices
FROM totals t
CROSS JOIN lau l
LEFT JOIN (
  SELECT e.date, c.lau_id, COUNT(DISTINCT e.user_id) AS devices
  FROM mobile_events_placed e
  JOIN cell_plan c ON c.cell_id = e.cell_id
  GROUP BY e.date, c.lau_id
) AS n ON n.date = t.date AND n.lau_id = l.lau_id
";

pub const TOTALS: &str = "\
-- name: totals
-- view: totals
-- title: Devices by date
-- order: date
-- by: date
-- counts: devices
-- keys: date
SELECT date, COUNT(DISTINCT user_id) AS devices
FROM mobile_events_placed
GROUP BY date
";

/// The LAUs, in the order of their ids.
pub const LAUS: [&str; 3] = ["EE_A", "EE_B", "EE_C"];
const CELLS: [&str; 3] = ["a", "b", "c"];

pub fn three_units() -> World {
    let mut world = World::default();
    for (number, id) in LAUS.into_iter().enumerate() {
        let west = 24.0 + 0.02 * number as f64;
        world.unit(id, id, west, None);
        world.cell(CELLS[number], 59.01, west + 0.01);
    }
    world
}

/// Devices that are seen once on a date, in one LAU each.
pub fn add_devices(world: &mut World, date: &str, counts: [u32; 3]) {
    for (place, count) in counts.into_iter().enumerate() {
        for device in 0..count {
            let user = format!("{}{device:04}", CELLS[place]);
            world.seen(&user, CELLS[place], &format!("{date} 10:00:00"));
        }
    }
}

/// The world with the two views and nothing else, after `run-all`.
pub fn load(world: &World, config: &str) -> Workspace {
    let work = Warehouse::Embedded.mini();
    world.write(&work);
    work.write("views/by_lau.sql", BY_LAU);
    work.write("views/totals.sql", TOTALS);
    configure(&work, config);
    work.ok(&["run-all"]);
    work
}

/// Writes the configuration; `publish` are lines of its section.
pub fn configure(work: &Workspace, publish: &str) {
    work.config(&format!("[publish]\nstore = \"published\"\n{publish}\n"));
}

/// A world of one date with these devices.
pub fn of_one_date(counts: [u32; 3]) -> Workspace {
    let mut world = three_units();
    add_devices(&mut world, "2024-10-01", counts);
    load(&world, "")
}

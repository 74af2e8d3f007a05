//! Runs `reference.py`, which shares nothing with the program.

use std::fmt::Write;
use std::process::Command;

use crate::harness::{Workspace, root};
use crate::insights::world::{SOUTH, UNIT_DEGREES, World};

/// The tables that it writes.
pub const TABLES: [&str; 8] = [
    "segments",
    "trips",
    "trips_od",
    "flow_balance",
    "trips_per_device",
    "trip_distances",
    "dwell_per_lau",
    "quality_shares",
];

/// The columns about movement of `quality_daily`, on dates with segments.
pub const SHARES: &str = "SELECT date, stay_share, move_share, pass_share, unknown_share, returning_trips_share \
                          FROM quality_daily WHERE unknown_share IS NOT NULL ORDER BY date";

/// The rows that the definitions give for a world, as CSV by table. `homes` are those of each device and date, as
/// CSV; `settings` are JSON.
pub fn tables(
    work: &Workspace,
    world: &World,
    homes: &str,
    settings: &serde_json::Value,
) -> Vec<(&'static str, String)> {
    let mut laus = "lau_id,lau_name,west,south,east,north\n".to_owned();
    let (south, north) = (SOUTH, SOUTH + UNIT_DEGREES);
    for unit in &world.units {
        let (west, east) = (unit.west, unit.west + UNIT_DEGREES);
        writeln!(laus, "{},{},{west},{south},{east},{north}", unit.id, unit.name).unwrap();
    }
    work.write("reference/laus.csv", laus);
    work.write("reference/plan.csv", work.read("raw/cells/plan.csv"));
    work.write("reference/events.csv", work.read("raw/events/events.csv"));
    work.write("reference/homes.csv", homes);
    work.write("reference/settings.json", settings.to_string());
    let script = root().join("tests/movement/reference.py");
    let mut python = Command::new("python3");
    let ran = python.arg("-B").arg(script).arg(work.path("reference")).output();
    let ran = ran.expect("python3 is installed by `make test`");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    TABLES.map(|name| (name, work.read(&format!("reference/expected/{name}.csv")))).into()
}

/// Compares the program with the reference, table by table.
pub fn assert_equal(work: &Workspace, world: &World, settings: &serde_json::Value) {
    let homes = "SELECT a.user_id, w.date, a.lau_id AS home_lau_id FROM anchors a \
                 JOIN anchor_windows w ON w.window_start = a.window_start WHERE a.kind = 'home'";
    let homes = work.ok(&["query", "--sql", homes, "--format", "csv"]);
    for (name, expected) in tables(work, world, &homes, settings) {
        assert!(expected.lines().count() > 1, "{name}: the world has no rows");
        let got = match name {
            "quality_shares" => work.ok(&["query", "--sql", SHARES, "--format", "csv"]),
            _ => work.ok(&["query", name, "--format", "csv"]),
        };
        if got != expected {
            let lines = got.lines().zip(expected.lines());
            let differs = lines.enumerate().find(|(_, (got, expected))| got != expected);
            panic!(
                "{name}: {} lines, expected {}; the first that differs: {differs:?}",
                got.lines().count(),
                expected.lines().count()
            );
        }
    }
}

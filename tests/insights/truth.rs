//! Homes and work places against what `synth --people` planted.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int32Type;

use super::world::rows;
use crate::harness::{Workspace, read_table};

/// What was planted for a device, and what was found.
#[derive(Debug, Default)]
struct Device {
    seen_per_day: i32,
    shift: Option<String>,
    home_lau: Option<String>,
    work_site: Option<String>,
    found_home_lau: Option<String>,
    found_work_site: Option<String>,
}

/// Planted, found, and found as planted.
#[derive(Debug, Default, Clone, Copy)]
struct Shares {
    planted: u32,
    found: u32,
    hits: u32,
}

impl Shares {
    fn of<'a>(pairs: impl Iterator<Item = (&'a Option<String>, &'a Option<String>)>) -> Shares {
        pairs.fold(Shares::default(), |shares, (planted, found)| Shares {
            planted: shares.planted + u32::from(planted.is_some()),
            found: shares.found + u32::from(found.is_some()),
            hits: shares.hits + u32::from(planted.is_some() && planted == found),
        })
    }

    fn recall(self) -> f64 {
        f64::from(self.hits) / f64::from(self.planted)
    }

    fn precision(self) -> f64 {
        f64::from(self.hits) / f64::from(self.found)
    }
}

fn text(table: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let column = table.column_by_name(column).unwrap().as_string::<i32>();
    column.is_valid(row).then(|| column.value(row).to_owned())
}

fn devices(work: &Workspace) -> HashMap<String, Device> {
    let table = read_table(&work.path("raw/truth_homes.parquet"));
    let seen = table.column_by_name("seen_per_day").unwrap().as_primitive::<Int32Type>();
    let device = |row: usize| Device {
        seen_per_day: seen.value(row),
        shift: text(&table, "shift", row),
        home_lau: text(&table, "home_lau_id", row),
        work_site: text(&table, "work_site_id", row),
        ..Device::default()
    };
    let user = |row: usize| text(&table, "user_id", row).unwrap();
    let mut devices: HashMap<String, Device> =
        (0..table.num_rows()).map(|row| (user(row), device(row))).collect();
    let sql = "SELECT user_id, kind, COALESCE(lau_id, ''), site_id FROM anchors \
               WHERE window_start = DATE '2024-10-01' AND kind <> 'night_location'";
    let found = rows(work, sql);
    let mut found = csv::ReaderBuilder::new().has_headers(false).from_reader(found.as_bytes());
    for row in found.records().map(Result::unwrap) {
        let device = devices.get_mut(&row[0]).expect("a user that was not planted");
        match &row[1] {
            "home" => device.found_home_lau = Some(row[2].to_owned()),
            _ => device.found_work_site = Some(row[3].to_owned()),
        }
    }
    devices
}

#[test]
#[ignore = "takes a minute: run make test"]
fn most_planted_homes_and_work_places_are_found_and_few_others() {
    let work = Workspace::synthetic(&[
        "--people", "250", "--days", "31", "--cells", "400", "--laus", "12",
    ]);
    work.add_views_about_people();
    work.ok(&["run-all", "--quiet"]);
    let devices = devices(&work);
    let homes = |seen: i32| {
        let of = devices.values().filter(|d| d.seen_per_day >= seen);
        Shares::of(of.map(|d| (&d.home_lau, &d.found_home_lau)))
    };
    let works = |seen: i32| {
        let day = |d: &&Device| d.seen_per_day >= seen && d.shift.as_deref() != Some("night");
        Shares::of(devices.values().filter(day).map(|d| (&d.work_site, &d.found_work_site)))
    };
    let figures =
        format!("homes {:?} {:?}, work places {:?} {:?}", homes(0), homes(40), works(0), works(40));
    println!("{figures}");
    assert!(homes(0).planted > 150 && works(0).planted > 60, "{figures}");
    assert!(homes(0).recall() > 0.95 && homes(40).recall() > 0.95, "{figures}");
    assert!(homes(0).precision() > 0.95, "{figures}");
    assert!(works(40).recall() > 0.9 && works(0).precision() > 0.9, "{figures}");
}

//! Trips against those that `synth --people` planted: how many are found, and how many were never made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Float64Type, Int32Type, TimestampMicrosecondType};

use crate::harness::{Workspace, read_table};

const DAY_US: i64 = 86_400_000_000;
const CONFIG: &str = "[data]\nevents = \"raw/events\"\ncells = \"raw/cells\"\nlau = \"raw/lau_boundaries\"\n\
                      processed = \"processed\"\n[warehouse]\nurl = \"embedded:warehouse\"\n";

/// A trip, planted or found.
struct Trip {
    device: i32,
    departed: i64,
    arrived: i64,
    from: String,
    to: String,
    /// 0 for those that are found.
    metres: f64,
}

fn texts(table: &RecordBatch, name: &str) -> Vec<String> {
    let column = table.column_by_name(name).unwrap().as_string::<i32>();
    column.iter().map(|text| text.unwrap_or_default().to_owned()).collect()
}

fn times(table: &RecordBatch, name: &str) -> Vec<i64> {
    table.column_by_name(name).unwrap().as_primitive::<TimestampMicrosecondType>().values().to_vec()
}

fn numbers(table: &RecordBatch, name: &str) -> Vec<i32> {
    table.column_by_name(name).unwrap().as_primitive::<Int32Type>().values().to_vec()
}

fn trips(table: &RecordBatch, devices: Vec<i32>, metres: Vec<f64>) -> Vec<Trip> {
    let ends = times(table, "departed").into_iter().zip(times(table, "arrived"));
    let sites = texts(table, "from_site_id").into_iter().zip(texts(table, "to_site_id"));
    let rows = devices.into_iter().zip(metres).zip(ends).zip(sites);
    rows.map(|(((device, metres), (departed, arrived)), (from, to))| Trip {
        device,
        departed,
        arrived,
        from,
        to,
        metres,
    })
    .collect()
}

/// The files of all dates of a table, each with its date in days since 1970.
fn files(work: &Workspace, table: &str) -> Vec<(i32, PathBuf)> {
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all = Vec::new();
    for folder in entries(&work.path(&format!("processed/{table}"))) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let date: chrono::NaiveDate = name.trim_start_matches("date=").parse().unwrap();
        all.extend(entries(&folder).map(|file| (date.to_epoch_days(), file)));
    }
    all
}

/// What there is, by the number of times that devices are seen on a day.
#[derive(Default)]
struct Figures {
    /// Planted trips of at least 1 km, and those of them that are found.
    planted: usize,
    hits: usize,
    /// Trips that are found, and those of them that are right.
    found: usize,
    right: usize,
    /// Dates on which a device with events lay still, and trips that are found on them.
    still_days: usize,
    false_when_still: usize,
}

fn figures(work: &Workspace) -> BTreeMap<i32, Figures> {
    let homes = read_table(&work.path("raw/truth_homes.parquet"));
    let seen: BTreeMap<i32, i32> =
        numbers(&homes, "device").into_iter().zip(numbers(&homes, "seen_per_day")).collect();
    let devices: BTreeMap<String, i32> =
        texts(&homes, "user_id").into_iter().zip(numbers(&homes, "device")).collect();
    let mut all: BTreeMap<i32, Figures> = BTreeMap::new();

    let truth = read_table(&work.path("raw/truth_trips.parquet"));
    let metres = truth.column_by_name("distance_m").unwrap();
    let metres = metres.as_primitive::<Float64Type>().values().to_vec();
    let planted = trips(&truth, numbers(&truth, "device"), metres);
    let still = read_table(&work.path("raw/truth_still.parquet"));
    let dates = still.column_by_name("date").unwrap().as_primitive::<Date32Type>().values();
    let still: BTreeSet<(i32, i32)> =
        numbers(&still, "device").into_iter().zip(dates.iter().copied()).collect();

    let mut seen_on: BTreeSet<(i32, i32)> = BTreeSet::new();
    for (date, file) in files(work, "segments") {
        seen_on
            .extend(texts(&read_table(&file), "user_id").iter().map(|user| (devices[user], date)));
    }
    for (device, _) in still.intersection(&seen_on) {
        all.entry(seen[device]).or_default().still_days += 1;
    }

    let mut by_device: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    for (number, trip) in planted.iter().enumerate() {
        by_device.entry(trip.device).or_default().push(number);
    }
    let mut hits: BTreeSet<usize> = BTreeSet::new();
    for (date, file) in files(work, "trips") {
        let table = read_table(&file);
        let users: Vec<i32> = texts(&table, "user_id").iter().map(|user| devices[user]).collect();
        let no_metres = vec![0.0; users.len()];
        for trip in trips(&table, users, no_metres) {
            assert_eq!(trip.departed.div_euclid(DAY_US), i64::from(date));
            let of = all.entry(seen[&trip.device]).or_default();
            of.found += 1;
            of.false_when_still += usize::from(still.contains(&(trip.device, date)));
            let candidates = by_device.get(&trip.device).map_or(&[][..], Vec::as_slice);
            let right = candidates.iter().find(|number| {
                let planted = &planted[**number];
                (&planted.from, &planted.to) == (&trip.from, &trip.to)
                    && planted.departed < trip.arrived
                    && trip.departed < planted.arrived
            });
            of.right += usize::from(right.is_some());
            hits.extend(right);
        }
    }
    for (number, trip) in planted.iter().enumerate().filter(|(_, trip)| trip.metres >= 1_000.0) {
        let of = all.entry(seen[&trip.device]).or_default();
        of.planted += 1;
        of.hits += usize::from(hits.contains(&number));
    }
    all
}

#[test]
fn planted_trips_are_found_and_phones_that_lie_still_make_few() {
    let work = Workspace::empty();
    work.write("pipeline.toml", CONFIG);
    let size = ["--people", "2000", "--days", "3", "--cells", "1500", "--laus", "30"];
    work.ok(&[&["synth", "--out", "raw"], &size[..]].concat());
    for stage in ["compress", "geojoin", "movement"] {
        work.ok(&[stage, "--quiet"]);
    }
    let share = |part: usize, whole: usize| part as f64 / whole as f64;
    let all = figures(&work);
    let found: BTreeMap<i32, [f64; 3]> = all
        .iter()
        .map(|(seen, of)| {
            let recall = share(of.hits, of.planted);
            let precision = share(of.right, of.found);
            (*seen, [recall, precision, share(of.false_when_still, of.still_days)])
        })
        .collect();
    assert!(all.values().all(|of| of.planted > 1_000 && of.still_days > 100));
    // by events a day: least recall and precision, and most false trips of a device on a date on which it lies still
    for (seen, least_recall, least_precision, most_false) in
        [(10, 0.015, 0.7, 0.02), (40, 0.38, 0.8, 0.1), (130, 0.78, 0.84, 0.1)]
    {
        let [recall, precision, false_trips] = found[&seen];
        let is_good =
            recall >= least_recall && precision >= least_precision && false_trips <= most_false;
        assert!(is_good, "seen {seen} times a day: {found:.3?}");
    }
}

//! Properties of the ground truth and of the events beside it, for fixed seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int32Type, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::super::laus::LauMap;
use super::super::run_with;
use super::super::tests::{bytes_below, rows};
use super::calendar::{Reason, night};
use super::device::Kind;
use super::signals::HANDOVER_SITES;
use super::*;
use crate::domain::ids::hex;

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;
/// 2024-10-01 as days since 1970.
const START: i32 = 19_997;

fn settings(out: &Path) -> Settings {
    Settings { out: out.to_owned(), people: 400, cells: 600, days: 4, ..Settings::default() }
}

fn generate(settings: &Settings) {
    let workers = Workers { threads: 2, devices_per_block: 150 };
    run_with(workers, settings, &Progress::silent()).unwrap();
}

fn table(out: &Path, name: &str) -> Vec<RecordBatch> {
    let file = File::open(out.join(name)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

fn texts(batches: &[RecordBatch], column: &str) -> Vec<Option<String>> {
    let of = |batch: &RecordBatch| -> Vec<Option<String>> {
        let column = batch.column_by_name(column).unwrap().as_string::<i32>().clone();
        column.iter().map(|text| text.map(str::to_owned)).collect()
    };
    batches.iter().flat_map(of).collect()
}

fn numbers(batches: &[RecordBatch], column: &str) -> Vec<i64> {
    let of = |batch: &RecordBatch| -> Vec<i64> {
        let column = batch.column_by_name(column).unwrap();
        if let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() {
            return times.values().to_vec();
        }
        if let Some(dates) = column.as_primitive_opt::<Date32Type>() {
            return dates.values().iter().map(|d| i64::from(*d)).collect();
        }
        let values = column.as_primitive::<Int32Type>().values();
        values.iter().map(|n| i64::from(*n)).collect()
    };
    batches.iter().flat_map(of).collect()
}

struct Event {
    at_us: i64,
    cell: i64,
}

/// The events of all days by device, in order of time.
fn events(settings: &Settings) -> BTreeMap<i64, Vec<Event>> {
    let homes = table(&settings.out, truth_tables::HOMES);
    let users = texts(&homes, "user_id").into_iter().flatten();
    let devices: BTreeMap<String, i64> = users.zip(numbers(&homes, "device")).collect();
    let mut events: BTreeMap<i64, Vec<Event>> = BTreeMap::new();
    for day in days(settings) {
        for (user, cell, at_us) in day_rows(settings, day) {
            events.entry(devices[&hex(&user)]).or_default().push(Event { at_us, cell });
        }
    }
    events.values_mut().for_each(|of| of.sort_by_key(|event| event.at_us));
    events
}

fn day_rows(settings: &Settings, day: NaiveDate) -> Vec<(Vec<u8>, i64, i64)> {
    let folder = settings.out.join("events").join(settings.layout.day_folder(day));
    let files = std::fs::read_dir(folder).unwrap();
    files.flat_map(|file| rows(&file.unwrap().path())).collect()
}

/// For each cell the id of its site, and for each site the ids of those to which phones are handed.
struct Sites {
    of_cell: BTreeMap<i64, String>,
    around: BTreeMap<String, BTreeSet<String>>,
}

impl Sites {
    fn new(settings: &Settings) -> Sites {
        let network = Network::new(settings, &LauMap::new(settings).unwrap()).unwrap();
        let coordinates = network.cells.ids.iter().zip(&network.cells.lon_lat);
        let of_cell = coordinates
            .map(|(id, [lon, lat])| (*id, crate::domain::site::Site::of(*lat, *lon).to_string()))
            .collect();
        let around = network
            .in_main_country()
            .iter()
            .map(|site| {
                let near = network.neighbours(*site).iter().take(HANDOVER_SITES);
                let near = near.map(|other| network.site_id(*other).to_owned()).collect();
                (network.site_id(*site).to_owned(), near)
            })
            .collect();
        Sites { of_cell, around }
    }
}

#[test]
fn bytes_depend_on_the_seed_and_not_on_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |name: &str, threads: usize, seed: u64| {
        let path = folder.path().join(name);
        let rotations = vec![NaiveDate::from_ymd_opt(2024, 10, 2).unwrap()];
        let settings = Settings { people: 120, days: 2, seed, rotations, ..settings(&path) };
        let workers = Workers { threads, devices_per_block: 50 };
        run_with(workers, &settings, &Progress::silent()).unwrap();
        bytes_below(&path)
    };
    let (one, three, other) = (bytes("one", 1, 5), bytes("three", 3, 5), bytes("other", 2, 6));
    assert!(one == three);
    assert!(one.keys().eq(other.keys()));
    let events = |name: &&std::path::PathBuf| name.starts_with("events");
    assert_eq!(one.keys().filter(events).count(), 2 * 3);
    assert!(one.iter().all(|(name, bytes)| *bytes != other[name]), "a file ignores the seed");
}

#[test]
fn events_of_ordinary_nights_are_at_home_or_at_sites_around_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    generate(&settings);
    let sites = Sites::new(&settings);
    let homes = table(folder.path(), truth_tables::HOMES);
    let home_of: BTreeMap<i64, String> = numbers(&homes, "device")
        .into_iter()
        .zip(texts(&homes, "home_site_id"))
        .filter_map(|(device, site)| Some((device, site?)))
        .collect();
    let nights = table(folder.path(), "truth_nights.parquet");
    let away: BTreeSet<(i64, i64)> =
        numbers(&nights, "device").into_iter().zip(numbers(&nights, "night")).collect();
    let (mut at_home, mut all) = (0, 0);
    for (device, events) in events(&settings) {
        let Some(home) = home_of.get(&device) else { continue };
        for event in events {
            let night = event.at_us.div_euclid(DAY_US) - 1;
            let hour = event.at_us.rem_euclid(DAY_US) / HOUR_US;
            if hour != 3 || night < START.into() || away.contains(&(device, night)) {
                continue;
            }
            let site = &sites.of_cell[&event.cell];
            assert!(site == home || sites.around[home].contains(site), "{device} is at {site}");
            at_home += usize::from(site == home);
            all += 1;
        }
    }
    assert!(all > 500 && at_home * 100 > all * 90 && at_home < all, "{at_home} of {all}");
}

#[test]
fn trips_lead_from_one_stay_to_the_next_and_events_in_between_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    generate(&settings);
    let sites = Sites::new(&settings);
    let trips = table(folder.path(), "truth_trips.parquet");
    let devices = numbers(&trips, "device");
    let (departed, arrived) = (numbers(&trips, "departed"), numbers(&trips, "arrived"));
    let (from, to) = (texts(&trips, "from_site_id"), texts(&trips, "to_site_id"));
    let (dates, seconds) = (numbers(&trips, "date"), numbers(&trips, "seconds"));
    let mut by_device: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (trip, device) in devices.iter().enumerate() {
        assert!(departed[trip] < arrived[trip] && from[trip] != to[trip]);
        assert_eq!(seconds[trip] * 1_000_000, arrived[trip] - departed[trip]);
        assert_eq!(dates[trip], departed[trip].div_euclid(DAY_US));
        assert!(dates[trip] >= START.into() && arrived[trip] < i64::from(START + 4) * DAY_US);
        by_device.entry(*device).or_default().push(trip);
    }
    let events = events(&settings);
    let (mut checked, mut on_the_way) = (0, 0);
    for (device, mut trips) in by_device {
        trips.sort_by_key(|trip| departed[*trip]);
        let seen = events.get(&device).map_or(&[][..], Vec::as_slice);
        for pair in trips.windows(2) {
            assert_eq!(to[pair[0]], from[pair[1]], "{device} is at two places");
            assert!(departed[pair[1]] - arrived[pair[0]] >= 20 * 60_000_000);
            let place = to[pair[0]].as_ref().unwrap();
            for event in seen {
                if (arrived[pair[0]]..departed[pair[1]]).contains(&event.at_us) {
                    let site = &sites.of_cell[&event.cell];
                    assert!(site == place || sites.around[place].contains(site));
                    checked += 1;
                }
            }
        }
        for trip in trips {
            let during = |event: &&Event| (departed[trip]..arrived[trip]).contains(&event.at_us);
            let ends = [&from[trip], &to[trip]].map(|site| site.as_ref().unwrap());
            let between = |event: &&Event| !ends.contains(&&sites.of_cell[&event.cell]);
            on_the_way += seen.iter().filter(during).filter(between).count();
        }
    }
    let days = 4.0 * f64::from(settings.people as u32);
    assert!((1.0..4.0).contains(&(devices.len() as f64 / days)), "{} trips", devices.len());
    assert!(checked > 1_000 && on_the_way > 200, "{checked} {on_the_way}");
    // night travel: trips that cross midnight or begin after it
    assert!(departed.iter().any(|at| at.rem_euclid(DAY_US) < 3 * HOUR_US));
}

#[test]
fn devices_without_movement_are_handed_over_and_make_no_trip() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    generate(&settings);
    let trips = table(folder.path(), "truth_trips.parquet");
    let travelled: BTreeSet<(i64, i64)> = numbers(&trips, "device")
        .into_iter()
        .zip(numbers(&trips, "date"))
        .chain(
            numbers(&trips, "device")
                .into_iter()
                .zip(numbers(&trips, "arrived").into_iter().map(|at| at.div_euclid(DAY_US))),
        )
        .collect();
    let still = table(folder.path(), "truth_still.parquet");
    let dates: Vec<(i64, i64)> =
        numbers(&still, "device").into_iter().zip(numbers(&still, "date")).collect();
    assert!(dates.iter().all(|date| !travelled.contains(date)));
    let homes = table(folder.path(), truth_tables::HOMES);
    let kinds = texts(&homes, "kind");
    let machines = numbers(&homes, "device")
        .into_iter()
        .zip(kinds)
        .filter(|(_, kind)| kind.as_deref() == Some("still"));
    for (device, _) in machines {
        assert_eq!(dates.iter().filter(|date| date.0 == device).count(), 4, "{device}");
    }
    let handovers = numbers(&still, "handovers");
    let mean = handovers.iter().sum::<i64>() as f64 / handovers.len() as f64;
    assert!((3.0..12.0).contains(&mean), "{mean} handovers a day");
    assert!(handovers.iter().any(|n| *n > 16), "no phone is handed over about hourly");
    let metres: Vec<f64> = still
        .iter()
        .flat_map(|batch| {
            let column = batch.column_by_name("farthest_handover_m").unwrap();
            column.as_primitive::<arrow::datatypes::Float64Type>().values().to_vec()
        })
        .collect();
    assert!(metres.iter().any(|m| *m > 5_000.0) && metres.iter().any(|m| *m < 2_000.0));
}

#[test]
fn rotation_changes_all_pseudonyms_on_its_date_and_none_before() {
    let folder = tempfile::tempdir().unwrap();
    let date = |day| NaiveDate::from_ymd_opt(2024, 10, day).unwrap();
    let rotations = vec![date(3), date(4)];
    let settings = Settings { rotations, ..settings(folder.path()) };
    generate(&settings);
    let table = table(folder.path(), "truth_rotations.parquet");
    let dates = numbers(&table, "date");
    let (old, new) = (texts(&table, "old_user_id"), texts(&table, "new_user_id"));
    assert_eq!(dates.len(), 2 * 400);
    let of = |ids: &[Option<String>], date: i32| -> BTreeSet<String> {
        let rows = ids.iter().zip(&dates).filter(|(_, d)| **d == i64::from(date));
        rows.filter_map(|(id, _)| id.clone()).collect()
    };
    let periods = [of(&old, START + 2), of(&new, START + 2), of(&new, START + 3)];
    assert_eq!(of(&old, START + 3), periods[1]);
    assert!(periods.iter().all(|ids| ids.len() == 400));
    assert!(periods[0].is_disjoint(&periods[1]) && periods[1].is_disjoint(&periods[2]));
    for (day, period) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
        let seen: BTreeSet<String> =
            day_rows(&settings, date(day)).iter().map(|row| hex(&row.0)).collect();
        assert!(seen.len() > 200 && seen.is_subset(&periods[period]), "October {day}");
    }
    // the lives go on: the same events as without rotation
    let plain = tempfile::tempdir().unwrap();
    let without = Settings { rotations: Vec::new(), ..self::settings(plain.path()) };
    generate(&without);
    let places = |settings: &Settings| -> Vec<(i64, i64)> {
        day_rows(settings, date(4)).iter().map(|row| (row.1, row.2)).collect()
    };
    assert_eq!(places(&settings), places(&without));
}

#[test]
fn devices_are_seen_as_often_as_the_shares_say() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let network = Network::new(&settings, &LauMap::new(&settings).unwrap()).unwrap();
    let devices: Vec<Device> = (0..20_000).map(|n| Device::new(1, n, &network)).collect();
    let share = |of: &dyn Fn(&Device) -> bool| {
        devices.iter().filter(|device| of(device)).count() as f64 / devices.len() as f64
    };
    let near = |found: f64, planned: f64| (found - planned).abs() < 0.015;
    for (seen, planned) in SEEN_PER_DAY {
        let found = share(&|device| device.seen_per_day == seen);
        assert!(near(found, planned), "{seen} a day: {found} instead of {planned}");
    }
    assert!(near(share(&|d| d.kind == Kind::Foreign), 0.08));
    assert!(devices.iter().all(|d| (d.kind == Kind::Foreign) == d.home.is_none()));
    assert!(near(share(&|d| d.job.is_some()), 0.88 * 0.6));
    assert!(near(share(&Device::works_at_night), 0.88 * 0.6 * 0.07));
    let local =
        share(&|d| d.home.zip(d.job).is_some_and(|(home, job)| network.same_lau(home, job.site)));
    assert!(local > 0.88 * 0.6 * 0.3 && local < 0.4, "{local} work in the LAU of their home");

    generate(&settings);
    let homes = table(folder.path(), truth_tables::HOMES);
    let rates: BTreeMap<i64, i64> =
        numbers(&homes, "device").into_iter().zip(numbers(&homes, "seen_per_day")).collect();
    // per device and day on which it is seen at all
    let mut found: BTreeMap<i64, (usize, usize)> = BTreeMap::new();
    for (device, events) in events(&settings) {
        let dates: BTreeSet<i64> = events.iter().map(|e| e.at_us.div_euclid(DAY_US)).collect();
        let mean = found.entry(rates[&device]).or_default();
        *mean = (mean.0 + events.len(), mean.1 + dates.len());
    }
    for (rate, (events, days)) in found {
        let mean = events as f64 / days as f64;
        assert!((mean / rate as f64 - 1.0).abs() < 0.15, "{rate} a day: {mean}");
    }
}

#[test]
fn totals_and_pseudonyms_are_those_of_the_ground_truth() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    generate(&settings);
    let text = std::fs::read_to_string(folder.path().join("truth.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&truth["devices"], &truth["users"]), (&400.into(), &400.into()));
    let mut all = 0;
    for (number, day) in days(&settings).enumerate() {
        let rows = day_rows(&settings, day);
        let distinct: BTreeSet<_> = rows.iter().map(|row| (&row.0, row.2)).collect();
        assert_eq!(distinct.len(), rows.len(), "a device is seen twice in a second");
        let users: BTreeSet<_> = rows.iter().map(|row| &row.0).collect();
        let stated = &truth["days"][number];
        assert_eq!(stated["events"], rows.len());
        assert_eq!(stated["distinct_users_seen"], users.len());
        let mut hours = [0_u64; 24];
        rows.iter().for_each(|row| hours[(row.2.rem_euclid(DAY_US) / HOUR_US) as usize] += 1);
        assert_eq!(stated["events_per_hour"], serde_json::json!(hours));
        all += rows.len();
    }
    assert_eq!(truth["events"], all);
}

#[test]
fn foreign_devices_have_too_few_nights_for_a_home_and_residents_some_away() {
    let settings = settings(Path::new("unused"));
    let network = Network::new(&settings, &LauMap::new(&settings).unwrap()).unwrap();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 0..2_000 {
        let device = Device::new(3, number, &network);
        let nights: Vec<_> =
            (START..START + 70).map(|day| night(3, number, &device, &network, day)).collect();
        for night in &nights {
            *reasons.entry(night.reason.name()).or_default() += 1;
            let abroad = matches!(night.reason, Reason::Abroad | Reason::Absent);
            assert_eq!(night.site.is_none(), abroad);
        }
        if device.kind == Kind::Foreign {
            let here = |nights: &[super::calendar::Night]| {
                nights.iter().filter(|night| night.site.is_some()).count()
            };
            assert!(nights.windows(31).all(|month| here(month) < 10));
        } else {
            let home = nights.iter().filter(|night| night.site == device.home).count();
            assert!(home > 35, "{home} of 70 nights at home");
        }
    }
    let expected = ["abroad", "absent", "elsewhere", "holiday", "home", "second_home", "visit"];
    assert_eq!(reasons.keys().copied().collect::<Vec<_>>(), expected);
}

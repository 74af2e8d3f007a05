//! Tests of the whole stage with small settings, and of the geometry of the full map.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use geo::{Contains, Point, Validation};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::rings::{Polygon, Ring, doubled_area_mm2};
use super::*;

fn small(out: &Path) -> Settings {
    Settings {
        out: out.to_owned(),
        users: 40,
        events: 20_000,
        cells: 120,
        laus: 20,
        days: 2,
        ..Settings::default()
    }
}

fn generate(settings: &Settings) -> StageReport {
    run(settings, &Progress::silent()).unwrap()
}

/// All files in a folder and its subfolders, with their bytes.
pub fn bytes_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

fn truth(out: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(out.join("truth.json")).unwrap()).unwrap()
}

/// (user, cell, microseconds) of every row of a file.
pub fn rows(path: &Path) -> Vec<(Vec<u8>, i64, i64)> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut rows = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let users = batch.column(0).as_binary::<i32>();
        let cells = batch.column(1).as_primitive::<Int64Type>();
        let times = batch.column(2).as_primitive::<TimestampMicrosecondType>();
        for i in 0..batch.num_rows() {
            rows.push((users.value(i).to_vec(), cells.value(i), times.value(i)));
        }
    }
    rows
}

fn full_map(seed: u64) -> (LauMap, Borders) {
    let map = LauMap::new(&Settings { seed, ..Settings::default() }).unwrap();
    let borders = Borders::new(map.lattice, seed, map.units);
    (map, borders)
}

fn to_geo(parts: &[Polygon]) -> geo::MultiPolygon {
    let line = |ring: &Ring| {
        let metre = |p: &[i64; 2]| geo::coord! { x: p[0] as f64 / 1e3, y: p[1] as f64 / 1e3 };
        ring.iter().map(metre).collect::<geo::LineString>()
    };
    let polygon =
        |p: &Polygon| geo::Polygon::new(line(&p.exterior), p.holes.iter().map(line).collect());
    parts.iter().map(polygon).collect()
}

fn area_mm2(parts: &[Polygon]) -> i128 {
    let rings = parts.iter().flat_map(|p| p.holes.iter().chain([&p.exterior]));
    rings.map(doubled_area_mm2).sum()
}

#[test]
fn same_seed_gives_the_same_bytes_and_another_seed_different_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, c) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
    generate(&small(&a));
    generate(&small(&b));
    generate(&Settings { seed: 7, ..small(&c) });
    let (a, b, c) = (bytes_below(&a), bytes_below(&b), bytes_below(&c));
    assert!(a == b);
    assert!(a.keys().eq(c.keys()));
    assert!(a.iter().all(|(name, bytes)| *bytes != c[name]), "a file does not depend on the seed");
}

#[test]
fn files_have_the_names_and_columns_of_operator_data() {
    let folder = tempfile::tempdir().unwrap();
    generate(&small(folder.path()));
    let files = bytes_below(folder.path());
    let names: Vec<_> = files.keys().map(|p| p.to_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "cells/year=2024/month=10/day=1/part-0.parquet",
            "cells/year=2024/month=10/day=2/part-0.parquet",
            "events/year=2024/month=10/day=1/part-00000.parquet",
            "events/year=2024/month=10/day=2/part-00000.parquet",
            "lau_boundaries/LAU_RG_01M_2021_3035.geojson",
            "truth.json",
            "truth_homes.parquet",
        ]
    );
    let schema = |name: &str| {
        let file = File::open(folder.path().join(name)).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let fields = builder.schema().fields().clone();
        fields.iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect::<Vec<_>>()
    };
    assert_eq!(schema(names[2]), ["user_id Binary", "cell_id Int64", "timestamp Timestamp(µs)"]);
    assert_eq!(
        schema(names[0]),
        [
            "cell_id Utf8",
            "latitude Float64",
            "longitude Float64",
            "valid_date_start Date32",
            "valid_date_end Date32"
        ]
    );
}

#[test]
fn totals_are_exact_and_the_ground_truth_matches_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let report = generate(&small(folder.path()));
    assert_eq!(report.rows_out, 40_000);
    let truth = truth(folder.path());
    let mut all_users = BTreeSet::new();
    for day in [1usize, 2] {
        let rows = rows(
            &folder.path().join(format!("events/year=2024/month=10/day={day}/part-00000.parquet")),
        );
        assert_eq!(rows.len(), 20_000);
        assert!(rows.is_sorted_by_key(|row| row.2), "rows are in order of time");
        assert!(rows.iter().all(|row| row.2 % 1_000_000 == 0 && row.0.len() == 32));
        // 2024-10-01 is day 19,997 since 1970
        let midnight = (19_996 + day as i64) * 86_400_000_000;
        let mut hours = vec![0u64; 24];
        for row in &rows {
            hours[usize::try_from((row.2 - midnight) / 3_600_000_000).unwrap()] += 1;
        }
        let expected = &truth["days"][day - 1];
        assert_eq!(expected["events_per_hour"], serde_json::json!(hours));
        let users: BTreeSet<_> = rows.iter().map(|row| row.0.clone()).collect();
        assert_eq!(expected["distinct_users_seen"], users.len());
        all_users.extend(users);
        let distinct: BTreeSet<_> = rows.iter().collect();
        assert_eq!(expected["repeated_rows"], rows.len() - distinct.len());
    }
    assert_eq!(truth["events"], 40_000);
    assert_eq!(truth["distinct_users_seen"], all_users.len());
    assert_eq!(truth["cells_outside_ee"], 1);
}

#[test]
fn events_of_users_stay_the_same_from_version_to_version() {
    use sha2::{Digest, Sha256};
    let folder = tempfile::tempdir().unwrap();
    generate(&small(folder.path()));
    let digest = |day: u32| {
        let name = format!("events/year=2024/month=10/day={day}/part-00000.parquet");
        let mut hash = Sha256::new();
        for (user, cell, time_us) in rows(&folder.path().join(name)) {
            hash.update(user);
            hash.update(cell.to_le_bytes());
            hash.update(time_us.to_le_bytes());
        }
        crate::domain::ids::hex(&hash.finalize())
    };
    // computed from the files of an earlier version by another program
    assert_eq!(
        [digest(1), digest(2)],
        [
            "2388b68495a41fd5ba39ce23c9e7f0ad718966bcf22be77cf41517f044544405",
            "9ceb4acd799ca2205b2a5eea732a7af2a0e010cc7d36647ea7d141dc2183b7a5",
        ]
    );
}

#[test]
fn most_frequent_cell_at_night_is_the_home_of_the_ground_truth() {
    let folder = tempfile::tempdir().unwrap();
    generate(&small(folder.path()));
    let mut nights: BTreeMap<String, BTreeMap<i64, u32>> = BTreeMap::new();
    for (user, cell, time_us) in
        rows(&folder.path().join("events/year=2024/month=10/day=1/part-00000.parquet"))
    {
        if time_us / 3_600_000_000 % 24 < 5 {
            let hex = user.iter().map(|b| format!("{b:02x}")).collect();
            *nights.entry(hex).or_default().entry(cell).or_default() += 1;
        }
    }
    let file = File::open(folder.path().join("truth_homes.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut compared = 0;
    for batch in reader {
        let batch = batch.unwrap();
        let homes = batch.column(1).as_primitive::<Int64Type>();
        for (i, user) in batch.column(0).as_string::<i32>().iter().enumerate() {
            let Some(cells) = nights.get(user.unwrap()) else { continue };
            let most = cells.iter().max_by_key(|c| c.1).unwrap();
            assert_eq!(*most.0, homes.value(i));
            compared += 1;
        }
        assert_eq!(batch.column(2).null_count(), 0, "a home is in no LAU");
    }
    assert_eq!(compared, 40);
}

#[test]
fn smallest_settings_work() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = Settings {
        out: folder.path().to_owned(),
        users: 1,
        events: 1_000,
        cells: 1,
        laus: 1,
        ..Settings::default()
    };
    assert_eq!(generate(&tiny).rows_out, 1_000);
    let truth = truth(folder.path());
    assert_eq!(truth["laus"], serde_json::json!({"EE": 1, "LV": 1}));
    assert_eq!(truth["distinct_users_seen"], 1);
    for wrong in [
        Settings { events: 0, ..tiny.clone() },
        Settings { cells: 0, ..tiny.clone() },
        Settings { laus: 0, ..tiny.clone() },
        Settings { days: 0, ..tiny.clone() },
    ] {
        let error = run(&wrong, &Progress::silent()).unwrap_err().to_string();
        assert!(error.contains("out of range"), "{error}");
    }
}

#[test]
fn only_data_of_an_earlier_run_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { events: 1_000, days: 1, ..small(folder.path()) };
    let real = folder.path().join("events/real.parquet");
    fs::create_dir_all(folder.path().join("events")).unwrap();
    fs::write(&real, "real").unwrap();
    let error = run(&settings, &Progress::silent()).unwrap_err().to_string();
    assert!(error.contains("did not create"), "{error}");
    assert_eq!(fs::read(&real).unwrap(), b"real");
    assert_eq!(bytes_below(folder.path()).len(), 1, "nothing else was written");
    fs::remove_file(real).unwrap();
    generate(&settings);
    generate(&Settings { events: 2_000, ..settings });
    assert_eq!(truth(folder.path())["events"], 2_000);
}

#[test]
fn failed_run_leaves_no_output() {
    let folder = tempfile::tempdir().unwrap();
    // a folder at the path of the homes makes the commit fail after everything is written
    fs::create_dir_all(folder.path().join("truth_homes.parquet/x")).unwrap();
    let settings = Settings { events: 1_000, ..small(folder.path()) };
    run(&settings, &Progress::silent()).unwrap_err();
    assert!(!folder.path().join("truth.json").exists());
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["truth_homes.parquet"]);
}

#[test]
fn polygons_are_valid_and_cover_the_land_without_gaps_or_overlaps() {
    for seed in [20_241_001, 3] {
        let (map, borders) = full_map(seed);
        let mut shared: BTreeMap<([i64; 2], [i64; 2]), i32> = BTreeMap::new();
        let mut covered = 0;
        let mut vertices = Vec::new();
        for unit in 0..map.units {
            let parts = borders.trace(map.hexagons(unit));
            to_geo(&parts).check_validation().unwrap_or_else(|e| panic!("unit {unit}: {e}"));
            assert!(parts.iter().all(|p| doubled_area_mm2(&p.exterior) > 0));
            assert!(parts.iter().flat_map(|p| &p.holes).all(|h| doubled_area_mm2(h) < 0));
            covered += area_mm2(&parts);
            let rings = parts.iter().flat_map(|p| p.holes.iter().chain([&p.exterior]));
            let mut count = 0;
            for ring in rings {
                count += ring.len() + 1;
                for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
                    *shared.entry((*a.min(b), *a.max(b))).or_default() += if a < b { 1 } else { 4 };
                }
            }
            if unit < map.main_units {
                vertices.push(count);
            }
        }
        // each segment belongs to one unit (coast), or to two units in opposite directions
        assert!(shared.values().all(|uses| [1, 4, 5].contains(uses)));
        assert!(shared.values().filter(|uses| **uses == 5).count() > shared.len() / 4);
        let mut land: Vec<u32> = (0..map.units).flat_map(|u| map.hexagons(u)).copied().collect();
        land.sort_unstable();
        assert_eq!(covered, area_mm2(&borders.trace(&land)), "the units do not cover the land");
        vertices.sort_unstable();
        assert!(vertices[0] >= 200 && vertices[78] <= 3_500, "{vertices:?}");
    }
}

#[test]
fn every_unit_has_land_and_some_have_holes_or_several_polygons() {
    for seed in [20_241_001, 1, 2, 3] {
        let (map, borders) = full_map(seed);
        let units: Vec<_> = (0..map.main_units).map(|u| borders.trace(map.hexagons(u))).collect();
        assert_eq!(units.len(), 79);
        assert!(units.iter().all(|parts| !parts.is_empty()));
        assert!(units.iter().any(|parts| parts.len() > 1));
        // the last 79 / 16 = 4 units are towns: their exterior is a hole of another unit
        for town in &units[75..] {
            let outline: BTreeSet<_> = town[0].exterior.iter().collect();
            let holes = units.iter().flatten().flat_map(|part| &part.holes);
            assert_eq!(holes.filter(|h| h.iter().collect::<BTreeSet<_>>() == outline).count(), 1);
        }
    }
}

#[test]
fn every_cell_lies_in_its_declared_lau_only() {
    let settings = Settings { cells: 600, ..Settings::default() };
    let (map, borders) = full_map(settings.seed);
    let cells = Cells::new(&settings, &map).unwrap();
    let units: Vec<_> = (0..map.units).map(|u| to_geo(&borders.trace(map.hexagons(u)))).collect();
    let forward = proj::Proj::new_known_crs("EPSG:4326", "EPSG:3035", None).unwrap();
    let mut by_country = [0, 0, 0];
    for (lon_lat, unit) in cells.lon_lat.iter().zip(&cells.unit) {
        let (x, y) = forward.convert((lon_lat[0], lon_lat[1])).unwrap();
        let at = Point::new(x, y);
        let found: Vec<u32> = (0..map.units).filter(|u| units[*u as usize].contains(&at)).collect();
        assert_eq!(found, unit.iter().copied().collect::<Vec<_>>());
        by_country[unit.map_or(2, |u| usize::from(u >= map.main_units))] += 1;
    }
    assert_eq!(by_country, [594, 3, 3]);
}

#[test]
fn boundary_file_contains_the_map() {
    let folder = tempfile::tempdir().unwrap();
    generate(&Settings { laus: 79, events: 100, ..small(folder.path()) });
    let path = folder.path().join(BOUNDARIES).join(Layout::Gisco.boundary_file());
    let text = fs::read_to_string(path).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["crs"]["properties"]["name"], "urn:ogc:def:crs:EPSG::3035");
    let features = json["features"].as_array().unwrap();
    let ids: BTreeSet<_> =
        features.iter().map(|f| f["properties"]["GISCO_ID"].as_str().unwrap()).collect();
    assert_eq!((features.len(), ids.len()), (79 + 39, 79 + 39));
    let country = |c: &str| features.iter().filter(|f| f["properties"]["CNTR_CODE"] == c).count();
    assert_eq!((country("EE"), country("LV")), (79, 39));
    assert!(text.contains(['õ', 'ä', 'ö', 'ü']));
    let (map, borders) = full_map(Settings::default().seed);
    for (unit, feature) in features.iter().enumerate() {
        let coordinates = &feature["geometry"]["coordinates"];
        let read = match feature["geometry"]["type"].as_str().unwrap() {
            "Polygon" => geo::MultiPolygon::new(vec![polygon(coordinates)]),
            "MultiPolygon" => coordinates.as_array().unwrap().iter().map(polygon).collect(),
            other => panic!("{other}"),
        };
        assert_eq!(read, to_geo(&borders.trace(map.hexagons(unit as u32))));
    }
}

fn polygon(json: &serde_json::Value) -> geo::Polygon {
    let rings: Vec<Vec<[f64; 2]>> = serde_json::from_value(json.clone()).unwrap();
    assert!(rings.iter().all(|ring| ring.first() == ring.last()), "rings are closed");
    let mut lines = rings.into_iter().map(geo::LineString::from);
    geo::Polygon::new(lines.next().unwrap(), lines.collect())
}

#[test]
fn layouts_differ_in_form_and_have_the_same_events() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["gisco", "german", "spanish"].map(|name| folder.path().join(name));
    for (path, layout) in paths.iter().zip([Layout::Gisco, Layout::German, Layout::Spanish]) {
        generate(&Settings { layout, days: 1, ..small(path) });
    }
    let [gisco, german, spanish] = &paths;
    let text = |path: &Path, name: &str| fs::read_to_string(path.join(name)).unwrap();
    let lines = |path: &Path| -> Vec<String> {
        let name = "events/2024-10-01/part-00000.csv";
        text(path, name).lines().map(str::to_owned).collect()
    };
    let midnight_us = 1_727_740_800_000_000;
    let clock = |us: i64| {
        let second = (us - midnight_us) / 1_000_000;
        [second / 3_600, second / 60 % 60, second % 60]
    };
    let rows = rows(&gisco.join("events/year=2024/month=10/day=1/part-00000.parquet"));
    let in_german = rows.iter().map(|(user, cell, us)| {
        let [hour, minute, second] = clock(*us);
        let user = crate::domain::ids::hex(user);
        format!("{user};01-10-2024 {hour:02}:{minute:02}:{second:02};{cell}")
    });
    let in_spanish = rows.iter().map(|(user, cell, us)| {
        let [hour, minute, _] = clock(*us);
        let user = crate::domain::ids::hex(user);
        format!("{user},01/10/2024 {hour:02}:{minute:02},{cell}")
    });
    let header = |text: &str| text.to_owned();
    let german_rows: Vec<String> =
        std::iter::once(header("Teilnehmer;Zeitpunkt;Funkzelle")).chain(in_german).collect();
    let spanish_rows: Vec<String> =
        std::iter::once(header("abonado,fecha_hora,celda")).chain(in_spanish).collect();
    assert_eq!(lines(german), german_rows);
    assert_eq!(lines(spanish), spanish_rows);

    let collection = |path: &Path, name: &str| -> serde_json::Value {
        serde_json::from_str(&text(path, name)).unwrap()
    };
    let kreise = collection(german, "lau_boundaries/kreise.geojson");
    let municipios = collection(spanish, "lau_boundaries/municipios.geojson");
    assert!(kreise.get("crs").is_none());
    assert_eq!(kreise["features"].as_array().unwrap().len(), 20);
    assert_eq!(kreise["features"][0]["properties"]["AGS"], "01001");
    assert_eq!(municipios["crs"]["properties"]["name"], "urn:ogc:def:crs:EPSG::4258");
    assert_eq!(municipios["features"].as_array().unwrap().len(), 30);
    assert_eq!(municipios["features"][29]["properties"]["PAIS"], "PRT");
    for file in [&kreise, &municipios] {
        let [lon, lat] = [0, 1].map(|axis| {
            file["features"][0]["geometry"]
                .pointer(&format!("/coordinates/0/0/{axis}"))
                .or_else(|| {
                    file["features"][0]["geometry"].pointer(&format!("/coordinates/0/0/0/{axis}"))
                })
                .and_then(serde_json::Value::as_f64)
                .unwrap()
        });
        assert!((20.0..30.0).contains(&lon) && (56.0..61.0).contains(&lat), "{lon} {lat}");
    }
}

//! Projection of cells and lookup of their LAU, on synthetic boundaries of 79 LAUs.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use geo::{BoundingRect, Coord, MultiPolygon};
use mobility::formats::boundaries::{self, PropertyNames};
use mobility::progress::Progress;
use mobility::stages::geojoin::lau_index::LauIndex;
use mobility::stages::synth::{self, Settings};
use mobility::storage::inputs::InputFile;
use proj::Proj;

use crate::random::Random;

const POINTS: usize = 1_000_000;

/// The boundary file, in a temporary folder that is removed when the process ends.
static FILE: LazyLock<(tempfile::TempDir, InputFile)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("data");
    let settings = Settings { out: out.clone(), users: 10, events: 1_000, ..Settings::default() };
    synth::run(&settings, &Progress::silent()).unwrap();
    let file = std::fs::read_dir(out.join("lau_boundaries")).unwrap().next();
    (folder, InputFile::local(file.unwrap().unwrap().path()).unwrap())
});

/// Units of the main country by id.
fn units() -> BTreeMap<String, MultiPolygon> {
    let names = PropertyNames {
        id: "GISCO_ID".to_owned(),
        country: "CNTR_CODE".to_owned(),
        name: "LAU_NAME".to_owned(),
        value: boundaries::ValueProperty::NewestPopulation,
        max_mib: u64::MAX,
    };
    let mut units: BTreeMap<String, MultiPolygon> = BTreeMap::new();
    let estonian = |p: &boundaries::Properties| p.country.as_deref() == Some("EE");
    boundaries::read(&FILE.1, &names, &estonian, &mut |feature| {
        let id = feature.properties.id.unwrap_or_default();
        let unit = units.entry(id).or_insert_with(|| MultiPolygon(Vec::new()));
        unit.0.extend(feature.polygons.unwrap_or_default());
        Ok(())
    })
    .unwrap();
    units
}

/// Random points in the extent of the units, metres.
fn points(units: &BTreeMap<String, MultiPolygon>) -> Vec<Coord> {
    let boxes = units.values().filter_map(BoundingRect::bounding_rect);
    let (low, high) = boxes.map(|b| (b.min(), b.max())).fold(
        (Coord { x: f64::MAX, y: f64::MAX }, Coord { x: f64::MIN, y: f64::MIN }),
        |(low, high), (a, b)| {
            let low = Coord { x: low.x.min(a.x), y: low.y.min(a.y) };
            (low, Coord { x: high.x.max(b.x), y: high.y.max(b.y) })
        },
    );
    let mut random = Random(7);
    let mut within = |low: f64, high: f64| low + random.unit() * (high - low);
    (0..POINTS).map(|_| Coord { x: within(low.x, high.x), y: within(low.y, high.y) }).collect()
}

#[divan::bench]
fn read_boundaries(bencher: Bencher) {
    let bytes = FILE.1.bytes;
    bencher.counter(divan::counter::BytesCount::new(bytes)).bench_local(units);
}

#[divan::bench]
fn build_index(bencher: Bencher) {
    let units = units();
    bencher.bench_local(|| LauIndex::new(black_box(&units).values()));
}

#[divan::bench]
fn locate_a_million_points(bencher: Bencher) {
    let units = units();
    let points = points(&units);
    let index = LauIndex::new(units.values());
    bencher
        .counter(ItemsCount::new(points.len()))
        .bench_local(|| points.iter().filter(|p| index.locate(**p).is_some()).count());
}

#[divan::bench]
fn reproject_a_million_points(bencher: Bencher) {
    let to_grid = Proj::new_known_crs("EPSG:4326", "EPSG:3035", None).unwrap();
    let mut random = Random(8);
    let degrees: Vec<(f64, f64)> =
        (0..POINTS).map(|_| (21.5 + 7.0 * random.unit(), 57.3 + 2.5 * random.unit())).collect();
    bencher
        .counter(ItemsCount::new(degrees.len()))
        .with_inputs(|| degrees.clone())
        .bench_local_values(|mut points| to_grid.convert_array(&mut points).is_ok());
}

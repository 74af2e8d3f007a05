//! The parsers of untrusted input as functions of bytes, none of which may panic. The targets of
//! `fuzz/` call the same functions.

use std::path::{Path, PathBuf};

use mobility::config::{self, Config, Sources};
use mobility::events::csv::CsvEvents;
use mobility::events::parquet::ParquetEvents;
use mobility::formats::boundaries::{self, PropertyNames, ValueProperty};
use mobility::output::query::parse_order;
use mobility::server::params::Params;
use mobility::storage::ByteSource;
use mobility::storage::inputs::{self, InputFile};
use mobility::views::Registry;

/// A folder with a file of these bytes.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Parses a view file with its header; true if it is valid.
pub fn view(bytes: &[u8]) -> bool {
    let (folder, _) = file("a_view.sql", bytes);
    let mut config = Config::default();
    config.views.dir = Some(folder.path().to_owned());
    Registry::read((&config).into()).is_ok()
}

/// Parses boundaries in GeoJSON; true if they are valid.
pub fn boundaries(bytes: &[u8]) -> bool {
    boundaries_in("lau.geojson", bytes)
}

/// Parses boundaries in a GeoPackage.
pub fn geopackage(bytes: &[u8]) -> bool {
    boundaries_in("lau.gpkg", bytes)
}

/// Parses boundaries in GeoParquet.
pub fn geoparquet(bytes: &[u8]) -> bool {
    boundaries_in("lau.parquet", bytes)
}

/// Parses boundaries in a zipped shapefile.
pub fn zipped(bytes: &[u8]) -> bool {
    boundaries_in("lau.shp.zip", bytes)
}

/// Parses the geometry of a shapefile whose properties are valid.
pub fn shapes(bytes: &[u8]) -> bool {
    beside("dbf", "lau.shp", bytes)
}

/// Parses the properties of a shapefile whose geometry is valid.
pub fn records(bytes: &[u8]) -> bool {
    beside("shp", "lau.dbf", bytes)
}

fn beside(good: &str, name: &str, bytes: &[u8]) -> bool {
    let (folder, _) = file(name, bytes);
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats/parts");
    std::fs::copy(fixture.with_extension(good), folder.path().join("lau").with_extension(good))
        .unwrap();
    reads(&folder.path().join("lau.shp"))
}

fn boundaries_in(name: &str, bytes: &[u8]) -> bool {
    let (_folder, path) = file(name, bytes);
    reads(&path)
}

fn reads(path: &Path) -> bool {
    let [id, country, name] = ["GISCO_ID", "CNTR_CODE", "LAU_NAME"].map(str::to_owned);
    let value = ValueProperty::NewestPopulation;
    let names = PropertyNames { id, country, name, value, max_mib: 100 };
    let input = InputFile::local(path.to_owned()).unwrap();
    boundaries::read(&input, &names, &|_| true, &mut |_| Ok(())).is_ok()
}

/// Parses a config file; true if it is valid.
pub fn config(bytes: &[u8]) -> bool {
    let (_folder, path) = file("pipeline.toml", bytes);
    config::load(&Sources { file: Some(&path), env: &|_| None, flags: Vec::new() }).is_ok()
}

/// Parses the filters of a request or of a command line; true if they are valid.
pub fn filters(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let order = parse_order(&text).is_ok();
    Params::parse(&text).is_ok() && order
}

/// Parses events in CSV; true if all of them can be read.
pub fn csv_events(bytes: &[u8]) -> bool {
    let (_folder, path) = file("events.csv", bytes);
    let input = InputFile::local(path).unwrap();
    let Ok(mut file) = CsvEvents::open(input, &Config::default().columns) else {
        return false;
    };
    let times = file.times(None).unwrap();
    // small blocks, so that there are several
    let mut good = file.scan(&times, i64::MAX, 100).is_ok();
    for block in 0..file.blocks() {
        good &= file.read_arrays(block, 10).is_ok_and(|mut rows| rows.all(|batch| batch.is_ok()));
    }
    good
}

/// Parses events in Parquet with both readers; true if all of them can be read.
pub fn events(bytes: &[u8]) -> bool {
    let (_folder, path) = file("events.parquet", bytes);
    let Ok(found) =
        inputs::list("data.events", &[path.to_string_lossy().into_owned()], &["parquet"])
    else {
        return false;
    };
    let source = ByteSource::open(&found[0]).unwrap();
    let Ok(file) = ParquetEvents::open(found[0].clone(), source, &Config::default().columns) else {
        return false;
    };
    let mut good = true;
    for group in 0..file.row_groups() {
        // offsets outside the file are rejected on opening
        let Ok(source) = file.source(group) else {
            good = false;
            continue;
        };
        good &= file
            .read_arrays(source.clone(), group, 1024)
            .is_ok_and(|mut rows| rows.all(|batch| batch.is_ok()));
        match file.pages(&source, group) {
            Ok(Some((columns, _))) => {
                for mut pages in columns {
                    good &= loop {
                        match pages.next(1024) {
                            Ok(Some(_)) => {}
                            Ok(None) => break true,
                            Err(_) => break false,
                        }
                    };
                }
            }
            Ok(None) => {}
            Err(_) => good = false,
        }
    }
    good
}

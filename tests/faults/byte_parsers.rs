//! What reads bytes of others, as functions of bytes: whatever they are, none may panic. The targets
//! below `fuzz/` call the same.

use std::path::{Path, PathBuf};

use mobility::config::{self, Config, Sources};
use mobility::io::delimited::CsvEvents;
use mobility::io::events::EventFile;
use mobility::io::features::{self, PropertyNames};
use mobility::io::inputs::{self, InputFile};
use mobility::io::source::Source;
use mobility::query::one_order;
use mobility::serve::params::Params;
use mobility::views::Registry;

/// A folder with one file of those bytes.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// A view file with its header; true where it is a good one.
pub fn view(bytes: &[u8]) -> bool {
    let (folder, _) = file("a_view.sql", bytes);
    let mut config = Config::default();
    config.views.dir = Some(folder.path().to_owned());
    Registry::read(&config).is_ok()
}

/// A file of boundaries; true where it is a good one.
pub fn boundaries(bytes: &[u8]) -> bool {
    boundaries_in("lau.geojson", bytes)
}

/// The same as a GeoPackage.
pub fn geopackage(bytes: &[u8]) -> bool {
    boundaries_in("lau.gpkg", bytes)
}

/// The same as GeoParquet.
pub fn geoparquet(bytes: &[u8]) -> bool {
    boundaries_in("lau.parquet", bytes)
}

/// The same as a zipped shapefile.
pub fn zipped(bytes: &[u8]) -> bool {
    boundaries_in("lau.shp.zip", bytes)
}

/// The shapes of a shapefile, beside good properties.
pub fn shapes(bytes: &[u8]) -> bool {
    beside("dbf", "lau.shp", bytes)
}

/// The properties of a shapefile, beside good shapes.
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
    let names = PropertyNames { id, country, name };
    let input = InputFile::local(path.to_owned()).unwrap();
    features::read(&input, &names, &|_| true, &mut |_| Ok(())).is_ok()
}

/// A config file; true where it is a good one.
pub fn config(bytes: &[u8]) -> bool {
    let (_folder, path) = file("pipeline.toml", bytes);
    config::load(&Sources { file: Some(&path), env: &|_| None, flags: Vec::new() }).is_ok()
}

/// The filters of a request or of a command line; true where they are good ones.
pub fn filters(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let order = one_order(&text).is_ok();
    Params::read(&text).is_ok() && order
}

/// An events file in CSV; true where all of it can be read.
pub fn csv_events(bytes: &[u8]) -> bool {
    let (_folder, path) = file("events.csv", bytes);
    let input = InputFile::local(path).unwrap();
    let Ok(mut file) = CsvEvents::open(input, &Config::default().columns) else {
        return false;
    };
    let times = file.times(None).unwrap();
    // small pieces, so that there are several
    let mut good = file.survey(&times, i64::MAX, 100).is_ok();
    for block in 0..file.blocks() {
        good &= file.read(block, 10).is_ok_and(|mut rows| rows.all(|batch| batch.is_ok()));
    }
    good
}

/// An events file, read in both ways; true where all of it can be read.
pub fn events(bytes: &[u8]) -> bool {
    let (_folder, path) = file("events.parquet", bytes);
    let Ok(found) =
        inputs::list("data.events", &[path.to_string_lossy().into_owned()], &["parquet"])
    else {
        return false;
    };
    let source = Source::open(&found[0]).unwrap();
    let Ok(file) = EventFile::open(found[0].clone(), source, &Config::default().columns) else {
        return false;
    };
    let mut good = true;
    for group in 0..file.row_groups() {
        // what lies outside the file is refused when it is opened
        let Ok(source) = file.source(group) else {
            good = false;
            continue;
        };
        good &= file
            .read(source.clone(), group, 1024)
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

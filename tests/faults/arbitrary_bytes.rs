//! Parsers fed with arbitrary bytes, and with valid bytes after a few changes.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;

use super::byte_parsers;
use crate::harness::{fraction_of_cases, root};

type Parser = fn(&[u8]) -> bool;

/// Every parser with bytes that are valid for it.
fn parsers() -> [(Parser, Vec<u8>); 11] {
    let read = |name: &str| std::fs::read(root().join(name)).unwrap();
    let events = glob::glob(&root().join("fixtures/mini/events/**/*.parquet").to_string_lossy());
    let events = events.unwrap().map(Result::unwrap).min().unwrap();
    [
        (byte_parsers::view, read("sql/views/view_users_per_lau_day_night.sql")),
        (byte_parsers::boundaries, read("fixtures/mini/lau/lau.geojson")),
        (byte_parsers::geopackage, read("fixtures/formats/parts.gpkg")),
        (byte_parsers::geoparquet, read("fixtures/formats/parts.parquet")),
        (byte_parsers::zipped, read("fixtures/formats/LAU_RG_01M_2021_3035.shp.zip")),
        (byte_parsers::shapes, read("fixtures/formats/parts.shp")),
        (byte_parsers::records, read("fixtures/formats/parts.dbf")),
        (byte_parsers::csv_events, read("fixtures/mini/events.csv")),
        (byte_parsers::config, read("pipeline.toml")),
        (byte_parsers::filters, b"date=2024-10-01&lau=EE_0001&order_by=date:desc".to_vec()),
        (byte_parsers::events, std::fs::read(events).unwrap()),
    ]
}

#[test]
fn valid_bytes_are_parsed() {
    let good = parsers().map(|(parser, bytes)| parser(&bytes));
    assert_eq!(good, [true; 11]);
}

#[test]
fn every_fuzz_target_calls_one_of_these_parsers() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let (manifest, parsers) = (read("fuzz/Cargo.toml"), read("tests/faults/byte_parsers.rs"));
    let targets = glob::glob(&root().join("fuzz/fuzz_targets/*.rs").to_string_lossy()).unwrap();
    let mut names = Vec::new();
    for path in targets.map(Result::unwrap) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("#[path = \"../../tests/faults/byte_parsers.rs\"]"), "{name}");
        assert!(text.contains(&format!("byte_parsers::{name}(bytes)")), "{name}");
        assert!(parsers.contains(&format!("pub fn {name}(bytes: &[u8]) -> bool")), "{name}");
        names.push(name);
    }
    assert!(!names.is_empty());
}

/// Turns a panic into a failed case, which proptest then minimizes.
fn assert_no_panic(parser: Parser, bytes: &[u8]) -> Result<(), TestCaseError> {
    let outcome = std::panic::catch_unwind(|| parser(bytes));
    prop_assert!(outcome.is_ok());
    Ok(())
}

proptest! {
    #![proptest_config(fraction_of_cases(4))]

    #[test]
    fn arbitrary_bytes_cause_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for (parser, _) in parsers() {
            assert_no_panic(parser, &bytes)?;
        }
    }

    #[test]
    fn valid_bytes_with_some_changes_cause_no_panic(
        places in prop::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        end in prop::option::weighted(0.2, any::<Index>()),
    ) {
        for (parser, mut bytes) in parsers() {
            for (place, byte) in &places {
                let at = place.index(bytes.len());
                bytes[at] = *byte;
            }
            if let Some(end) = end {
                bytes.truncate(end.index(bytes.len()));
            }
            assert_no_panic(parser, &bytes)?;
        }
    }
}

//! Parsers fed with arbitrary bytes, and with good bytes a few of which are others.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;

use super::entries;
use crate::work::{fraction_of_cases, root};

type Parser = fn(&[u8]) -> bool;

/// Every parser, with something that it likes.
fn parsers() -> [(Parser, Vec<u8>); 11] {
    let read = |name: &str| std::fs::read(root().join(name)).unwrap();
    let events = glob::glob(&root().join("fixtures/mini/events/**/*.parquet").to_string_lossy());
    let events = events.unwrap().map(Result::unwrap).min().unwrap();
    [
        (entries::view, read("sql/views/view_users_per_lau_day_night.sql")),
        (entries::boundaries, read("fixtures/mini/lau/lau.geojson")),
        (entries::geopackage, read("fixtures/formats/parts.gpkg")),
        (entries::geoparquet, read("fixtures/formats/parts.parquet")),
        (entries::zipped, read("fixtures/formats/LAU_RG_01M_2021_3035.shp.zip")),
        (entries::shapes, read("fixtures/formats/parts.shp")),
        (entries::records, read("fixtures/formats/parts.dbf")),
        (entries::csv_events, read("fixtures/mini/events.csv")),
        (entries::config, read("pipeline.toml")),
        (entries::filters, b"date=2024-10-01&lau=EE_0001&order_by=date:desc".to_vec()),
        (entries::events, std::fs::read(events).unwrap()),
    ]
}

#[test]
fn good_bytes_are_good() {
    let good = parsers().map(|(parser, bytes)| parser(&bytes));
    assert_eq!(good, [true; 11]);
}

/// A panic becomes a failed case, which is then made smaller.
fn survives(parser: Parser, bytes: &[u8]) -> Result<(), TestCaseError> {
    let outcome = std::panic::catch_unwind(|| parser(bytes));
    prop_assert!(outcome.is_ok());
    Ok(())
}

proptest! {
    #![proptest_config(fraction_of_cases(4))]

    #[test]
    fn arbitrary_bytes_are_no_fault(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for (parser, _) in parsers() {
            survives(parser, &bytes)?;
        }
    }

    #[test]
    fn good_bytes_with_some_others_are_no_fault(
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
            survives(parser, &bytes)?;
        }
    }
}

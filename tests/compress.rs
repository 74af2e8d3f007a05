//! `compress`: the same events give the same rows however they are split into files.

use std::collections::BTreeSet;
use std::path::Path;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, TimestampMicrosecondArray};
use mobility::config::Config;
use mobility::progress::Progress;
use proptest::prelude::*;

use crate::harness::{
    PresenceRow, array, fraction_of_cases, group_by_hour, read_presence, write_parquet,
};

/// User, cell, time stamp in µs.
type Event = (u8, i64, i64);

const START: i64 = 1_727_740_800_000_000; // 2024-10-01 00:00
const HOUR: i64 = 3_600_000_000;

fn write(folder: &Path, name: &str, events: &[Event], row_group: usize) {
    std::fs::create_dir_all(folder).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("user_id", array(BinaryArray::from_iter_values(events.iter().map(|e| [e.0])))),
        ("cell_id", array(Int64Array::from_iter_values(events.iter().map(|e| e.1)))),
        (
            "timestamp",
            array(TimestampMicrosecondArray::from_iter_values(events.iter().map(|e| e.2))),
        ),
    ];
    write_parquet(&folder.join(name), columns, row_group);
}

fn compressed(folder: &Path) -> (u64, Vec<PresenceRow>) {
    let mut config = Config::default();
    config.data.events = vec![folder.join("events").to_string_lossy().into_owned()];
    config.data.processed = folder.join("processed");
    let report = mobility::stages::compress::run(
        (&config).into(),
        &Progress::silent(),
        mobility::stages::compress::Extent { force: true, since: None },
    )
    .unwrap();
    (report.rows_in, read_presence(&config.data.processed))
}

fn grouped(events: &[Event]) -> Vec<PresenceRow> {
    let text = |(user, cell, us): &Event| (format!("{user:02x}"), cell.to_string(), *us);
    group_by_hour(events.iter().map(text))
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    // three days around two midnights with few users and cells, so that events share groups
    let event = (0u8..5, prop_oneof![0i64..4, Just(960_000_000_000_001)], -5i64..67, 0i64..4)
        .prop_map(|(user, cell, hour, quarter)| {
            (user, cell, START + hour * HOUR + quarter * 900_000_000 + 7)
        });
    prop::collection::vec(event, 1..120)
}

proptest! {
    #![proptest_config(fraction_of_cases(5))]

    #[test]
    fn any_split_of_the_same_events_gives_the_same_rows(
        events in events(),
        cuts in prop::collection::vec(1usize..60, 0..5),
        row_group in 1usize..40,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut rest = events.as_slice();
        for (i, cut) in cuts.iter().enumerate() {
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            write(&folder.path().join(format!("events/day={i}")), "part.parquet", now, row_group);
            rest = later;
        }
        write(&folder.path().join("events"), "rest.parquet", rest, row_group);
        let (rows_in, rows) = compressed(folder.path());
        prop_assert_eq!(rows_in, events.len() as u64);
        let distinct = events.iter().collect::<BTreeSet<_>>().len();
        prop_assert_eq!(rows.iter().map(|r| r.5).sum::<i64>(), distinct as i64);
        prop_assert_eq!(rows, grouped(&events));
    }
}

#[test]
fn events_count_on_their_own_date_in_a_folder_of_another_date() {
    // dates come from the time stamps: no event in the folder of day 9 is of that day
    let folder = tempfile::tempdir().unwrap();
    let events: Vec<Event> = (0..72).map(|h| (1, 2, START + h * HOUR)).collect();
    write(&folder.path().join("events/year=2024/month=10/day=9"), "part.parquet", &events, 10);
    let (_, rows) = compressed(folder.path());
    assert_eq!(rows, grouped(&events));
    let dates: Vec<_> = std::fs::read_dir(folder.path().join("processed/compressed_events"))
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|n| n.starts_with("date="))
        .collect();
    assert_eq!(dates.len(), 3);
}

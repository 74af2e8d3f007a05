//! Hourly presence: read from the outputs, and worked out from events by its definition.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};

use super::{mini_events, read_table};

/// User, cell, start of the hour, first and last time stamp (in µs), number of events.
pub type PresenceRow = (String, String, i64, i64, i64, i64);

/// User, cell, time stamp in µs.
pub type UserAtCell = (String, String, i64);

/// Day, user, start of the hour, cell.
type GroupKey = (i64, String, i64, String);

const HOUR_US: i64 = 3_600_000_000;

/// Rows of all dates below a folder of outputs, in the order of the files.
pub fn read_presence(processed: &Path) -> Vec<PresenceRow> {
    let pattern = processed.join("compressed_events/date=*/*.parquet");
    let files = glob::glob(&pattern.to_string_lossy()).unwrap();
    let mut files: Vec<_> = files.map(Result::unwrap).collect();
    files.sort();
    files.iter().flat_map(|file| presence_of_file(file)).collect()
}

fn presence_of_file(path: &Path) -> Vec<PresenceRow> {
    let table = read_table(path);
    // only the times of placed events may be missing
    let has_no_nulls = |column: usize| table.column(column).null_count() == 0;
    assert!((0..7).all(has_no_nulls));
    let column = |name| table.column_by_name(name).unwrap();
    let text = |name, row| column(name).as_string::<i32>().value(row).to_owned();
    let time = |name, row| column(name).as_primitive::<TimestampMicrosecondType>().value(row);
    let row = |row| {
        let count = column("event_count").as_primitive::<Int64Type>().value(row);
        let [hour, first, last] = ["hour", "first_seen", "last_seen"].map(|name| time(name, row));
        (text("user_id", row), text("cell_id", row), hour, first, last, count)
    };
    (0..table.num_rows()).map(row).collect()
}

/// Groups events with a map, in the order of the files: by date, user, hour and cell as text. An
/// event that occurs twice counts once.
pub fn group_by_hour(events: impl IntoIterator<Item = UserAtCell>) -> Vec<PresenceRow> {
    let mut groups: BTreeMap<GroupKey, (i64, i64, i64)> = BTreeMap::new();
    for (user, cell, us) in events.into_iter().collect::<BTreeSet<_>>() {
        let hour = us.div_euclid(HOUR_US) * HOUR_US;
        let key = (hour.div_euclid(24 * HOUR_US), user, hour, cell);
        let group = groups.entry(key).or_insert((us, us, 0));
        *group = (group.0.min(us), group.1.max(us), group.2 + 1);
    }
    let row =
        |((_, user, hour, cell), (first, last, count))| (user, cell, hour, first, last, count);
    groups.into_iter().map(row).collect()
}

/// Hourly presence of the mini events.
pub fn mini_presence() -> Vec<PresenceRow> {
    let text = |(user, cell, us): (Vec<u8>, i64, i64)| {
        (user.iter().map(|byte| format!("{byte:02x}")).collect(), cell.to_string(), us)
    };
    group_by_hour(mini_events().into_iter().map(text))
}

//! The code of each row.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    DAY, Event, HOUR, SECOND, along_a_line, codes, columns, csv, put_cells_along_a_line, record,
};
use crate::harness::{
    Warehouse, Workspace, array, columns_as_csv, fraction_of_cases, test_on_each_warehouse,
};

fn events(work: &Workspace, name: &str, events: &[Event]) {
    work.write_events(name, columns(events));
}

#[test]
fn each_row_gets_the_first_code_that_applies() {
    let work = along_a_line();
    let minute = 60 * SECOND;
    events(
        &work,
        "day=1.parquet",
        &[
            ("", "a", DAY),
            ("u", "", DAY),
            ("u", "a", DAY + HOUR),
            ("u", "a", DAY + HOUR),
            ("u", "nowhere", DAY + 2 * HOUR),
            ("u", "old", DAY + 3 * HOUR),
            ("u", "bad", DAY + 4 * HOUR),
            // there and back over 50 km in two minutes
            ("v", "a", DAY),
            ("v", "c", DAY + minute),
            ("v", "a", DAY + 2 * minute),
            // one fast hop
            ("w", "a", DAY),
            ("w", "d", DAY + minute),
            ("w", "d", DAY + 2 * minute),
            // away for 20 seconds
            ("x", "a", DAY),
            ("x", "b", DAY + 20 * SECOND),
            ("x", "a", DAY + 40 * SECOND),
            // at the same time at two cells of one place, and at two places
            ("y", "a", DAY),
            ("y", "a2", DAY),
            ("z", "a", DAY + HOUR),
            ("z", "d", DAY + HOUR),
            ("z", "a", DAY + 5 * HOUR),
            // 50 km in an hour is not too fast
            ("q", "a", DAY),
            ("q", "c", DAY + HOUR),
            // time stamps out of range
            ("q", "a", 400_000 * 24 * HOUR),
            ("q", "a", i64::MAX / 2),
        ],
    );
    work.ok(&["compress"]);
    assert_eq!(
        codes(&work, "2024-10-01"),
        "bad_coordinates=1 cell_missing=1 cell_not_valid=1 duplicate=1 ping_pong=1 \
         time_future=1 timestamp_out_of_range=1 too_fast_both=1 too_fast_once=4 two_places=2 unknown_cell=1 \
         user_missing=1"
    );
    let record = record(&work, "2024-10-01");
    assert_eq!(record["files"][0]["rows"], 25);
    let kept: u64 =
        record["hours"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(kept, 25 - 5, "rejected: two ids, two times, one duplicate");
}

#[test]
fn events_in_the_future_are_rejected() {
    let work = along_a_line();
    let ahead = (chrono::Utc::now() + chrono::TimeDelta::days(3)).timestamp_micros();
    let file = [("u", "a", DAY), ("u", "a", ahead)];
    events(&work, "year=2024/month=10/day=1/x.parquet", &file);
    work.ok(&["compress"]);
    assert_eq!(codes(&work, "2024-10-01"), "time_future=1");
    work.config("[checks]\noff = [\"time_future\"]\n");
    work.ok(&["compress"]);
    assert_eq!(codes(&work, "2024-10-01"), "");
    let dates = date_folders(&work);
    assert_eq!(dates.len(), 2, "{dates:?}");
}

fn date_folders(work: &Workspace) -> Vec<String> {
    let folder = work.path("processed/compressed_events");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn late_rows_count_on_their_own_date_within_the_tolerance() {
    let work = along_a_line();
    let file = [("u", "a", DAY + 4 * 24 * HOUR), ("u", "a", DAY), ("u", "a", DAY - 24 * HOUR)];
    events(&work, "year=2024/month=10/day=5/late.parquet", &file);
    work.ok(&["compress"]);
    assert_eq!(date_folders(&work), ["date=2024-09-30", "date=2024-10-01", "date=2024-10-05"]);
    work.config("[checks]\nfolder_tolerance_days = 4\n");
    work.ok(&["compress"]);
    assert_eq!(date_folders(&work), ["date=2024-10-01", "date=2024-10-05"]);
    assert_eq!(codes(&work, "2024-09-30"), "outside_folder=1");
}

#[test]
fn user_ids_of_unexpected_length_are_rejected_if_a_length_is_configured() {
    let work = along_a_line();
    events(&work, "x.parquet", &[("four", "a", DAY), ("three", "a", DAY), ("four", "a", DAY + 1)]);
    work.config("[checks]\nuser_id_bytes = 4\n");
    work.ok(&["compress"]);
    assert_eq!(codes(&work, "2024-10-01"), "user_malformed=1");
}

/// A text of this many letters that cannot be compressed, and is not a hash.
fn letters(count: usize) -> String {
    let mut state = 1u64;
    let letter = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'g' + (state >> 59) as u8 % 20)
    };
    (0..count).map(letter).collect()
}

fn ids_too_long_for_an_index_are_rejected_and_do_not_end_the_load(warehouse: Warehouse) {
    let work = put_cells_along_a_line(warehouse.mini());
    let [longest, longer, enormous] = [1_024, 1_025, 100_000].map(letters);
    let binary = vec![0xab; 513];
    let users: Vec<&[u8]> =
        vec![b"u", longest.as_bytes(), b"u", longer.as_bytes(), enormous.as_bytes()];
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).unwrap().to_owned();
    let times = |rows: usize| {
        let times = (0..rows as i64).map(|i| DAY + i * HOUR);
        array(arrow::array::TimestampMicrosecondArray::from_iter_values(times))
    };
    let of_text = |users: &[&[u8]], cells: Vec<&str>| {
        let users = users.iter().map(|user| text(user));
        vec![
            ("timestamp", times(cells.len())),
            ("user_id", array(arrow::array::StringArray::from_iter_values(users))),
            ("cell_id", array(arrow::array::StringArray::from(cells))),
        ]
    };
    work.write_events("text.parquet", of_text(&users, vec!["a", "a", &longest, "a", &longer]));
    work.write_events("cell.parquet", of_text(&[b"v", b"v"], vec![&longer, &enormous]));
    work.write_events(
        "binary.parquet",
        vec![
            ("timestamp", times(2)),
            ("user_id", array(arrow::array::BinaryArray::from_vec(vec![&binary[1..], &binary]))),
            ("cell_id", array(arrow::array::StringArray::from(vec!["b", "b"]))),
        ],
    );
    let rows = format!(
        "user_id,cell_id,timestamp\nw,a,2024-10-01 05:00:00\n{longer},a,2024-10-01 06:00:00\nw,{enormous},2024-10-01 07:00:00\n"
    );
    work.write("raw/events/rows.csv", rows);
    // a cell that could not be loaded either
    work.write(
        "raw/cells/long.csv",
        format!("cell_id,latitude,longitude\n{longest},58.6,25.0\n{longer},58.6,25.0\n"),
    );
    work.config("[load]\nuncompressed = true\n");
    let ran = work.run(&["run-all"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("cell id longer than 1,024 bytes"), "{}", ran.stderr);
    assert_eq!(codes(&work, "2024-10-01"), "cell_id_too_long=3 user_id_too_long=4");
    let count = |sql: &str| csv(&work, &format!("SELECT COUNT(*) AS n FROM {sql}"));
    assert_eq!(count("mobile_events_compressed"), "n\n5\n");
    assert_eq!(count("mobile_events_uncompressed"), "n\n12\n");
    assert_eq!(count("mobile_events_uncompressed WHERE user_id IS NULL"), "n\n4\n");
    assert_eq!(count("mobile_events_uncompressed WHERE cell_id IS NULL"), "n\n4\n");
    assert_eq!(count(&format!("cell_plan WHERE cell_id = '{longest}'")), "n\n1\n");
    let users = "SELECT length(user_id) AS n FROM mobile_events_compressed GROUP BY 1 ORDER BY 1";
    assert_eq!(csv(&work, users), "n\n1\n1024\n");
    work.config("[checks]\noff = [\"user_id_too_long\"]\n");
    work.fails(&["compress"], 1, &["user_id_too_long cannot be turned off"]);
}

test_on_each_warehouse!(ids_too_long_for_an_index_are_rejected_and_do_not_end_the_load);

fn ids_with_a_nul_are_rejected_and_do_not_end_the_load(warehouse: Warehouse) {
    let work = put_cells_along_a_line(warehouse.mini());
    let texts = |texts: Vec<&str>| array(arrow::array::StringArray::from(texts));
    let times = (0..6).map(|i| DAY + i * HOUR);
    let times = array(arrow::array::TimestampMicrosecondArray::from_iter_values(times));
    let users = texts(vec!["u", "u\0", "\0", "u\0v", "u", "u"]);
    let cells = texts(vec!["a", "a", "a", "a\0", "a\0", "\0"]);
    let columns = vec![("timestamp", times), ("user_id", users), ("cell_id", cells)];
    work.write_events("text.parquet", columns);
    let rows = "user_id,cell_id,timestamp\nw,a,2024-10-01 05:00:00\nw\0,a,2024-10-01 06:00:00\n\
                w,\0a,2024-10-01 07:00:00\n";
    work.write("raw/events/rows.csv", rows);
    work.write("raw/cells/nul.csv", "cell_id,latitude,longitude\nz,58.6,25.0\nz\0,58.6,25.0\n");
    work.config("[load]\nuncompressed = true\n");
    let ran = work.run(&["run-all"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("cell id with a NUL character"), "{}", ran.stderr);
    assert_eq!(codes(&work, "2024-10-01"), "cell_id_with_nul=3 user_id_with_nul=4");
    let count = |sql: &str| csv(&work, &format!("SELECT COUNT(*) AS n FROM {sql}"));
    assert_eq!(count("mobile_events_compressed"), "n\n2\n");
    assert_eq!(count("mobile_events_uncompressed"), "n\n9\n");
    assert_eq!(count("mobile_events_uncompressed WHERE user_id IS NULL"), "n\n4\n");
    assert_eq!(count("mobile_events_uncompressed WHERE cell_id IS NULL"), "n\n4\n");
    assert_eq!(count("cell_plan WHERE cell_id LIKE 'z%'"), "n\n1\n");
}

test_on_each_warehouse!(ids_with_a_nul_are_rejected_and_do_not_end_the_load);

#[test]
fn busy_user_is_flagged_on_rows_without_another_code() {
    let work = along_a_line();
    let mut file: Vec<Event> = (0..12).map(|i| ("u", "a", DAY + i * SECOND)).collect();
    file.push(("u", "nowhere", DAY + HOUR));
    file.push(("v", "a", DAY));
    events(&work, "x.parquet", &file);
    work.config("[checks]\nmost_events_a_day = 12\n");
    work.ok(&["compress"]);
    assert_eq!(codes(&work, "2024-10-01"), "busy_user=12 unknown_cell=1");
}

fn events_at_two_places_are_left_out_of_views_about_places_only(warehouse: Warehouse) {
    let work = warehouse.mini();
    let mut file = crate::harness::mini_events();
    // fa is at noon in the town and on the island at the same time, fb only on the island
    let noon = DAY + 12 * HOUR;
    file.push((vec![0xfa], 200, noon));
    file.push((vec![0xfa], 300, noon));
    file.push((vec![0xfb], 300, noon));
    work.remove("raw/events");
    let users = arrow::array::BinaryArray::from_iter_values(file.iter().map(|e| &e.0));
    let cells = arrow::array::Int64Array::from_iter_values(file.iter().map(|e| e.1));
    let times = arrow::array::TimestampMicrosecondArray::from_iter_values(file.iter().map(|e| e.2));
    let columns: Vec<(&str, arrow::array::ArrayRef)> = vec![
        ("user_id", crate::harness::array(users)),
        ("cell_id", crate::harness::array(cells)),
        ("timestamp", crate::harness::array(times)),
    ];
    work.write_events("all.parquet", columns);
    work.ok(&["run-all"]);
    let before = crate::harness::expected("agg_users_per_lau_per_day");
    let after = work.ok(&["query", "users-per-lau", "--format", "csv"]);
    let changed: Vec<(&str, &str)> =
        before.lines().zip(after.lines()).filter(|(b, a)| b != a).collect();
    // the island belongs to EE_0003, where only fb is counted
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(changed[0].1.starts_with("EE_0003"), "{changed:?}");
    let number = |line: &str| line.rsplit(',').next().unwrap().parse::<u64>().unwrap();
    assert_eq!(number(changed[0].1), number(changed[0].0) + 1);
    let events = "SELECT CAST(SUM(event_count) AS BIGINT) AS n FROM ";
    assert_eq!(csv(&work, &format!("{events}mobile_events_compressed")), "n\n28\n");
    assert_eq!(csv(&work, &format!("{events}mobile_events_placed")), "n\n26\n");
}

test_on_each_warehouse!(events_at_two_places_are_left_out_of_views_about_places_only);

#[test]
fn quarantine_keeps_rejected_rows_with_file_and_row() {
    let work = along_a_line();
    work.config("[checks]\nquarantine = true\n");
    events(&work, "one.parquet", &[("u", "a", DAY), ("", "a", DAY), ("u", "b", DAY + HOUR)]);
    events(&work, "two.parquet", &[("v", "a", DAY), ("u", "b", DAY + HOUR), ("v", "a", DAY)]);
    work.ok(&["compress"]);
    let quarantine = || {
        let path = work.path("processed/quarantine/date=2024-10-01/rows.parquet");
        columns_as_csv(&path, &["code", "file", "row"])
    };
    let expected = "code,file,row\nuser_missing,raw/events/one.parquet,2\n\
        duplicate,raw/events/two.parquet,2\nduplicate,raw/events/two.parquet,3\n";
    assert_eq!(quarantine(), expected);
    // a row is rejected once, however often the stage runs
    work.ok(&["compress", "--force"]);
    assert_eq!(quarantine(), expected);
}

#[test]
fn strict_accepts_duplicates_and_rejects_unusable_rows() {
    let work = along_a_line();
    work.config("strict = true\n");
    events(&work, "x.parquet", &[("u", "a", DAY), ("u", "a", DAY)]);
    work.ok(&["compress"]);
    events(&work, "y.parquet", &[("", "a", DAY)]);
    work.fails(&["compress"], 1, &["user id null or empty", "y.parquet", "strict"]);
}

#[test]
fn optional_checks_can_be_turned_off_and_necessary_ones_cannot() {
    let work = along_a_line();
    events(&work, "x.parquet", &[("u", "a", DAY), ("u", "a", DAY), ("u", "d", DAY)]);
    work.config("[checks]\noff = [\"duplicate\", \"two_places\"]\n");
    work.ok(&["compress"]);
    assert_eq!(codes(&work, "2024-10-01"), "too_fast_once=2");
    work.config("[checks]\noff = [\"user_missing\"]\n");
    work.fails(&["compress"], 1, &["checks.off", "user_missing"]);
    work.config("[checks]\noff = [\"duplicates\"]\n");
    work.fails(&["compress"], 1, &["duplicates", "duplicate"]);
}

/// Few users, cells and instants, so that many events coincide.
fn crowded_events() -> impl Strategy<Value = Vec<(usize, usize, i64)>> {
    let event = (0usize..3, 0usize..4, 0i64..400).prop_map(|(u, c, t)| (u, c, t));
    prop::collection::vec(event, 1..80)
}

const USERS: [&str; 3] = ["u", "v", "w"];
const CELLS: [&str; 4] = ["a", "b", "c", "d"];
/// Distance from the first cell in kilometres.
const KM: [f64; 4] = [0.0, 2.0, 50.0, 100.0];

/// The codes by definition, from the sorted distinct events of each user.
fn by_definition(events: &[(usize, usize, i64)]) -> BTreeMap<&'static str, u64> {
    let mut codes: BTreeMap<&'static str, u64> = BTreeMap::new();
    let distinct: BTreeSet<_> = events.iter().map(|(u, c, t)| (*u, *t, *c)).collect();
    *codes.entry("duplicate").or_default() += (events.len() - distinct.len()) as u64;
    for user in 0..USERS.len() {
        let all: Vec<_> = distinct.iter().filter(|e| e.0 == user).map(|e| (e.1, e.2)).collect();
        let alone = |t: i64| all.iter().filter(|e| e.0 == t).count() == 1;
        *codes.entry("two_places").or_default() +=
            all.iter().filter(|e| !alone(e.0)).count() as u64;
        let rest: Vec<_> = all.iter().copied().filter(|e| alone(e.0)).collect();
        let fast = |a: (i64, usize), b: (i64, usize)| {
            let metres = 1_000.0 * (KM[a.1] - KM[b.1]).abs();
            // instants are 30 seconds apart
            metres > 10_000.0 && metres / (30.0 * (b.0 - a.0) as f64) > 55.0
        };
        for (i, event) in rest.iter().enumerate() {
            let before = i.checked_sub(1).map(|i| rest[i]);
            let after = rest.get(i + 1).copied();
            let hop_in = before.is_some_and(|b| fast(b, *event));
            let hop_out = after.is_some_and(|a| fast(*event, a));
            let pong = before.zip(after).is_some_and(|(b, a)| {
                b.1 == a.1
                    && b.1 != event.1
                    && 30 * (a.0 - b.0) <= 60
                    && (KM[b.1] - KM[event.1]).abs() <= 5.0
            });
            let code = match (hop_in, hop_out) {
                (true, true) => "too_fast_both",
                (false, false) if pong => "ping_pong",
                (false, false) => continue,
                _ => "too_fast_once",
            };
            *codes.entry(code).or_default() += 1;
        }
    }
    codes.retain(|_, rows| *rows > 0);
    codes
}

proptest! {
    #![proptest_config(fraction_of_cases(10))]

    #[test]
    fn codes_equal_the_definition_for_any_split_and_order_of_events(
        events in crowded_events(),
        cut in 0usize..80,
        row_group in 1usize..30,
        sorted in any::<bool>(),
    ) {
        let work = along_a_line();
        let mut events = events;
        if sorted {
            events.sort_by_key(|e| e.2);
        }
        let (one, two) = events.split_at(cut.min(events.len()));
        for (name, part) in [("one", one), ("two", two)] {
            let part: Vec<Event> = part
                .iter()
                .map(|(u, c, t)| (USERS[*u], CELLS[*c], DAY + t * 30 * SECOND))
                .collect();
            let path = work.path(&format!("raw/events/{name}.parquet"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            crate::harness::write_parquet(&path, columns(&part), row_group);
        }
        work.ok(&["compress"]);
        let expected: Vec<String> =
            by_definition(&events).iter().map(|(code, rows)| format!("{code}={rows}")).collect();
        prop_assert_eq!(codes(&work, "2024-10-01"), expected.join(" "));
    }
}

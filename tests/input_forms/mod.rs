//! Events and cell plans in the forms in which other programs write them.

mod integers;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Decimal128Array, DictionaryArray, FixedSizeBinaryArray, Int32Array,
    Int64Array, NullArray, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field};

use crate::harness::{Workspace, array, read_presence, write_parquet};

const NOON: i64 = 1_727_784_000_000_000; // 2024-10-01 12:00:00

/// The mini workspace with these event files in CSV instead of its own.
fn with_csv(files: &[(&str, &str)]) -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/events");
    for (name, text) in files {
        work.write(&format!("raw/events/{name}"), text);
    }
    work
}

fn with_parquet(columns: Vec<(&str, ArrayRef)>) -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/events");
    work.write_events("a.parquet", columns);
    work
}

fn times(n: usize) -> ArrayRef {
    array(TimestampMicrosecondArray::from(vec![NOON; n]))
}

fn cells(n: usize) -> ArrayRef {
    array(Int64Array::from(vec![100; n]))
}

/// The rows of the hourly presence, as text.
fn presence(work: &Workspace) -> Vec<String> {
    work.ok(&["compress"]);
    let rows = read_presence(&work.path("processed"));
    rows.iter().map(|row| format!("{row:?}")).collect()
}

/// Number of distinct users of the hourly presence.
fn users(work: &Workspace) -> usize {
    work.ok(&["compress"]);
    let rows = read_presence(&work.path("processed"));
    rows.iter().map(|row| &row.0).collect::<BTreeSet<_>>().len()
}

const RAW: &str = "SELECT user_id, cell_id FROM mobile_events_uncompressed ORDER BY user_id";

const WORDS: [&str; 6] = ["\\N", "NULL", "NA", "null", "None", "nan"];

#[test]
fn words_for_nothing_are_missing_ids_in_csv_and_parquet() {
    let mut text = "user_id,cell_id,timestamp\nu1,100,2024-10-01 08:00:00\n".to_owned();
    for word in WORDS {
        text.push_str(&format!("{word},100,2024-10-01 08:00:00\nu1,{word},2024-10-01 08:00:00\n"));
    }
    text.push_str("u1,100,NULL\n");
    let work = with_csv(&[("a.csv", &text)]);
    assert_eq!(users(&work), 1);
    let ran = work.run(&["compress", "--force"]);
    for words in ["6 rows rejected: user id null", "6 rows rejected: cell id null"] {
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    assert!(ran.stderr.contains("1 row rejected: time stamp null"), "{}", ran.stderr);

    let words: Vec<&str> = WORDS.iter().copied().chain(["u1"]).collect();
    let ids: ArrayRef = array(StringArray::from(words));
    let parquet =
        with_parquet(vec![("user_id", ids), ("cell_id", cells(7)), ("timestamp", times(7))]);
    assert_eq!(users(&parquet), 1);
    // other words can be configured, and none
    parquet.config("[columns]\nnull_values = [\"u1\", \"NA\"]\n");
    assert_eq!(users(&parquet), 5);
    parquet.config("[columns]\nnull_values = []\n");
    assert_eq!(users(&parquet), 7);
}

#[test]
fn blank_ids_and_words_among_spaces_are_missing() {
    let text = "user_id,cell_id,timestamp\nu1,100,2024-10-01 08:00:00\n NULL ,100,2024-10-01 08:00:00\n  ,100,2024-10-01 08:00:00\nu1,  ,2024-10-01 08:00:00\n";
    let work = with_csv(&[("a.csv", text)]);
    let ids = ["u1", " NULL ", "  "];
    let columns = vec![
        ("user_id", array(StringArray::from(ids.to_vec())) as ArrayRef),
        ("cell_id", array(StringArray::from(vec!["100"; 3]))),
        ("timestamp", times(3)),
    ];
    work.write_events("b.parquet", columns);
    assert_eq!(users(&work), 1);
    let ran = work.run(&["compress", "--force"]);
    assert!(ran.stderr.contains("4 rows rejected: user id null"), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 row rejected: cell id null"), "{}", ran.stderr);
    work.ok(&["run-all"]);
    let raw = work.ok(&["query", "--sql", RAW, "--format", "csv"]);
    assert_eq!(raw.matches("\nu1,").count(), 3, "{raw}");
    assert_eq!(raw.matches("\n,100").count(), 4, "{raw}");
}

#[test]
fn configured_numbers_stand_for_nothing_in_columns_of_integers_too() {
    let text = "user_id,cell_id,timestamp\n7,100,2024-10-01 12:00:00\n0,100,2024-10-01 12:00:00\n7,-1,2024-10-01 12:00:00\n";
    let csv = with_csv(&[("a.csv", text)]);
    let parquet = with_parquet(vec![
        ("user_id", array(Int64Array::from(vec![7, 0, 7]))),
        ("cell_id", array(Int64Array::from(vec![100, 100, -1]))),
        ("timestamp", times(3)),
    ]);
    let wide = |values: Vec<i128>| -> ArrayRef {
        array(Decimal128Array::from(values).with_data_type(DataType::Decimal128(20, 0)))
    };
    let decimal = with_parquet(vec![
        ("user_id", wide(vec![7, 0, 7])),
        ("cell_id", wide(vec![100, 100, -1])),
        ("timestamp", times(3)),
    ]);
    for work in [&csv, &parquet, &decimal] {
        work.config("[columns]\nnull_values = [\"0\", \"-1\"]\n");
        assert_eq!(presence(work).len(), 1);
        let ran = work.run(&["compress", "--force"]);
        for words in ["1 row rejected: user id null", "1 row rejected: cell id null"] {
            assert!(ran.stderr.contains(words), "{}", ran.stderr);
        }
        work.ok(&["run-all"]);
        let raw = work.ok(&["query", "--sql", RAW, "--format", "csv"]);
        let mut rows: Vec<&str> = raw.lines().skip(1).collect();
        rows.sort_unstable();
        assert_eq!(rows, [",100", "7,", "7,100"]);
    }
}

#[test]
fn a_zone_name_in_a_time_stamp_is_read_like_an_offset() {
    let by_form = |stamp: &str| {
        presence(&with_csv(&[("a.csv", &format!("user_id,cell_id,timestamp\nu1,100,{stamp}\n"))]))
    };
    let expected = by_form("2024-10-01 08:00:00");
    assert_eq!(by_form("2024-10-01 08:00:00.000 Europe/Tallinn"), expected);
    assert_eq!(by_form("2024-10-01T08:00:00+03:00"), expected);
    assert_eq!(by_form("2024-10-01T08:00:00+03:00[Europe/Tallinn]"), expected);
    assert_eq!(by_form("2024-10-01T08:00:00+03:00[!Europe/Tallinn][u-ca=gregory]"), expected);
    assert_eq!(by_form("2024-10-01T08:00:00[+03:00]"), expected);
}

#[test]
fn a_uuid_is_one_user_in_every_spelling() {
    let dashed = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let bytes: Vec<u8> = dashed
        .replace('-', "")
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let binary = FixedSizeBinaryArray::try_from_iter([bytes].into_iter()).unwrap();
    let work = with_parquet(vec![
        ("user_id", array(binary)),
        ("cell_id", cells(1)),
        ("timestamp", times(1)),
    ]);
    let upper = dashed.to_uppercase();
    work.write(
        "raw/events/b.csv",
        format!(
            "user_id,cell_id,timestamp\n{dashed},100,2024-10-01 08:00:00\n\
             {upper},100,2024-10-01 09:00:00\n"
        ),
    );
    assert_eq!(users(&work), 1);
}

#[test]
fn a_column_that_occurs_twice_is_refused() {
    let row = "user_id,cell_id,timestamp,cell_id\nu1,100,2024-10-01 08:00:00,200\n";
    with_csv(&[("a.csv", row)]).fails(&["compress"], 1, &["a.csv", "2 columns", "\"cell_id\""]);
    let work = Workspace::mini();
    work.remove("raw/cells");
    work.write("raw/cells/a.csv", "cell_id,latitude,longitude,latitude\n100,59.4,24.7,58.4\n");
    work.fails(&["geojoin"], 1, &["a.csv", "2 columns", "\"latitude\""]);
}

#[test]
fn a_field_of_a_struct_is_a_column() {
    let imsi: ArrayRef = array(StringArray::from(vec![Some("u1"), Some("u2"), None]));
    let field = Arc::new(Field::new("imsi", DataType::Utf8, true));
    let other: ArrayRef = array(Int32Array::from(vec![1, 2, 3]));
    let subscriber = StructArray::from(vec![
        (Arc::new(Field::new("age", DataType::Int32, true)), other),
        (field, imsi),
    ]);
    let work = with_parquet(vec![
        ("cell_id", cells(3)),
        ("sub", array(subscriber)),
        ("timestamp", times(3)),
    ]);
    work.config("[columns]\nuser_id = \"sub.imsi\"\n");
    assert_eq!(users(&work), 2);
    work.ok(&["run-all"]);
    let raw = work.ok(&["query", "--sql", RAW, "--format", "csv"]);
    assert_eq!(raw.lines().count(), 4, "{raw}");
    assert!(raw.contains("\nu1,100\n"), "{raw}");
}

#[test]
fn decimals_and_dictionaries_of_every_type_are_read() {
    let decimal =
        Decimal128Array::from(vec![100, 100, 200]).with_data_type(DataType::Decimal128(38, 0));
    let keys = || Int32Array::from(vec![0, 1, 1]);
    let of_bytes = FixedSizeBinaryArray::try_from_iter([[1u8; 16], [2; 16]].into_iter()).unwrap();
    let stamps = TimestampMicrosecondArray::from(vec![NOON, NOON + 60_000_000]);
    let dictionary = |values: Arc<dyn Array>| {
        array(DictionaryArray::<arrow::datatypes::Int32Type>::new(keys(), values))
    };
    let work = with_parquet(vec![
        ("user_id", dictionary(Arc::new(of_bytes))),
        ("cell_id", array(decimal)),
        ("timestamp", dictionary(Arc::new(stamps))),
    ]);
    assert_eq!(users(&work), 2);
    let users_as_numbers =
        Decimal128Array::from(vec![7]).with_data_type(DataType::Decimal128(38, 0));
    let cell = dictionary(Arc::new(Int64Array::from(vec![100, 200])));
    let work = with_parquet(vec![
        ("user_id", array(users_as_numbers)),
        ("cell_id", cell.slice(0, 1)),
        ("timestamp", times(1)),
    ]);
    assert_eq!(users(&work), 1);
}

#[test]
fn files_and_row_groups_without_rows_are_empty() {
    let work = with_csv(&[("a.csv", "user_id,cell_id,timestamp\nu1,100,2024-10-01 08:00:00\n")]);
    let nothing = || -> ArrayRef { array(NullArray::new(0)) };
    let columns = vec![("user_id", nothing()), ("cell_id", nothing()), ("timestamp", nothing())];
    work.write_events("empty.parquet", columns);
    assert_eq!(users(&work), 1);
    write_parquet(
        &work.path("raw/cells/empty.parquet"),
        vec![("cell_id", nothing()), ("latitude", nothing()), ("longitude", nothing())],
        10,
    );
    work.ok(&["run-all"]);
    work.ok(&["check"]);
}

/// The first day on which cell 100 is valid, from a cell plan with this start.
fn first_day(column: ArrayRef) -> String {
    let work = Workspace::mini();
    work.config("[time]\nzone = \"Europe/Tallinn\"\n");
    work.remove("raw/cells");
    let degrees = |value| -> ArrayRef { array(arrow::array::Float64Array::from(vec![value])) };
    fs::create_dir_all(work.path("raw/cells")).unwrap();
    write_parquet(
        &work.path("raw/cells/a.parquet"),
        vec![
            ("cell_id", array(StringArray::from(vec!["100"]))),
            ("latitude", degrees(59.4)),
            ("longitude", degrees(24.7)),
            ("valid_date_start", column),
        ],
        10,
    );
    work.ok(&["geojoin"]);
    crate::harness::columns_as_csv(
        &work.path("processed/cells_with_lau.parquet"),
        &["valid_date_start"],
    )
}

#[test]
fn validity_given_as_instants_means_local_days() {
    let midnight = NOON - 15 * 3_600_000_000; // in Tallinn
    let utc = TimestampMicrosecondArray::from(vec![midnight]).with_timezone("UTC");
    let expected = "valid_date_start\n2024-10-01\n";
    assert_eq!(first_day(array(utc)), expected);
    for text in ["2024-09-30T21:00:00Z", "2024-10-01 00:00:00+03:00", "2024-10-01"] {
        assert_eq!(first_day(array(StringArray::from(vec![text]))), expected, "{text}");
    }
    for open in ["", "-infinity", "\\N", "0000-00-00"] {
        let found = first_day(array(StringArray::from(vec![open])));
        assert_eq!(found.trim_end_matches(['\n', '"']), "valid_date_start", "{open}");
    }
}

#[test]
fn folders_of_table_formats_are_refused() {
    for (log, format) in [
        ("_delta_log/00000000000000000000.json", "Delta"),
        (".hoodie/hoodie.properties", "Hudi"),
        ("metadata/v1.metadata.json", "Iceberg"),
        ("_spark_metadata/0", "Spark Structured Streaming"),
        ("year=2024/month=10/day=1/.hoodie_partition_metadata", "Hudi"),
        ("snapshot/snapshot-1", "Paimon"),
    ] {
        let work = Workspace::mini();
        work.write(&format!("raw/events/{log}"), "{}");
        work.fails(&["compress"], 1, &["data.events", "raw/events", format, "export"]);
        // a part of the table is no better
        let text = work.read("pipeline.toml");
        work.write(
            "pipeline.toml",
            text.replace("\"raw/events\"", "\"raw/events/year=2024/**/*.parquet\""),
        );
        work.fails(&["compress"], 1, &["data.events", format]);
    }
}

#[test]
fn files_that_are_not_read_are_named() {
    let header = "user_id,cell_id,timestamp\n";
    let day = |user: &str| format!("{header}{user},100,2024-10-01 08:00:00\n");
    let tabs = day("u2").replace(',', "\t");
    let work = with_csv(&[("day1.csv", &day("u1")), ("day2.tsv", &tabs)]);
    for name in ["_SUCCESS", ".day1.csv.crc", "day1.csv.crc", "README.md", "README"] {
        work.write(&format!("raw/events/{name}"), "x");
    }
    assert_eq!(users(&work), 2);
    let ran = work.run(&["check"]);
    assert!(!ran.stdout.contains("not read"), "{}", ran.stdout);
    for name in ["day3.csv.bz2", "day3.csv.xz", "day3.txt"] {
        work.write(&format!("raw/events/{name}"), "x");
        for args in [&["check"][..], &["compress"]] {
            let ran = work.run(args);
            let printed = format!("{}{}", ran.stdout, ran.stderr);
            assert!(printed.contains(name) && printed.contains("not read"), "{args:?}: {printed}");
        }
        work.remove(&format!("raw/events/{name}"));
    }
    // a glob over the folder reads the same
    let text = work.read("pipeline.toml");
    work.write("pipeline.toml", text.replace("\"raw/events\"", "\"raw/events/day*\""));
    assert_eq!(users(&work), 2);
    let named = text.replace("\"raw/events\"", "[\"raw/events/day1.csv\", \"raw/named.txt\"]");
    work.write("raw/named.txt", day("u3"));
    work.write("pipeline.toml", named);
    assert_eq!(users(&work), 2);
}

#[test]
fn a_file_that_is_reached_twice_is_counted_once() {
    let work = Workspace::mini();
    let expected = presence(&work);
    let events = work.path("raw/events");
    symlink(&events, events.join("cycle")).unwrap();
    symlink(events.join("year=2024"), events.join("again")).unwrap();
    symlink(events.join("year=2024/month=10/day=1/part-0.parquet"), events.join("link.parquet"))
        .unwrap();
    assert_eq!(presence(&work), expected);
    let text = work.read("pipeline.toml");
    let globs = "[\"raw/events\", \"raw/events/*\", \"raw/../raw/events/**/*.parquet\"]";
    work.write("pipeline.toml", text.replace("\"raw/events\"", globs));
    assert_eq!(presence(&work), expected);
}

#[test]
fn a_byte_order_mark_in_the_config_file_is_skipped() {
    let work = Workspace::mini();
    let text = work.read("pipeline.toml");
    work.write("pipeline.toml", format!("\u{feff}{text}"));
    work.ok(&["compress"]);
}

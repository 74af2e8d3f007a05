//! Events in every column type and with every error, on days on which the clocks change.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Decimal128Array, FixedSizeBinaryArray, Float64Array, Int64Array,
    StringArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    UInt64Array,
};
use arrow::datatypes::{DataType, Int32Type};

use super::{Cluster, compare_outputs, ok};
use crate::checks::{SECOND, along_a_line, codes};
use crate::harness::{Workspace, array, write_parquet};

type User = Option<Vec<u8>>;

/// User, cell, µs in UTC.
type Row = (User, Option<&'static str>, Option<i64>);

/// A time with the name of its zone, as Trino writes it.
const NAMED: &str = "%Y-%m-%d %H:%M:%S%.3f Europe/Tallinn";

const SETTINGS: &str = "[time]\nzone = \"Europe/Tallinn\"\n\
    [checks]\nquarantine = true\nuser_id_bytes = 16\nfolder_tolerance_days = 30\n\
    most_events_a_day = 25\n";

const ALL: [&str; 21] = [
    "user_missing",
    "user_id_too_long",
    "user_id_with_nul",
    "user_malformed",
    "time_missing",
    "time_unreadable",
    "timestamp_out_of_range",
    "time_future",
    "outside_folder",
    "cell_missing",
    "cell_id_too_long",
    "cell_id_with_nul",
    "duplicate",
    "unknown_cell",
    "cell_not_valid",
    "bad_coordinates",
    "two_places",
    "too_fast_both",
    "too_fast_once",
    "ping_pong",
    "busy_user",
];

/// One byte longer than the longest usable id.
const LONG_CELL: &str = {
    const BYTES: [u8; 1_025] = [b'c'; 1_025];
    match std::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => panic!("not ASCII"),
    }
};

fn us(text: &str) -> i64 {
    text.parse::<chrono::NaiveDateTime>().unwrap().and_utc().timestamp_micros()
}

/// A linear congruential generator.
struct Generator(u64);

impl Generator {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

fn user(number: u64) -> User {
    Some(vec![number as u8; 16])
}

/// Events of `users` users in the three hours from `start` on, in random order, many of them at the
/// same instants and cells. Every third user stays near one place.
fn crowded_events(numbers: &mut Generator, users: u64, start: i64) -> Vec<Row> {
    const CELLS: [&str; 10] = ["a", "b", "a2", "c", "d", "7", "old", "bad", "nowhere", "a"];
    let mut rows = Vec::new();
    for number in 0..users {
        let (cells, instants) = if number % 3 == 0 { (3, 40) } else { (10, 360) };
        for _ in 0..10 + numbers.below(10) {
            let at = start + 30 * SECOND * (160 + numbers.below(instants)) as i64;
            let cell = CELLS[numbers.below(cells) as usize];
            rows.push((user(number), Some(cell), Some(at)));
        }
    }
    // shuffle
    for i in (1..rows.len()).rev() {
        rows.swap(i, numbers.below(i as u64 + 1) as usize);
    }
    rows
}

fn file(work: &Workspace, name: &str, columns: [ArrayRef; 3], row_group: usize) {
    let [user, cell, time] = columns;
    let path = work.path("raw/events").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let columns = vec![("timestamp", time), ("user_id", user), ("cell_id", cell)];
    write_parquet(&path, columns, row_group);
}

fn binary(rows: &[Row]) -> ArrayRef {
    array(BinaryArray::from_iter(rows.iter().map(|r| r.0.as_deref())))
}

fn text(rows: &[Row], form: impl Fn(usize, &str) -> String) -> ArrayRef {
    let hex = |user: &[u8]| user.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let users = rows.iter().enumerate();
    let users = users.map(|(i, r)| r.0.as_deref().map(|user| form(i, &hex(user))));
    array(StringArray::from_iter(users))
}

fn cells(rows: &[Row]) -> ArrayRef {
    array(StringArray::from_iter(rows.iter().map(|r| r.1)))
}

fn micros(rows: &[Row]) -> ArrayRef {
    array(TimestampMicrosecondArray::from_iter(rows.iter().map(|r| r.2)))
}

/// Events of both days on which the clocks change, in files with different column types.
fn inputs_with_every_type_and_error() -> Workspace {
    let work = along_a_line();
    write_parquet(
        &work.path("raw/cells/seven.parquet"),
        vec![
            ("cell_id", array(StringArray::from(vec!["7"]))),
            ("latitude", array(Float64Array::from(vec![58.9]))),
            ("longitude", array(Float64Array::from(vec![25.0]))),
        ],
        10,
    );
    let mut numbers = Generator(7);
    let autumn = us("2024-10-26T22:20:00");
    let rows = crowded_events(&mut numbers, 200, autumn);
    let (one, rest) = rows.split_at(rows.len() / 3);
    let (two, three) = rest.split_at(rest.len() / 2);
    let mut one = one.to_vec();
    let ahead = chrono::Utc::now().timestamp_micros() + 48 * 3_600 * SECOND;
    one.extend([
        (None, Some("a"), Some(autumn)),
        (Some(Vec::new()), Some("a"), None),
        (Some(b"abc".to_vec()), Some("a"), Some(autumn)),
        (user(1), Some("a"), None),
        (user(1), Some("a"), Some(i64::MAX / 2)),
        (user(1), Some("a"), Some(us("1800-01-01T00:00:00"))),
        (user(1), Some("a"), Some(ahead)),
        (user(1), None, Some(autumn)),
        (user(1), Some(""), Some(autumn)),
        (user(1), Some("NA"), Some(autumn)),
        (Some(vec![1; 513]), Some("a"), Some(autumn)),
        (user(1), Some(LONG_CELL), Some(autumn)),
        (user(1), Some("a\0"), Some(autumn)),
        (user(1), Some("\0"), Some(autumn)),
        (user(1), Some("a"), Some(us("2025-03-30T00:30:00"))),
    ]);
    one.extend((0..40).map(|i| (user(250), Some("a"), Some(autumn + i * SECOND))));
    let day = "year=2024/month=10/day=27";
    file(&work, &format!("{day}/one.parquet"), [binary(&one), cells(&one), micros(&one)], 100);
    let forms = |i: usize, hex: &str| match i % 6 {
        4 => format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        ),
        5 if i < 60 => "NULL".to_owned(),
        5 if i < 90 => format!("{hex}\0"),
        5 if i < 100 => "\0".to_owned(),
        0 => hex.to_owned(),
        1 => format!("0x{}", hex.to_uppercase()),
        2 => format!("\\x{hex}"),
        _ => hex.to_uppercase(),
    };
    let nanos = two.iter().map(|r| r.2.map(|us| us * 1_000 + 999));
    let nanos = array(TimestampNanosecondArray::from_iter(nanos).with_timezone("UTC"));
    file(
        &work,
        &format!("{day}/two [x]{{y}},é.parquet"),
        [text(two, forms), cells(two), nanos],
        1000,
    );
    let fixed = three.iter().map(|r| r.0.as_deref());
    let fixed = FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed, 16).unwrap();
    let names: arrow::array::DictionaryArray<Int32Type> = three.iter().map(|r| r.1).collect();
    let millis = three.iter().map(|r| r.2.map(|us| us / 1_000));
    let millis = array(TimestampMillisecondArray::from_iter(millis));
    file(&work, "three.parquet", [array(fixed), Arc::new(names), millis], 500);

    let spring = us("2025-03-29T22:20:00");
    let mut rows = crowded_events(&mut numbers, 60, spring);
    rows.push((user(1), Some("a"), None));
    let (four, five) = rows.split_at(rows.len() / 2);
    let written = |(i, row): (usize, &Row)| {
        let time = chrono::DateTime::from_timestamp_micros(row.2?).unwrap();
        let offset = chrono::FixedOffset::east_opt(5_400).unwrap();
        Some(match i % 10 {
            5 => time.with_timezone(&chrono_tz::Europe::Tallinn).format(NAMED).to_string(),
            6 => {
                time.with_timezone(&offset).format("%Y-%m-%dT%H:%M:%S%:z[Asia/Kolkata]").to_string()
            }
            7 => " \\N".to_owned(),
            8 => time.format("%Y-%m-%d %H:%M:%S Europe/Nowhere").to_string(),
            0 => time.format("%Y-%m-%d %H:%M:%S").to_string(),
            1 => time.format(" %Y-%m-%dT%H:%M:%S.250Z").to_string(),
            2 => time.with_timezone(&offset).format("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string(),
            3 => time.with_timezone(&offset).format("%Y-%m-%d %H:%M:%S %z").to_string(),
            4 => time.format("%d.%m.%Y %H:%M").to_string(),
            9 => time.format("%Y-%m-%d %H:%M").to_string(),
            _ => String::new(),
        })
    };
    let times = array(StringArray::from_iter(four.iter().enumerate().map(written)));
    file(&work, "year=2025/month=3/day=30/four.parquet", [binary(four), cells(four), times], 1000);
    let ids = five.iter().map(|r| r.1.map(|cell| if cell == "a" { 7 } else { 1 << 53 | 1 }));
    let ids = array(Int64Array::from_iter(ids));
    file(&work, "date=2025-03-30/five.parquet", [binary(five), ids, micros(five)], 50);
    let lost = [(user(1), Some("a"), None), (user(2), Some("a"), None)];
    file(&work, "six.parquet", [binary(&lost), cells(&lost), micros(&lost)], 10);
    work.config(SETTINGS);
    work
}

#[test]
#[ignore = "needs Spark: run make test"]
fn spark_and_native_engine_agree_on_every_input_type_and_error() {
    let native = inputs_with_every_type_and_error();
    native.fix_users_key();
    let spark = Workspace::copy_of(&native);
    native.ok(&["compress"]);
    let found: BTreeSet<String> = ["2024-10-26", "2024-10-27", "2025-03-30"]
        .iter()
        .filter(|date| native.path(&format!("processed/days/{date}.json")).exists())
        .flat_map(|date| codes(&native, date).split(' ').map(str::to_owned).collect::<Vec<_>>())
        .map(|count| count.split('=').next().unwrap().to_owned())
        .collect();
    for code in ALL {
        assert!(found.contains(code), "the data lack {code}: {found:?}");
    }
    let hours = crate::checks::record(&native, "2024-10-27")["hours"].to_string();
    assert!(hours.contains("03:00:00.000001"), "the data lack the repeated hour: {hours}");
    let cluster = Cluster::acquire();
    spark.config(&cluster.settings(SETTINGS));
    let printed = ok(&spark, &["compress", "--engine", "spark"]);
    assert!(printed.contains("rejected: the same user, time and cell as another row"), "{printed}");
    compare_outputs::same(&native, &spark);
    // neither engine has anything left to do
    for engine in ["native", "spark"] {
        let printed = ok(&spark, &["compress", "--engine", engine]);
        assert!(printed.contains("unchanged, skipped"), "{printed}");
    }
    assert!(!glob::glob(&spark.path("processed/.spark*").to_string_lossy()).unwrap().any(|_| true));
}

#[test]
#[ignore = "needs Spark: run make test"]
fn spark_and_native_engine_read_the_same_configured_forms_of_time_stamps() {
    let cluster = Cluster::acquire();
    for (format, times) in [
        (
            "%d.%m.%Y %H:%M:%S",
            vec![
                "07.05.2024 12:42:28",
                "7.5.2024 2:42:28",
                "2024-05-07 12:42:28",
                "31.02.2024 00:00:00",
                "07.05.24 12:42:28",
                "07.05.2024 24:00:00",
                "07.05.2024 12:42:60",
                "NULL",
                "",
                "007.05.2024 12:42:28",
                " 07.05.2024 12:42:29 ",
                "07.13.2024 12:42:28",
            ],
        ),
        (
            "%m/%d/%y, %I:%M:%S%.f %p %z",
            vec![
                "05/07/24, 12:42:28 PM +0300",
                "05/07/69, 01:42:28.25 am Z",
                "05/07/24, 12:00:00 AM -09:30",
                "05/07/24, 13:00:00 PM +03",
                "05/07/24, 0:00:00 AM +03",
                "05/07/24, 12:42:28. PM +0300",
                "05/07/24, 11:59:59.9999999 pm +03",
                "05/07/24, 12:42:28 PM",
            ],
        ),
        (
            "%Y%b%d%H%M",
            vec![
                "2024May071242",
                "2024mAY070000",
                "2024Maj071242",
                "2024December312359",
                "2024May71242",
            ],
        ),
    ] {
        let native = along_a_line();
        let users = (0..times.len()).map(|n| vec![n as u8; 16]);
        let users: ArrayRef = array(BinaryArray::from_iter_values(users));
        let cells: ArrayRef = array(StringArray::from(vec!["a"; times.len()]));
        let count = times.len();
        file(&native, "a.parquet", [users, cells, array(StringArray::from(times))], count);
        let settings = format!(
            "[columns]\ntimestamp_format = \"{format}\"\n[time]\nzone = \"Europe/Tallinn\"\n\
             [checks]\nquarantine = true\n"
        );
        native.config(&settings);
        native.fix_users_key();
        let spark = Workspace::copy_of(&native);
        let printed = native.run(&["compress"]);
        assert!(printed.stderr.contains("columns.timestamp_format"), "{}", printed.stderr);
        spark.config(&cluster.settings(&settings));
        ok(&spark, &["compress", "--engine", "spark"]);
        compare_outputs::same(&native, &spark);
    }
}

#[test]
#[ignore = "needs Spark: run make test"]
fn spark_and_native_engine_read_the_same_integers_tags_and_blank_ids() {
    let settings = "[columns]\ntimestamp_unit = \"ms\"\nnull_values = [\"NULL\", \"0\", \"-1\"]\n\
                    [time]\nzone = \"Europe/Tallinn\"\n[checks]\nquarantine = true\n";
    let native = along_a_line();
    let noon = us("2024-10-01T12:00:00") / 1_000;
    let wide = |values: Vec<i128>| -> ArrayRef {
        let decimals = Decimal128Array::from(values);
        array(decimals.with_data_type(DataType::Decimal128(38, 0)))
    };
    let cells = |n: usize| -> ArrayRef { array(StringArray::from(vec!["a"; n])) };
    let millis = vec![Some(noon), Some(-1), None, Some(i64::MAX), Some(noon + 1)];
    file(
        &native,
        "a.parquet",
        [array(Int64Array::from(vec![7, 0, 7, -1, 70])), cells(5), array(Int64Array::from(millis))],
        2,
    );
    let above = vec![noon as u64, u64::MAX, noon as u64 + 2];
    file(
        &native,
        "b.parquet",
        [
            array(UInt64Array::from(vec![7, u64::MAX, 8])),
            array(Int64Array::from(vec![-1, 7, 0])),
            array(UInt64Array::from(above)),
        ],
        3,
    );
    let beyond = i128::from(i64::MAX) * 10;
    file(
        &native,
        "c.parquet",
        [
            wide(vec![7, beyond, 0]),
            wide(vec![7, beyond, -1]),
            wide(vec![noon.into(), beyond, -beyond]),
        ],
        3,
    );
    let tagged = [
        "2024-10-01T15:00:00+03:00[!Europe/Tallinn]",
        "2024-10-01T15:00:01+03:00[Europe/Tallinn][u-ca=gregory]",
        "2024-10-01T15:00:02[+03:00]",
        "2024-10-01T12:00:03Z[+03:00]",
        "2024-10-01T15:00:04[!+03]",
        "2024-10-01T15:00:05+03:00[!x-own=1]",
        "2024-10-01T15:00:06+03:00[u-ca=gregory][Europe/Tallinn]",
        "2024-10-01T15:00:07 EEST",
        "2024-10-01T15:00:08+03:00[x-own=1]",
        "2024-10-01T15:00:09+03:00[]",
    ];
    let names = ["u", " ", "\tNULL ", " u ", "f", "u", "u", "u", "0", "u"];
    file(
        &native,
        "d.parquet",
        [
            array(StringArray::from(names.to_vec())),
            array(StringArray::from(vec!["a", "a", "a", " ", "a", "a", "a", "a", "a", "a"])),
            array(StringArray::from(tagged.to_vec())),
        ],
        10,
    );
    native.config(settings);
    native.fix_users_key();
    let spark = Workspace::copy_of(&native);
    native.ok(&["compress"]);
    let cluster = Cluster::acquire();
    spark.config(&cluster.settings(settings));
    ok(&spark, &["compress", "--engine", "spark"]);
    compare_outputs::same(&native, &spark);
}

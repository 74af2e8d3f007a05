//! Files whose content is not what their names say, or only in part what is used.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type, Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::harness::{
    Workspace, array, columns_as_csv, mini_csv_events, read_presence, root, write_parquet,
};

/// A workspace with these event files in place of the mini ones.
fn with_events(files: &[(&str, &[u8])]) -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/events");
    for (name, bytes) in files {
        work.write(&format!("raw/events/{name}"), bytes);
    }
    work
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(text.as_bytes()).unwrap();
    gz.finish().unwrap()
}

fn presence(work: &Workspace) -> Vec<String> {
    work.ok(&["compress"]);
    let rows = read_presence(&work.path("processed"));
    rows.iter().map(|row| format!("{row:?}")).collect()
}

#[test]
fn compression_is_told_by_the_content() {
    let text = mini_csv_events();
    let expected = presence(&Workspace::mini());
    let zstandard = zstd::encode_all(text.as_bytes(), 1).unwrap();
    for (name, bytes) in [
        ("a.csv.gz", text.clone().into_bytes()),
        ("a.csv.zst", text.clone().into_bytes()),
        ("a.csv", gzipped(&text)),
        ("a.csv", zstandard.clone()),
        ("a.tsv.gz", zstandard),
    ] {
        let work = with_events(&[(name, &bytes)]);
        assert_eq!(presence(&work), expected, "{name}");
        work.ok(&["check"]);
        work.ok(&["run-all"]);
        let raw = "SELECT COUNT(*) AS n FROM mobile_events_uncompressed";
        assert_eq!(work.ok(&["query", "--sql", raw, "--format", "csv"]), "n\n26\n", "{name}");
    }
    // a cell plan as well
    let work = Workspace::mini();
    work.remove("raw/cells");
    let plan = "cell_id,latitude,longitude\n100,59.13,9.9\n";
    work.write("raw/cells/plan.csv.gz", plan);
    work.ok(&["geojoin"]);
    work.write("raw/cells/plan.csv.gz", gzipped(plan));
    work.ok(&["geojoin"]);
}

#[test]
fn a_file_of_another_kind_is_named_with_the_remedy() {
    let parquet =
        fs::read(root().join("fixtures/mini/events/year=2024/month=10/day=1/part-0.parquet"))
            .unwrap();
    let tar = format!("{:257}ustar\0", "day.csv\0");
    let xz = b"\xfd7zXZ\x00\x00\x04\xe6\xd6";
    for (name, bytes, words) in [
        ("day.csv.bz2", b"BZh91AY&SY\x01\x00".as_slice(), ["bzip2", "bunzip2"]),
        ("day.csv.xz", xz, ["xz", "unxz"]),
        ("day.csv", b"BZh91AY&SY\x01\x00", ["bzip2", "bunzip2"]),
        ("day.csv", xz, ["xz", "unxz"]),
        ("day.csv", b"PK\x03\x04\x14\x00", ["zip file", "unzip"]),
        ("day.csv", &parquet, ["Parquet", "name it .parquet"]),
        ("day.csv", b"<!DOCTYPE html><html>", ["HTML", "download it again"]),
        ("day.csv", b"<?xml version=\"1.0\"?><Error/>", ["XML", "download it again"]),
        ("day.csv", b"version https://git-lfs.github.com/spec/v1\n", ["Git LFS", "git lfs pull"]),
        ("day.csv", b"\xff\xfeu\0s\0", ["UTF-16", "iconv"]),
        ("day.csv", b"{\"user_id\": \"u1\"}\n", ["JSON", "convert it"]),
        ("day.csv", b"7z\xbc\xaf\x27\x1c\0", ["archive", "unpack it"]),
        ("day.csv.gz", &gzipped(&tar), ["archive", "unpack it"]),
        ("day.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ["Excel", "as CSV"]),
        ("day.parquet", b"user_id,cell_id,timestamp\n", ["text", "name it .csv"]),
        ("day.parquet", &gzipped("user_id\n"), ["gzip", ".csv.gz"]),
        ("day.parquet", b"ORC\x0a\x00", ["ORC", "convert it to Parquet"]),
        ("day.parquet", b"", ["day.parquet", "it is empty"]),
    ] {
        let work = with_events(&[(name, bytes)]);
        let text = work.read("pipeline.toml");
        let named = format!("\"raw/events/{name}\"");
        work.write("pipeline.toml", text.replace("\"raw/events\"", &named));
        let ran = work.fails(&["compress"], 1, &[&[name], words.as_slice()].concat());
        assert!(!ran.stderr.contains("not a complete"), "{}", ran.stderr);
        let plan = Workspace::mini();
        plan.write(&format!("raw/{name}"), bytes);
        let text = plan.read("pipeline.toml");
        plan.write("pipeline.toml", text.replace("\"raw/cells\"", &format!("\"raw/{name}\"")));
        plan.fails(&["geojoin"], 1, &[&[name], words.as_slice()].concat());
        assert!(plan.run(&["check"]).stdout.contains(words[0]));
    }
}

#[test]
fn encrypted_parquet_is_named_as_such() {
    let fixture = |name: &str| fs::read(root().join("fixtures/formats").join(name)).unwrap();
    let column = fixture("encrypted_column.parquet");
    let whole = fixture("encrypted_footer.parquet");
    let work = with_events(&[("a.parquet", &column)]);
    for command in ["compress", "check"] {
        let ran = work.run(&[command]);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        assert!(
            ran.status == 1 && printed.contains("column \"user_id\" is encrypted"),
            "{printed}"
        );
    }
    // the other columns can be read
    work.config("[columns]\nuser_id = \"cell_id\"\n");
    let ran = work.run(&["compress"]);
    assert!(!ran.stderr.contains("encrypted"), "{}", ran.stderr);
    let work = with_events(&[("a.parquet", &whole)]);
    work.fails(&["compress"], 1, &["a.parquet", "it is an encrypted Parquet file", "key"]);
    let work = Workspace::mini();
    work.remove("raw/lau");
    work.write("raw/lau/lau.parquet", &whole);
    work.fails(&["geojoin"], 1, &["lau.parquet", "it is an encrypted Parquet file"]);
}

#[test]
fn text_in_another_encoding_matters_only_in_columns_that_are_used() {
    let latin1 = b"user_id,place,cell_id,timestamp\nu1,\xd5is,100,2024-10-01 08:00:00\n\
        u2,\"\xd5is,\nlinn\",100,2024-10-01 09:00:00\n";
    let lines = b"user_id,place,cell_id,timestamp\nu1,\xd5is,100,2024-10-01 08:00:00\n\
        u2,\"\xd5is\",100,2024-10-01 09:00:00\n";
    for text in [latin1.as_slice(), lines] {
        let work = with_events(&[("a.csv", text)]);
        assert_eq!(presence(&work).len(), 2);
        work.ok(&["run-all"]);
        let raw = "SELECT COUNT(user_id) AS n FROM mobile_events_uncompressed";
        assert_eq!(work.ok(&["query", "--sql", raw, "--format", "csv"]), "n\n2\n");
        let ids = [b"user_id,cell_id,timestamp\n\xd5,100,2024-10-01 08:00:00\n".as_slice()];
        let work = with_events(&[("a.csv", ids[0])]);
        work.fails(&["compress"], 1, &["a.csv", "row 1", "not UTF-8", "iconv"]);
    }
    let work = Workspace::mini();
    work.remove("raw/cells");
    work.write("raw/cells/a.csv", b"cell_id,name,latitude,longitude\n100,\xd5is,59.13,9.9\n");
    work.ok(&["geojoin"]);
    work.write("raw/cells/a.csv", b"cell_id,name,latitude,longitude\n\xd5is,x,59.13,9.9\n");
    work.fails(&["geojoin"], 1, &["a.csv", "row 1, column \"cell_id\"", "not UTF-8", "iconv"]);
    // bytes that are not UTF-8 in the column of times are an unreadable time, and null in the table
    let times = b"user_id,cell_id,timestamp\nu1,100,2024-10-01 08:00:00\nu1,100,\xd5\n";
    let work = with_events(&[("a.csv", times)]);
    work.ok(&["run-all"]);
    let raw = "SELECT COUNT(*) AS n, COUNT(timestamp) AS t FROM mobile_events_uncompressed";
    assert_eq!(work.ok(&["query", "--sql", raw, "--format", "csv"]), "n,t\n2,1\n");
}

#[test]
fn file_names_that_are_not_utf8_are_refused_by_folder_and_by_glob() {
    let work = Workspace::mini();
    let name = OsString::from_vec(b"day-\xd5.csv".to_vec());
    let text = "user_id,cell_id,timestamp\nu1,100,2024-10-01 08:00:00\n";
    fs::write(work.path("raw/events").join(&name), text).unwrap();
    let folder = OsString::from_vec(b"\xd5is".to_vec());
    let words = ["data.events", "day-", "not UTF-8", "rename"];
    work.fails(&["compress"], 1, &words);
    assert!(work.run(&["check"]).stdout.contains("not UTF-8"));
    let config = work.read("pipeline.toml");
    for glob in ["raw/events/*", "raw/events/**/*.csv", "raw/*/day-*.csv"] {
        work.write("pipeline.toml", config.replace("\"raw/events\"", &format!("\"{glob}\"")));
        work.fails(&["compress"], 1, &words);
    }
    // other globs do not reach it
    let other = "\"raw/events/year=*/**/*.parquet\"";
    work.write("pipeline.toml", config.replace("\"raw/events\"", other));
    work.ok(&["compress"]);
    fs::remove_file(work.path("raw/events").join(&name)).unwrap();
    fs::create_dir(work.path("raw/events").join(&folder)).unwrap();
    fs::write(work.path("raw/events").join(&folder).join("a.csv"), text).unwrap();
    for glob in ["raw/events", "raw/events/*/*.csv", "raw/events/**/*"] {
        work.write("pipeline.toml", config.replace("\"raw/events\"", &format!("\"{glob}\"")));
        work.fails(&["compress"], 1, &["data.events", "not UTF-8", "rename"]);
    }
    let other = "\"raw/events/year=*/**/*.parquet\"";
    work.write("pipeline.toml", config.replace("\"raw/events\"", other));
    work.ok(&["compress"]);
}

/// Writes row groups of events at cell 100 with the given numbers of rows.
fn write_row_groups(work: &Workspace, rows: &[i64]) {
    let schema = "message events { optional binary user_id (UTF8); optional int64 cell_id; \
                  optional int64 timestamp (TIMESTAMP(MICROS,false)); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = fs::File::create(work.path("raw/events/a.parquet")).unwrap();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    for (number, rows) in (0..).zip(rows) {
        let mut group = writer.next_row_group().unwrap();
        let present = vec![1; *rows as usize];
        let mut column = group.next_column().unwrap().unwrap();
        let users: Vec<ByteArray> =
            (0..*rows).map(|row| format!("u{number}-{row}").into_bytes().into()).collect();
        column.typed::<ByteArrayType>().write_batch(&users, Some(&present), None).unwrap();
        column.close().unwrap();
        let eight = 1_727_769_600_000_000;
        let times: Vec<i64> = (0..*rows).map(|row| eight + row).collect();
        for values in [vec![100; *rows as usize], times] {
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&values, Some(&present), None).unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn empty_row_groups_between_others_are_skipped() {
    for rows in [[2, 0, 3], [0, 4, 1], [1, 4, 0]] {
        let work = with_events(&[("note.md", b"")]);
        write_row_groups(&work, &rows);
        assert_eq!(presence(&work).len(), 5, "{rows:?}");
        work.ok(&["check"]);
        work.ok(&["run-all"]);
        let raw = "SELECT COUNT(DISTINCT user_id) AS n FROM mobile_events_uncompressed";
        assert_eq!(work.ok(&["query", "--sql", raw, "--format", "csv"]), "n\n5\n", "{rows:?}");
    }
}

#[test]
fn validity_of_cells_in_int96_means_local_days() {
    // 21:00 UTC is midnight in Tallinn
    const JULIAN_DAY_OF_1970: u32 = 2_440_588;
    let nanoseconds: u64 = 21 * 3_600 * 1_000_000_000;
    let mut evening = Int96::new();
    let day = 19_996 + JULIAN_DAY_OF_1970; // 2024-09-30
    evening.set_data(nanoseconds as u32, (nanoseconds >> 32) as u32, day);
    let work = Workspace::mini();
    work.config("[time]\nzone = \"Europe/Tallinn\"\n");
    work.remove("raw/cells");
    fs::create_dir(work.path("raw/cells")).unwrap();
    let schema = "message cells { required binary cell_id (UTF8); required double latitude; \
                  required double longitude; optional int96 valid_date_start; \
                  optional int96 valid_date_end; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = fs::File::create(work.path("raw/cells/a.parquet")).unwrap();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let ids = ["100", "200"].map(|id| ByteArray::from(id.as_bytes().to_vec()));
    column.typed::<ByteArrayType>().write_batch(&ids, None, None).unwrap();
    column.close().unwrap();
    for degrees in [[59.13, 59.14], [9.9, 9.91]] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&degrees, None, None).unwrap();
        column.close().unwrap();
    }
    for present in [[1, 0], [0, 1]] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int96Type>().write_batch(&[evening], Some(&present), None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    work.ok(&["geojoin"]);
    assert_eq!(
        columns_as_csv(
            &work.path("processed/cells_with_lau.parquet"),
            &["cell_id", "valid_date_start", "valid_date_end"]
        ),
        "cell_id,valid_date_start,valid_date_end\n100,2024-10-01,\n200,,2024-10-01\n"
    );
}

#[test]
fn columns_of_a_cell_plan_that_are_not_used_may_hold_anything() {
    let work = Workspace::mini();
    work.remove("raw/cells");
    fs::create_dir(work.path("raw/cells")).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("photo", array(BinaryArray::from_vec(vec![b"\xff"]))),
        ("cell_id", array(StringArray::from(vec!["100"]))),
        ("latitude", array(Float64Array::from(vec![59.13]))),
        ("count", array(Int64Array::from(vec![1]))),
        ("longitude", array(Float64Array::from(vec![9.9]))),
        ("seen", array(TimestampMicrosecondArray::from(vec![1]))),
    ];
    write_parquet(&work.path("raw/cells/a.parquet"), columns, 10);
    work.ok(&["geojoin"]);
    let cells = columns_as_csv(&work.path("processed/cells_with_lau.parquet"), &["cell_id"]);
    assert_eq!(cells, "cell_id\n100\n");
    work.config("[columns]\nlatitude = \"lat\"\n");
    work.fails(&["geojoin"], 1, &["no column \"lat\" among photo, cell_id, latitude, count"]);
}

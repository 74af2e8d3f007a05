//! Events in CSV files.

mod csv_equals_parquet;
mod invalid_csv;

use std::io::Write;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};

pub use crate::harness::mini_csv_events as mini_csv;
use crate::harness::{Workspace, mini_events};

/// A workspace with the mini inputs and these files as events.
pub fn with(files: &[(&str, Vec<u8>)]) -> Workspace {
    let work = Workspace::mini();
    work.remove("raw/events");
    for (name, bytes) in files {
        work.write(&format!("raw/events/{name}"), bytes);
    }
    work
}

pub fn gzipped(text: &str) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(text.as_bytes()).unwrap();
    to.finish().unwrap()
}

pub fn zstandard(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

/// The mini events with time stamps as numbers.
pub fn mini_numbers(per_second: i64, shift_s: i64) -> String {
    let mut text = "user_id,cell_id,timestamp\n".to_owned();
    for (user, cell, us) in mini_events() {
        let user: String = user.iter().map(|b| format!("{b:02x}")).collect();
        let time = (us / 1_000_000 + shift_s) * per_second;
        text.push_str(&format!("{user},{cell},{time}\n"));
    }
    text
}

/// Rows of a Parquet file of synthetic events as CSV lines.
pub fn lines_of(path: &std::path::Path) -> Vec<String> {
    let file = std::fs::File::open(path).unwrap();
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut lines = Vec::new();
    for batch in reader.build().unwrap().map(Result::unwrap) {
        let column = |name| batch.column_by_name(name).unwrap();
        let users = column("user_id");
        let cells = column("cell_id").as_primitive::<Int64Type>();
        let times = column("timestamp").as_primitive::<TimestampMicrosecondType>();
        for i in 0..batch.num_rows() {
            let user: String = match users.as_binary_opt::<i32>() {
                Some(users) => users.value(i),
                None => users.as_fixed_size_binary().value(i),
            }
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
            let time = times.value_as_datetime(i).unwrap();
            lines.push(format!("{user},{},{}", cells.value(i), time.format("%F %T%.6f")));
        }
        assert_eq!(users.null_count(), 0);
    }
    lines
}

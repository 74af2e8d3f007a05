//! Input and output files: read, written and copied.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchReader};
use arrow::compute::concat_batches;
use arrow::ipc::reader::FileReader;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

use super::root;

/// All rows of a Parquet or Arrow file.
pub fn read_table(path: &Path) -> RecordBatch {
    let file = fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (schema, batches): (_, Vec<RecordBatch>) =
        if path.extension().is_some_and(|extension| extension == "arrow") {
            let reader = FileReader::try_new(file, None).unwrap();
            (reader.schema(), reader.map(Result::unwrap).collect())
        } else {
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
            (reader.schema(), reader.map(Result::unwrap).collect())
        };
    concat_batches(&schema, &batches).unwrap()
}

/// Some columns of a Parquet or Arrow file as CSV with a header.
pub fn columns_as_csv(path: &Path, columns: &[&str]) -> String {
    let table = read_table(path);
    let indices: Vec<usize> = columns.iter().map(|c| table.schema().index_of(c).unwrap()).collect();
    let mut csv = Vec::new();
    let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(&mut csv);
    writer.write(&table.project(&indices).unwrap()).unwrap();
    drop(writer);
    String::from_utf8(csv).unwrap()
}

/// Writes a Parquet file with at most `row_group` rows in each row group.
pub fn write_parquet(path: &Path, columns: Vec<(&str, ArrayRef)>, row_group: usize) {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
            .unwrap();
    let properties =
        WriterProperties::builder().set_max_row_group_row_count(Some(row_group)).build();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// The mini events as (user, cell, microseconds).
pub fn mini_events() -> Vec<(Vec<u8>, i64, i64)> {
    let text = fs::read_to_string(root().join("fixtures/mini/events.csv")).unwrap();
    let event = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let user = (0..fields[0].len()).step_by(2);
        let user = user.map(|i| u8::from_str_radix(&fields[0][i..i + 2], 16).unwrap()).collect();
        let time = chrono::NaiveDateTime::parse_from_str(fields[2], "%Y-%m-%d %H:%M:%S").unwrap();
        (user, fields[1].parse().unwrap(), time.and_utc().timestamp_micros())
    };
    text.lines().skip(1).map(event).collect()
}

/// The mini events as CSV with a header, from `fixtures/mini`.
pub fn mini_csv_events() -> String {
    fs::read_to_string(root().join("fixtures/mini/events.csv")).unwrap()
}

/// The mini events as CSV in the order of user, time stamp and cell as text, as queries print them.
pub fn mini_events_by_user() -> String {
    let text = fs::read_to_string(root().join("fixtures/mini/events.csv")).unwrap();
    let (header, events) = text.split_once('\n').unwrap();
    let mut events: Vec<Vec<&str>> = events.lines().map(|line| line.split(',').collect()).collect();
    events.sort_by_key(|event| (event[0], event[2], event[1]));
    let lines = events.iter().map(|event| event.join(",") + "\n");
    format!("{header}\n{}", lines.collect::<String>())
}

/// Boxes an array as a column.
pub fn array<T: arrow::array::Array + 'static>(array: T) -> ArrayRef {
    Arc::new(array)
}

/// Copies the files of a folder and of all folders below it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

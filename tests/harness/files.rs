//! Input and output files: read, written and copied.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::root;

/// All rows of a Parquet or Arrow file, shown with their types.
pub fn rows_as_text(path: &Path) -> String {
    let file = fs::File::open(path).unwrap();
    let batches: Vec<RecordBatch> = if path.extension().is_some_and(|e| e == "arrow") {
        let reader = arrow::ipc::reader::FileReader::try_new(file, None).unwrap();
        reader.map(Result::unwrap).collect()
    } else {
        let builder =
            parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        builder.build().unwrap().map(Result::unwrap).collect()
    };
    let all = batches.first().map(|b| arrow::compute::concat_batches(b.schema_ref(), &batches));
    format!("{:?}", all.map(Result::unwrap))
}

/// Writes one Parquet file.
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

pub fn array<T: arrow::array::Array + 'static>(array: T) -> ArrayRef {
    Arc::new(array)
}

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

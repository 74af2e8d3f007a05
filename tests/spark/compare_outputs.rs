//! Compares the outputs of two engines.

use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::harness::{Workspace, read_table};

/// Asserts that all outputs of `compress` are the same: hourly presence and visits in order, day records
/// and users, the manifest, and rejected rows.
pub fn same(native: &Workspace, spark: &Workspace) {
    let (expected, found) = (presence(native), presence(spark));
    assert!(!expected.is_empty());
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
    assert_eq!(visits(spark), visits(native));
    let names = |work: &Workspace| -> Vec<PathBuf> {
        let files = glob::glob(&work.path("processed/days/*").to_string_lossy()).unwrap();
        files.map(|f| f.unwrap().strip_prefix(work.path("")).unwrap().to_owned()).collect()
    };
    assert_eq!(names(native), names(spark));
    for name in names(native) {
        let name = name.to_string_lossy();
        if name.ends_with(".json") {
            let record = |work: &Workspace| {
                let mut record: Value = serde_json::from_str(&work.read(&name)).unwrap();
                // the Parquet writers make files of different sizes
                record.as_object_mut().map(|record| record.remove("bytes_out"));
                record
            };
            assert_eq!(record(spark), record(native), "{name}");
        } else {
            assert_eq!(spark.read_bytes(&name), native.read_bytes(&name), "{name}");
        }
    }
    assert_eq!(manifest(spark), manifest(native));
    let quarantine = |work: &Workspace| -> Vec<RecordBatch> {
        let files = glob::glob(&work.path("processed/quarantine/*/*").to_string_lossy()).unwrap();
        files.map(|file| read_table(&file.unwrap())).collect()
    };
    assert_eq!(quarantine(spark), quarantine(native));
}

/// The manifest without the first row of each code, which depends on the order of threads, and without
/// the sizes and checksums of files and of records about them, which depend on the writer.
fn manifest(work: &Workspace) -> Value {
    let mut manifest: Value =
        serde_json::from_str(&work.read("processed/compressed_events.json")).unwrap();
    for note in manifest["notes"].as_array_mut().unwrap() {
        let text = note.as_str().unwrap();
        let text = text.split("; the first is").next().unwrap().to_owned();
        *note = Value::String(text);
    }
    for date in manifest["dates"].as_object_mut().unwrap().values_mut() {
        for files in ["files", "visits"] {
            let files = date[files].as_object_mut().unwrap();
            for file in files.values_mut().map(|file| file.as_object_mut().unwrap()) {
                assert!(file.remove("bytes").is_some() && file.remove("checksum").is_some());
            }
        }
        // the record states the size of the files as well; its other content was compared before
        let record = date["record"].as_object_mut().unwrap();
        assert!(record.remove("bytes").is_some() && record.remove("digest").is_some());
    }
    manifest
}

/// Rows of all dates as text in the order of the files, each prefixed with its folder.
pub fn presence(work: &Workspace) -> Vec<String> {
    rows_by_date(work, "compressed_events")
}

/// Visits of all dates, with the user in every row. A world without a cell plan has none.
fn visits(work: &Workspace) -> Vec<String> {
    let mut user = String::new();
    let named = rows_by_date(work, "visits").into_iter().map(|row| {
        let (date, rest) = row.split_once(" user_id: ").unwrap();
        let (id, rest) = rest.split_once(", site").unwrap();
        // a row without a user belongs to that of the row before
        match id.split_once(" = ").unwrap().1 {
            "" => {}
            id => user = format!("{date} {id}"),
        }
        format!("{user} site{rest}")
    });
    named.collect()
}

fn rows_by_date(work: &Workspace, folder: &str) -> Vec<String> {
    let folder = work.path(&format!("processed/{folder}"));
    let pattern = folder.join("date=*/*.parquet");
    let mut rows = Vec::new();
    for file in glob::glob(&pattern.to_string_lossy()).unwrap() {
        let file = file.unwrap();
        let date = file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        for row in rows_of(&file) {
            rows.push(format!("{date} {row}"));
        }
    }
    rows
}

fn rows_of(path: &Path) -> Vec<String> {
    let file = std::fs::File::open(path).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let names: Vec<String> = builder
        .schema()
        .fields()
        .iter()
        .map(|f| format!("{}: {}", f.name(), f.data_type()))
        .collect();
    let mut rows = Vec::new();
    for batch in builder.build().unwrap() {
        let batch = batch.unwrap();
        let columns: Vec<_> =
            batch.columns().iter().map(|c| cast(c, &DataType::Utf8).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let values = columns
                .iter()
                .zip(&names)
                .map(|(column, name)| format!("{name} = {}", column.as_string::<i32>().value(row)));
            rows.push(values.collect::<Vec<_>>().join(", "));
        }
    }
    rows
}

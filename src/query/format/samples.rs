//! Rows that the tests of all formats share.

use std::io::Write;
use std::sync::{Arc, Mutex};

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch,
    RecordBatchIterator, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::{Format, Options, Rows, write};
use crate::schema::TIMESTAMP;

fn schema() -> SchemaRef {
    let field = |name: &str, t: DataType| Field::new(name, t, true);
    Arc::new(Schema::new(vec![
        field("name", DataType::Utf8),
        field("n", DataType::Int64),
        field("x", DataType::Float64),
        field("ok", DataType::Boolean),
        field("date", DataType::Date32),
        field("hour", TIMESTAMP),
        field("raw", DataType::Binary),
    ]))
}

/// Three rows of all types: plain, awkward, null.
pub fn all_types() -> Rows {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["plain", "a,\"b\"\nõ", ""])),
        Arc::new(Int64Array::from(vec![Some(9_007_199_254_740_993), Some(-1), None])),
        Arc::new(Float64Array::from(vec![Some(24.75), Some(5.0), None])),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
        Arc::new(Date32Array::from(vec![Some(19_997), Some(-1), None])),
        Arc::new(TimestampMicrosecondArray::from(vec![
            Some(1_727_769_600_000_000),
            Some(-500_000),
            None,
        ])),
        Arc::new(BinaryArray::from_opt_vec(vec![Some(&[0, 255]), None, None])),
    ];
    let batch = RecordBatch::try_new(schema(), columns).unwrap();
    Box::new(RecordBatchIterator::new([Ok(batch)], schema()))
}

/// The same columns without a row.
pub fn empty() -> Rows {
    Box::new(RecordBatchIterator::new([], schema()))
}

fn column(name: &str, values: &[String]) -> Rows {
    let schema = Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, true)]));
    let array: ArrayRef = Arc::new(StringArray::from_iter_values(values));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![array]).unwrap();
    Box::new(RecordBatchIterator::new([Ok(batch)], schema))
}

pub fn text_column(values: &[String]) -> Rows {
    column("name", values)
}

pub fn lau_rows(ids: &[&str]) -> Rows {
    column("lau_id", &ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>())
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub fn try_written(format: Format, rows: Rows, options: &Options) -> anyhow::Result<Vec<u8>> {
    let sink = Sink::default();
    write(format, rows, Box::new(sink.clone()), options)?;
    let bytes = sink.0.lock().unwrap().clone();
    Ok(bytes)
}

pub fn bytes_written(format: Format, rows: Rows, options: &Options) -> Vec<u8> {
    try_written(format, rows, options).unwrap()
}

pub fn written(format: Format, rows: Rows, options: &Options) -> String {
    String::from_utf8(bytes_written(format, rows, options)).unwrap()
}

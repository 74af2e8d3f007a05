//! Sample rows for the tests of all formats.

use std::io::Write;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int64Array, ListArray, NullArray, RecordBatch, RecordBatchIterator, StringArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::Int64Type;

use super::{Format, Options, Rows, write};

pub fn rows<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

/// A row of all plain types and a row of nulls.
pub fn every_type() -> RecordBatch {
    let list = vec![Some(vec![Some(1), None]), None];
    let decimal = Decimal128Array::from(vec![Some(12_345), None]);
    let hour = 1_727_769_600_000_000;
    rows([
        ("text", Arc::new(StringArray::from(vec![Some("Jõgeva"), None]))),
        ("int", Arc::new(Int64Array::from(vec![Some(-7), None]))),
        ("big", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
        ("float", Arc::new(Float64Array::from(vec![Some(0.1), None]))),
        ("single", Arc::new(Float32Array::from(vec![Some(0.1), None]))),
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("date", Arc::new(Date32Array::from(vec![Some(19_997), None]))),
        ("time", Arc::new(TimestampMicrosecondArray::from(vec![Some(hour), None]))),
        (
            "zoned",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(0), None]).with_timezone("UTC")),
        ),
        ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(&[0, 255]), None]))),
        ("decimal", Arc::new(decimal.with_precision_and_scale(10, 2).unwrap())),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(list))),
        ("nothing", Arc::new(NullArray::new(2))),
    ])
}

/// A point at 24.5 degrees east and 59 degrees north, and a row without a place.
pub fn points() -> RecordBatch {
    let mut wkb = vec![1, 1, 0, 0, 0];
    wkb.extend_from_slice(&24.5f64.to_le_bytes());
    wkb.extend_from_slice(&59f64.to_le_bytes());
    rows([
        ("cell_id", Arc::new(StringArray::from(vec!["1", "2"]))),
        ("geometry", Arc::new(BinaryArray::from_opt_vec(vec![Some(wkb.as_slice()), None]))),
    ])
}

pub fn reader(batches: Vec<RecordBatch>) -> Rows {
    let schema = batches[0].schema();
    Box::new(RecordBatchIterator::new(batches.into_iter().map(Ok), schema))
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

pub fn bytes(format: Format, batches: Vec<RecordBatch>, options: &Options) -> Vec<u8> {
    try_bytes(format, batches, options).unwrap()
}

fn try_bytes(format: Format, batches: Vec<RecordBatch>, options: &Options) -> Result<Vec<u8>> {
    let sink = Sink::default();
    let given: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let count = write(format, reader(batches), Box::new(sink.clone()), options)?;
    assert_eq!(count, given as u64);
    let bytes = sink.0.lock().unwrap().clone();
    Ok(bytes)
}

pub fn shown(format: Format, batches: Vec<RecordBatch>, options: &Options) -> String {
    try_shown(format, batches, options).unwrap()
}

pub fn try_shown(format: Format, batches: Vec<RecordBatch>, options: &Options) -> Result<String> {
    Ok(String::from_utf8(try_bytes(format, batches, options)?)?)
}

//! Conversion between the rows of a small table and Rust values.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::{ArrayWriter, ReaderBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Converts values to a batch. Their fields are named like the columns.
///
/// # Errors
/// A value that does not fit the columns.
pub fn to_batch<T: Serialize>(rows: &[T], schema: &SchemaRef) -> Result<RecordBatch> {
    let mut decoder =
        ReaderBuilder::new(Arc::clone(schema)).with_strict_mode(true).build_decoder()?;
    decoder.serialize(rows)?;
    Ok(decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(schema))))
}

/// Converts a batch to values.
///
/// # Errors
/// Columns that are missing or have another type.
pub fn from_batch<T: DeserializeOwned>(batch: &RecordBatch) -> Result<Vec<T>> {
    let mut writer = ArrayWriter::new(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    let text = writer.into_inner();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    Ok(serde_json::from_slice(&text)?)
}

//! Rows of a small table as values, and back.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::{ArrayWriter, ReaderBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Rows as a batch; the fields of a row are named as the columns.
///
/// # Errors
/// A row that does not fit the columns.
pub fn batch<T: Serialize>(rows: &[T], schema: &SchemaRef) -> Result<RecordBatch> {
    let mut decoder =
        ReaderBuilder::new(Arc::clone(schema)).with_strict_mode(true).build_decoder()?;
    decoder.serialize(rows)?;
    Ok(decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(Arc::clone(schema))))
}

/// The values behind a batch.
///
/// # Errors
/// Columns that are missing or of another type.
pub fn rows<T: DeserializeOwned>(batch: &RecordBatch) -> Result<Vec<T>> {
    let mut writer = ArrayWriter::new(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    let text = writer.into_inner();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    Ok(serde_json::from_slice(&text)?)
}

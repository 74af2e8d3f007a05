//! Parquet files, before they have a name.

use anyhow::Result;
use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

/// A Parquet file; with the `geo` entry of a geometry it is GeoParquet. The same rows give the same bytes.
///
/// # Errors
/// Rows that Parquet cannot hold.
pub fn parquet(rows: &RecordBatch, geo: Option<String>) -> Result<Vec<u8>> {
    let entries = geo.map(|geo| vec![KeyValue::new("geo".to_owned(), geo)]);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(entries)
        .build();
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, rows.schema(), options)?;
    writer.write(rows)?;
    writer.close()?;
    Ok(bytes)
}

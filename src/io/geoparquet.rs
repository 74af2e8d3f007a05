//! GeoParquet 1.1: Parquet with WKB geometry and a `geo` entry in the footer.

use std::path::Path;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use geo::Rect;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use proj::Proj;
use serde_json::{Value, json};

use super::atomic::AtomicFile;

/// Footer entry that says what the file was made from.
const INPUTS: &str = "mobility:inputs";
const NOTES: &str = "mobility:notes";

/// The `geo` entry for a column `geometry`. EPSG:4326 in the order longitude, latitude is
/// GeoParquet's default and needs no CRS; others are described by PROJ.
///
/// # Errors
/// An EPSG code that PROJ does not know.
pub fn metadata(epsg: u32, types: &[&str], bounds: Option<Rect>) -> Result<String> {
    let mut column = json!({ "encoding": "WKB", "geometry_types": types });
    if epsg != 4326 {
        let crs = Proj::new(&format!("EPSG:{epsg}"))
            .with_context(|| format!("PROJ does not know EPSG:{epsg}"))?
            .to_projjson(Some(false), None, None)?;
        column["crs"] = serde_json::from_str::<Value>(&crs)?;
    }
    if let Some(b) = bounds {
        column["bbox"] = json!([b.min().x, b.min().y, b.max().x, b.max().y]);
    }
    Ok(json!({
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": { "geometry": column },
    })
    .to_string())
}

/// Writes a batch whose column `geometry` holds WKB.
///
/// # Errors
/// When the file cannot be written; an earlier one then stands.
pub fn write(
    path: &Path,
    batch: &RecordBatch,
    geo: String,
    inputs: &str,
    notes: &[String],
) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let target = AtomicFile::new(path)?;
    let entries =
        [("geo", geo), (INPUTS, inputs.to_owned()), (NOTES, serde_json::to_string(notes)?)];
    let entries = entries.map(|(key, value)| KeyValue::new(key.to_owned(), value)).to_vec();
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(entries))
        .build();
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(target.create()?, batch.schema(), options)
        .with_context(context)?;
    writer.write(batch).with_context(context)?;
    writer.close().with_context(context)?;
    target.commit()
}

/// What a file was made from, with its rows and the notes of the run that made it; `None` where
/// there is no such file.
pub fn made_from(path: &Path) -> Option<(String, u64, Vec<String>)> {
    let file = std::fs::File::open(path).ok()?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).ok()?;
    let footer = metadata.metadata().file_metadata();
    let entry = |key: &str| {
        let entries = footer.key_value_metadata()?;
        entries.iter().find(|e| e.key == key)?.value.clone()
    };
    let notes = entry(NOTES).and_then(|n| serde_json::from_str(&n).ok()).unwrap_or_default();
    Some((entry(INPUTS)?, footer.num_rows().max(0) as u64, notes))
}

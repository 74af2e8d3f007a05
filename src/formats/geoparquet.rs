//! Writes GeoParquet 1.1: Parquet with WKB geometry and a `geo` entry in the footer.

use std::path::Path;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use geo::Rect;
use parquet::file::metadata::KeyValue;
use proj::Proj;
use serde_json::{Value, json};

use super::parquet::provenance;
use super::table;

/// The `geo` entry for a column `geometry`. Coordinates are in the order x, y or longitude, latitude,
/// independent of the axis order of the CRS, as GeoParquet requires.
///
/// # Errors
/// An EPSG code that PROJ does not know.
pub fn metadata(epsg: u32, types: &[&str], bounds: Option<Rect>) -> Result<String> {
    let crs = Proj::new(&format!("EPSG:{epsg}"))
        .with_context(|| format!("PROJ does not know EPSG:{epsg}"))?
        .to_projjson(Some(false), None, None)?;
    let crs: Value = serde_json::from_str(&crs)?;
    let mut column = json!({ "encoding": "WKB", "geometry_types": types, "crs": crs });
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

/// Writes a batch with a column `geometry` of WKB.
///
/// # Errors
/// A folder that is not writable; a previous file is then unchanged.
pub fn write(
    path: &Path,
    batch: &RecordBatch,
    geo: String,
    inputs: &str,
    notes: &[String],
) -> Result<()> {
    let mut entries = provenance::entries(inputs, notes)?;
    entries.push(KeyValue::new("geo".to_owned(), geo));
    table::write(path, batch, entries)
}

//! Output formats behind one call. All of them stream; none holds more than a batch of rows,
//! except the terminal table, whose rows are bounded.

mod cells;
mod csv;
mod geojson;
mod ipc;
mod json;
mod markdown;
mod parquet;
mod table;

pub use geojson::{degrees_from, geometry_json};

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use arrow::record_batch::RecordBatchReader;
use clap::ValueEnum;

/// Rows as they come from a warehouse, in the types of the contract.
pub type Rows = Box<dyn RecordBatchReader + Send>;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Format {
    /// For people at a terminal
    Table,
    /// RFC 4180 with a header line
    Csv,
    /// An array of objects
    Json,
    /// One object a line
    Ndjson,
    /// Snappy Parquet; GeoParquet where there is a geometry
    Parquet,
    /// Arrow IPC file, also known as Feather
    Arrow,
    /// A feature collection in longitude and latitude
    Geojson,
    /// A table for documents
    Markdown,
}

impl Format {
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Table => "text/plain; charset=utf-8",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Json => "application/json",
            Format::Ndjson => "application/x-ndjson",
            Format::Parquet => "application/vnd.apache.parquet",
            Format::Arrow => "application/vnd.apache.arrow.file",
            Format::Geojson => "application/geo+json",
            Format::Markdown => "text/markdown; charset=utf-8",
        }
    }

    /// The usual ending of a file name, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Table => "txt",
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Parquet => "parquet",
            Format::Arrow => "arrow",
            Format::Geojson => "geojson",
            Format::Markdown => "md",
        }
    }

    /// True for bytes that would upset a terminal.
    pub fn is_binary(self) -> bool {
        matches!(self, Format::Parquet | Format::Arrow)
    }
}

/// What formats may need beside the rows.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Columns of the terminal; `None` where nothing has to fit.
    pub width: Option<u16>,
    /// Heading of the terminal table.
    pub title: Option<String>,
    /// Most rows of the terminal table; `None` prints all.
    pub max_rows: Option<usize>,
    /// GeoParquet's `geo` metadata for rows with a geometry.
    pub geo_metadata: Option<String>,
    /// Geometry of each LAU as GeoJSON text, for rows with a `lau_id` and no geometry of their own.
    pub lau_geometries: Option<Arc<HashMap<String, String>>>,
    /// EPSG code of a `geometry` column (WKB); 4326 is written as it is.
    pub geometry_epsg: Option<u32>,
}

/// Writes all rows; returns their number.
///
/// # Errors
/// Rows that cannot be computed; output that cannot be written (the [`std::io::Error`] stays in
/// the chain, so that a closed pipe can be told); a format that the columns do not allow.
pub fn write(
    format: Format,
    rows: Rows,
    out: Box<dyn Write + Send>,
    options: &Options,
) -> Result<u64> {
    match format {
        Format::Table => table::write(rows, out, options),
        Format::Csv => csv::write(rows, out),
        Format::Json => json::write(rows, out, json::Layout::Array),
        Format::Ndjson => json::write(rows, out, json::Layout::Lines),
        Format::Parquet => parquet::write(rows, out, options),
        Format::Arrow => ipc::write(rows, out),
        Format::Geojson => geojson::write(rows, out, options),
        Format::Markdown => markdown::write(rows, out),
    }
}

#[cfg(test)]
mod samples;

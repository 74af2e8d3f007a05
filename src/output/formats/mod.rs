//! Output formats behind one narrow trait, one file each. All of them stream: none holds more than a
//! batch of rows, except Parquet, which holds a row group, and the terminal table, which holds the rows
//! that determine its column widths.

mod cells;
mod csv;
mod fit;
mod formulas;
mod geojson;
mod geometry;
mod geopackage;
mod ipc;
mod json;
mod lau_lines;
mod lau_shapes;
mod markdown;
mod normalise;
mod parquet;
mod table;
mod text;
mod vertical;
mod withheld;
mod xlsx;

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use clap::ValueEnum;
use flate2::Compression;
use flate2::write::GzEncoder;

pub use geometry::GeometryText;
pub use lau_shapes::{LauShape, LauShapes, ShapeForm};

/// Rows of a warehouse.
pub type Rows = Box<dyn RecordBatchReader + Send>;

/// Size at which text formats flush their buffer, bytes.
const FLUSH_BYTES: usize = 1 << 16;

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Format {
    /// A table for a terminal
    Table,
    /// CSV (RFC 4180) with a header line
    Csv,
    /// The same with tabs in place of commas
    Tsv,
    /// A JSON array of objects
    Json,
    /// One JSON object per line
    Ndjson,
    /// Parquet with Snappy compression; GeoParquet if there is a geometry
    Parquet,
    /// Arrow IPC file, also known as Feather
    Arrow,
    /// A GeoJSON feature collection in longitude and latitude
    Geojson,
    /// A GeoPackage with one layer, for QGIS and other GIS
    Gpkg,
    /// A workbook for Excel and LibreOffice
    Xlsx,
    /// A Markdown table
    Markdown,
}

impl Format {
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Table => "text/plain; charset=utf-8",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Tsv => "text/tab-separated-values; charset=utf-8",
            Format::Json => "application/json",
            Format::Ndjson => "application/x-ndjson",
            Format::Parquet => "application/vnd.apache.parquet",
            Format::Arrow => "application/vnd.apache.arrow.file",
            Format::Geojson => "application/geo+json",
            Format::Gpkg => "application/geopackage+sqlite3",
            Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Format::Markdown => "text/markdown; charset=utf-8",
        }
    }

    /// The name in flags and parameters.
    pub fn name(self) -> &'static str {
        match self {
            Format::Table => "table",
            Format::Markdown => "markdown",
            other => other.extension(),
        }
    }

    /// The usual file extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Table => "txt",
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Parquet => "parquet",
            Format::Arrow => "arrow",
            Format::Geojson => "geojson",
            Format::Gpkg => "gpkg",
            Format::Xlsx => "xlsx",
            Format::Markdown => "md",
        }
    }

    /// True for formats that should not be written to a terminal.
    pub fn is_binary(self) -> bool {
        matches!(self, Format::Parquet | Format::Arrow | Format::Gpkg | Format::Xlsx)
    }

    /// True for CSV and its relatives, in which spreadsheets look for formulas.
    pub fn is_csv(self) -> bool {
        matches!(self, Format::Csv | Format::Tsv)
    }

    /// True for formats that are layers of a map, whose rows need a location.
    pub fn is_map(self) -> bool {
        matches!(self, Format::Geojson | Format::Gpkg)
    }
}

/// Settings of formats.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Width of the terminal; `None` without a limit.
    pub width: Option<u16>,
    /// How to see columns of a table that do not fit, to be named after them.
    pub how_to_see_all: Option<&'static str>,
    /// In place of a table, each row with one line per column.
    pub vertical: bool,
    /// Bold headings in the terminal table.
    pub color: bool,
    /// Heading of the terminal table.
    pub title: Option<String>,
    /// Maximum number of rows in the terminal table; the others are counted.
    pub max_rows: Option<u64>,
    /// The `geo` metadata of GeoParquet for rows with a geometry.
    pub geo_metadata: Option<String>,
    /// Boundaries of LAUs, for rows with a `lau_id` and no geometry of their own, or points in them, for rows
    /// that lead from one LAU to another.
    pub lau_shapes: Option<Arc<LauShapes>>,
    /// Name of the layer in a GeoPackage, and of the sheet in a workbook.
    pub layer: Option<String>,
    /// A remark on the rows, which maps and workbooks hold as well.
    pub remark: Option<String>,
    /// When the rows were loaded: UTC, RFC 3339.
    pub loaded_at: Option<String>,
    /// EPSG code of a `geometry` column (WKB), which JSON and GeoJSON convert to longitude and
    /// latitude; `None` and 4326 are written unchanged.
    pub geometry_epsg: Option<u32>,
    /// Compress the output with gzip.
    pub gzip: bool,
    /// CSV for spreadsheets: no text is taken for a formula.
    pub spreadsheet_safe: bool,
    /// The columns whose numbers may be withheld. Tables for people have a word in their place.
    pub measures: Vec<String>,
}

/// Writes normalised rows in one format.
trait RowWriter {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Writes the end of the output.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Writes all rows; returns their number.
///
/// # Errors
/// Rows that cannot be computed; output that cannot be written (the [`io::Error`] is in the chain
/// for every format, so that a closed pipe can be detected); columns that the format does not support.
pub fn write(
    format: Format,
    rows: Rows,
    out: Box<dyn Write + Send>,
    options: &Options,
) -> Result<u64> {
    let mut out = ErrorCapture { out, error: None };
    let result = match options.gzip {
        false => copy(format, rows, &mut out, options),
        true => {
            let mut compressed = GzEncoder::new(&mut out, Compression::default());
            copy(format, rows, &mut compressed, options)
                .and_then(|count| Ok(compressed.finish().map(|_| count)?))
        }
    };
    match (result, out.error) {
        (Err(_), Some(error)) => Err(error).context("cannot write the output"),
        (result, _) => result,
    }
}

/// All rows in memory, for small results.
///
/// # Errors
/// Rows that cannot be computed; a format that the columns do not allow.
pub fn to_bytes(format: Format, rows: Rows, options: &Options) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    copy(format, rows, &mut bytes, options)?;
    Ok(bytes)
}

/// All rows as cells for people, `None` for a null; geometries are summarised, and numbers of `measures` that
/// are withheld are a word.
///
/// # Errors
/// Rows that cannot be computed.
pub fn cells(rows: Rows, measures: &[String]) -> Result<Vec<Vec<Option<String>>>> {
    let schema = normalise::schema(&rows.schema());
    let withheld = withheld::Withheld::new(&schema, measures);
    let geometry = geometry::column(&schema);
    let mut all = Vec::new();
    for batch in rows {
        let batch = normalise::batch(&batch?, &schema)?;
        let columns = cells::columns(&batch)?;
        for row in 0..batch.num_rows() {
            let cell = |(index, column): (usize, &cells::Column)| {
                let word = withheld.word(&columns, index, row).map(str::to_owned);
                let text = || column.display_text(row, geometry == Some(index));
                word.or_else(|| (!column.is_null(row)).then(text))
            };
            all.push(columns.iter().enumerate().map(cell).collect());
        }
    }
    Ok(all)
}

fn copy(
    format: Format,
    rows: Rows,
    out: &mut (dyn Write + Send),
    options: &Options,
) -> Result<u64> {
    let schema = normalise::schema(&rows.schema());
    let mut writer = writer(format, &schema, &mut *out, options)?;
    let mut count = 0;
    for batch in rows {
        let batch = normalise::batch(&batch?, &schema)?;
        writer.batch(&batch)?;
        count += batch.num_rows() as u64;
    }
    writer.finish()?;
    out.flush()?;
    Ok(count)
}

fn writer<'a>(
    format: Format,
    schema: &SchemaRef,
    out: &'a mut (dyn Write + Send),
    options: &'a Options,
) -> Result<Box<dyn RowWriter + 'a>> {
    Ok(match format {
        Format::Table if options.vertical => {
            Box::new(vertical::Vertical::new(schema, out, options))
        }
        Format::Table => Box::new(table::Table::new(schema, out, options)),
        Format::Csv => Box::new(csv::Csv::new(schema, out, b',', options.spreadsheet_safe)),
        Format::Tsv => Box::new(csv::Csv::new(schema, out, b'\t', options.spreadsheet_safe)),
        Format::Json => Box::new(json::Json::new(schema, out, options, json::Layout::Array)?),
        Format::Ndjson => Box::new(json::Json::new(schema, out, options, json::Layout::Lines)?),
        Format::Parquet => Box::new(parquet::Parquet::new(schema, out, options)?),
        Format::Arrow => Box::new(ipc::Ipc::new(schema, out)?),
        Format::Geojson => Box::new(geojson::Geojson::new(schema, out, options)?),
        Format::Gpkg => Box::new(geopackage::GeoPackage::new(schema, out, options)?),
        Format::Xlsx => Box::new(xlsx::Workbook::new(schema, out, options)?),
        Format::Markdown => Box::new(markdown::Markdown::new(schema, out, options)),
    })
}

/// Keeps the error of the output itself, because the Arrow and Parquet writers only pass on its text.
struct ErrorCapture {
    out: Box<dyn Write + Send>,
    error: Option<io::Error>,
}

impl ErrorCapture {
    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            // the caller repeats an interrupted call
            if kind != io::ErrorKind::Interrupted {
                self.error.get_or_insert(error);
            }
            kind.into()
        })
    }
}

impl Write for ErrorCapture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.out.write(bytes);
        self.note(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.out.flush();
        self.note(result)
    }
}

#[cfg(test)]
mod samples;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::formats::samples::{every_type, reader};

    struct ClosedPipe;

    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::BrokenPipe, "the reader left"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_detected_for_every_format() {
        for format in Format::value_variants() {
            let rows = match format {
                Format::Geojson | Format::Gpkg => reader(vec![samples::points()]),
                _ => reader(vec![every_type()]),
            };
            let error =
                write(*format, rows, Box::new(ClosedPipe), &Options::default()).unwrap_err();
            let kinds: Vec<_> =
                error.chain().filter_map(|e| e.downcast_ref::<io::Error>()).collect();
            assert_eq!(kinds[0].kind(), io::ErrorKind::BrokenPipe, "{format:?}");
            assert_eq!(kinds[0].to_string(), "the reader left", "{format:?}");
        }
    }

    #[test]
    fn every_format_has_its_own_extension() {
        let mut endings: Vec<_> = Format::value_variants().iter().map(|f| f.extension()).collect();
        endings.sort_unstable();
        endings.dedup();
        assert_eq!(endings.len(), Format::value_variants().len());
    }
}

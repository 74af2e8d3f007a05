//! Footers of Parquet files of others.

use std::fs::File;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

use super::damage::caught;

/// Reads the footer.
///
/// # Errors
/// A file that is no whole Parquet file.
pub fn read(file: &File) -> Result<ArrowReaderMetadata> {
    let metadata = caught(|| ArrowReaderMetadata::load(file, ArrowReaderOptions::new()))?;
    if metadata.metadata().row_groups().iter().flat_map(|group| group.columns()).any(nowhere) {
        return Err(ParquetError::General("its table of columns is damaged".to_owned()));
    }
    Ok(metadata)
}

/// True of a column whose place in the file is no place at all, which the library asserts later.
fn nowhere(column: &ColumnChunkMetaData) -> bool {
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    start < 0 || column.compressed_size() < 0
}

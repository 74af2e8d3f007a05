//! Footers of Parquet files of others.

use anyhow::anyhow;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;

use super::damage::caught;

/// The error in words; what a store said stays as it is.
pub fn explain(error: &ParquetError) -> anyhow::Error {
    match error {
        ParquetError::External(source) => anyhow!("{source}"),
        error => anyhow!(
            "not a whole Parquet file ({error}); copy it again, or take it out of the folder"
        ),
    }
}

/// Reads the footer.
///
/// # Errors
/// A file that is no whole Parquet file.
pub fn read(file: &impl ChunkReader) -> Result<ArrowReaderMetadata> {
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

//! Footers of Parquet files: reading untrusted ones, and rewriting those of files of other engines.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, anyhow};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, KeyValue, ParquetMetaDataBuilder, ParquetMetaDataReader,
    ParquetMetaDataWriter, SortingColumn,
};
use parquet::file::reader::ChunkReader;

use super::panic::catch_parquet_panic;
use crate::formats::content::{self, ENCRYPTED};

/// The error of reading the footer of `file` with its remedy. Errors of object stores have one already.
pub fn explain(file: &impl ChunkReader, error: &ParquetError) -> anyhow::Error {
    if let ParquetError::External(source) = error {
        return anyhow!("{source}");
    }
    if error.to_string().contains("encrypted footer") {
        return anyhow!(ENCRYPTED);
    }
    let start = file.get_read(0).map(content::start_of).unwrap_or_default();
    content::not_parquet(&start).err().unwrap_or_else(|| {
        anyhow!(
            "not a complete Parquet file ({error}); copy it again, or take it out of the folder"
        )
    })
}

/// Reads the footer.
///
/// # Errors
/// A file that is not a complete Parquet file.
pub fn read(file: &impl ChunkReader) -> Result<ArrowReaderMetadata> {
    let metadata =
        catch_parquet_panic(|| ArrowReaderMetadata::load(file, ArrowReaderOptions::new()))?;
    let mut columns = metadata.metadata().row_groups().iter().flat_map(|group| group.columns());
    if columns.any(has_invalid_position) {
        return Err(ParquetError::General("its table of columns is damaged".to_owned()));
    }
    Ok(metadata)
}

/// True for a negative position or length, on which the library panics later.
fn has_invalid_position(column: &ColumnChunkMetaData) -> bool {
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    start < 0 || column.compressed_size() < 0
}

/// Rewrites a footer with these entries and no others, and declares the order of the rows. The data
/// stay as they are. Returns the number of rows.
///
/// # Errors
/// A file that is not a complete Parquet file, or is not writable.
pub fn rewrite(
    path: &Path,
    entries: Vec<KeyValue>,
    order: &[SortingColumn],
) -> anyhow::Result<u64> {
    let context = || format!("cannot rewrite the footer of {}", path.display());
    let mut file = File::options().read(true).write(true).open(path).with_context(context)?;
    let mut reader = ParquetMetaDataReader::new();
    reader.try_parse(&file).with_context(context)?;
    let length = reader.metadata_size().context("a footer without a length")? as u64;
    let before = reader.finish().with_context(context)?;
    let metadata = before.file_metadata();
    let rows = u64::try_from(metadata.num_rows()).with_context(context)?;
    let mut groups = Vec::new();
    for group in before.row_groups() {
        let group = group.clone().into_builder().set_sorting_columns(Some(order.to_vec()));
        groups.push(group.build().with_context(context)?);
    }
    let metadata = FileMetaData::new(
        metadata.version(),
        metadata.num_rows(),
        metadata.created_by().map(str::to_owned),
        Some(entries),
        metadata.schema_descr_ptr(),
        metadata.column_orders().cloned(),
    );
    let after = ParquetMetaDataBuilder::new(metadata).set_row_groups(groups).build();
    let end = file.seek(SeekFrom::End(0)).with_context(context)?;
    // the length includes the bytes behind the metadata that close the file
    let start = end.checked_sub(length).with_context(context)?;
    file.set_len(start).with_context(context)?;
    file.seek(SeekFrom::Start(start)).with_context(context)?;
    ParquetMetaDataWriter::new(&mut file, &after).finish().with_context(context)?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::properties::WriterProperties;

    use super::*;
    use crate::formats::parquet::checksum;

    #[test]
    fn a_rewritten_footer_keeps_the_rows_and_adds_the_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.parquet");
        let numbers = Int64Array::from_iter_values(0..500);
        let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap();
        let groups = WriterProperties::builder().set_max_row_group_row_count(Some(200)).build();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(groups)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();

        let order = [SortingColumn { column_idx: 0, descending: false, nulls_first: false }];
        assert_eq!(rewrite(&path, vec![checksum::placeholder()], &order).unwrap(), 500);
        checksum::embed(&path).unwrap();
        assert!(checksum::is_valid(&path).unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        let groups = reader.metadata().row_groups();
        assert_eq!(groups.len(), 3);
        assert!(groups.iter().all(|g| g.sorting_columns().is_some_and(|by| by[..] == order)));
        let rows: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
        assert_eq!(arrow::compute::concat_batches(&batch.schema(), &rows).unwrap(), batch);
        assert!(rewrite(&folder.path().join("none"), Vec::new(), &order).is_err());
    }
}

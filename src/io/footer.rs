//! Footers of Parquet files of others.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use anyhow::anyhow;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::ChunkReader;

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// The error in words; what a store said stays as it is.
pub fn explain(error: &ParquetError) -> anyhow::Error {
    match error {
        ParquetError::External(source) => anyhow!("{source}"),
        error => anyhow!(
            "not a whole Parquet file ({error}); copy it again, or take it out of the folder"
        ),
    }
}

/// Reads the footer. A damaged Arrow schema in it makes the library panic, which here is an error
/// like others.
///
/// # Errors
/// A file that is no whole Parquet file.
pub fn read(file: &impl ChunkReader) -> Result<ArrowReaderMetadata> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !SILENT.get() {
                before(panic);
            }
        }));
    });
    SILENT.set(true);
    let read = catch_unwind(AssertUnwindSafe(|| {
        ArrowReaderMetadata::load(file, ArrowReaderOptions::new())
    }));
    SILENT.set(false);
    read.unwrap_or_else(|_| Err(ParquetError::General("its Arrow schema is damaged".to_owned())))
}

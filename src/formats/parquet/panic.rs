//! The Parquet library panics on some damaged files. Here such a panic becomes an error.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::errors::{ParquetError, Result};

thread_local! {
    /// Suppresses the message of a panic on this thread.
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Runs a function that reads untrusted bytes. The values that it changes must not be used after an
/// error.
///
/// # Errors
/// Those of `read`; a panic of the library.
pub fn catch_parquet_panic<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |panic| {
            if !SILENT.get() {
                previous(panic);
            }
        }));
    });
    SILENT.set(true);
    let result = catch_unwind(AssertUnwindSafe(read));
    SILENT.set(false);
    result.unwrap_or_else(|_| Err(ParquetError::General("damaged bytes".to_owned())))
}

/// The batches of an untrusted file, up to the first error.
pub struct ParquetBatches(Option<ParquetRecordBatchReader>);

impl ParquetBatches {
    pub fn new(reader: ParquetRecordBatchReader) -> Self {
        ParquetBatches(Some(reader))
    }
}

impl Iterator for ParquetBatches {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.0.as_mut()?;
        match catch_parquet_panic(|| Ok(reader.next())) {
            Ok(batch) => batch,
            Err(error) => {
                self.0 = None;
                Some(Err(error.into()))
            }
        }
    }
}

//! Damaged bytes make the Parquet library panic in places; here that is an error like others.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::errors::{ParquetError, Result};

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Runs what reads bytes of others. Whatever it changes is not to be used after an error.
///
/// # Errors
/// Those of `read`; a panic of the library.
pub fn caught<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
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
    let done = catch_unwind(AssertUnwindSafe(read));
    SILENT.set(false);
    done.unwrap_or_else(|_| Err(ParquetError::General("damaged bytes".to_owned())))
}

/// Batches of a file of others, up to the first that is damaged.
pub struct Batches(Option<ParquetRecordBatchReader>);

impl Batches {
    pub fn new(reader: ParquetRecordBatchReader) -> Self {
        Batches(Some(reader))
    }
}

impl Iterator for Batches {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.0.as_mut()?;
        match caught(|| Ok(reader.next())) {
            Ok(batch) => batch,
            Err(error) => {
                self.0 = None;
                Some(Err(error.into()))
            }
        }
    }
}

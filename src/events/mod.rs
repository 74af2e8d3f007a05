//! Event files of every format, read as batches of user id, cell id and time stamp.

mod batch;
pub mod csv;
mod file;
pub mod parquet;
pub mod raw;
mod reader;
pub mod retention;

pub use batch::{EventBatch, IdEncoder};
pub use file::{EventFile, list_files, open, passed_over, prefetch};
pub use reader::EventReader;

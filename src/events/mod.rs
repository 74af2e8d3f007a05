//! Event files of every format, read as batches of user id, cell id and time stamp.

mod batch;
pub mod csv;
mod file;
pub mod parquet;
pub mod raw;
mod reader;
pub mod retention;
mod sample;

pub use batch::{EventBatch, IdEncoder};
pub use file::{EventFile, TimeValue, list_files, open, prefetch, prefetch_within};
pub use reader::EventReader;
pub use sample::{Sample, sample, sampled_times};

//! Event files of every format, read as batches of user id, cell id and time stamp.

pub mod csv;
pub mod input;
pub mod parquet;
pub mod raw;

//! Apache Spark as an engine: SQL is put together here, handed to `spark-sql` as a file, and the tables
//! that it writes are read when it is done.
//!
//! Spark gets no code of ours, and its workers see only paths: inputs and the folder of the outputs
//! have to be where they stand on every machine of the cluster.

pub mod event_tables;
mod job;
pub mod local_time;
mod log;
mod output_files;
pub mod sql;
mod submit;

pub use job::Job;
pub use output_files::output_files;
pub use submit::check;

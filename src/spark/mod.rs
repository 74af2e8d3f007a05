//! Apache Spark as an engine: this module generates SQL and passes it as a file to `spark-sql`; the
//! tables that Spark writes are read when it has finished.
//!
//! Spark runs no code of this program, and its workers get only paths: inputs and the output folder must
//! have the same path on every machine of the cluster.

pub mod event_tables;
mod job;
pub mod local_time;
mod log;
mod output_files;
pub mod sql;
mod submit;
mod time_format;

pub use job::Job;
pub use output_files::output_files;
pub use submit::check;

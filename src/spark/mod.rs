//! Apache Spark as an engine: this module generates SQL and passes it as a file to `spark-sql`; the
//! tables that Spark writes are read when it has finished.
//!
//! Spark runs no code of this program, and its workers get only paths and URLs: inputs and the folder of a
//! job must have the same path on every machine of the cluster, or lie in an object store.

mod connectors;
pub mod event_tables;
mod file_path;
mod job;
mod job_folder;
pub mod local_time;
mod log;
mod output_files;
pub mod sql;
mod submit;
mod time_format;

pub use file_path::SparkPath;
pub use job::Job;
pub use job_folder::JobFolder;
pub use output_files::output_files;
pub use submit::check;

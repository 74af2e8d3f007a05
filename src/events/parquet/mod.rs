//! Event files in Parquet.

mod arrays;
mod columns;
mod file;
mod pages;

pub use arrays::{ArrayBatches, ArrayColumns};
pub use columns::{EventColumn, StoredTime, is_number, is_text};
pub use file::{ParquetEvents, prefetch_footers};
pub use pages::PageColumns;

//! Event files in Parquet.

mod arrays;
mod file;
mod pages;

pub use arrays::ArrayColumns;
pub use file::{ArrayBatches, EventFile, StoredTime, footers_ahead, is_text};
pub use pages::PageColumns;

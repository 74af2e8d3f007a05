//! Event files in CSV.

mod arrays;
mod block;
mod columns;
mod file;
mod records;
mod scan;

pub use arrays::RecordBatches;
pub use block::{BLOCK_BYTES, Block};
pub use columns::RecordColumns;
pub use file::CsvEvents;
pub use records::{Layout, Records};

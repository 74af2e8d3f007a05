//! Event files in CSV.

mod arrays;
mod columns;
mod file;
mod records;
mod survey;

pub use arrays::Batches;
pub use columns::RecordColumns;
pub use file::CsvEvents;
pub use records::{Layout, Records};
pub use survey::{BLOCK_BYTES, Block};

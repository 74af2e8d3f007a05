//! Event files in CSV.

mod arrays;
mod file;
mod records;
mod survey;

pub use arrays::Batches;
pub use file::CsvEvents;
pub use records::{Layout, Records};
pub use survey::{BLOCK_BYTES, Block};

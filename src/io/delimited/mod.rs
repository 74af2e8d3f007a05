//! Tables as text: CSV with commas, semicolons or tabs, plain, gzipped or as zstd.

mod arrays;
mod decoded;
mod events;
mod header;
mod lines;
mod records;
mod survey;

pub use arrays::Batches;
pub use decoded::{decoded, is_compressed};
pub use events::CsvEvents;
pub use header::Header;
pub use records::{Layout, Records, RowError};
pub use survey::{BLOCK_BYTES, Block};

/// Endings of such files.
pub const EXTENSIONS: [&str; 3] = ["csv", "csv.gz", "csv.zst"];

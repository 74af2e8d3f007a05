//! Tables as text: CSV with commas, semicolons or tabs, plain, gzipped or as zstd.

mod decompress;
mod header;
mod lines;

pub use decompress::{decoded, is_compressed};
pub use header::Header;
pub use lines::Lines;

/// Endings of such files.
pub const EXTENSIONS: [&str; 3] = ["csv", "csv.gz", "csv.zst"];

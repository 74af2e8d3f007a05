//! Tables as text: CSV with commas, semicolons, tabs or bars between the fields, plain, gzipped or
//! as zstd.
//!
//! One rule says what a quote means, for headers, events and cell plans, whatever reader a file
//! takes. It is that of RFC 4180 for well-formed text, and that of the `csv` crate and of Python for
//! the rest:
//!
//! - A quote opens a quoted field only as the first character of the field. Anywhere else in a field
//!   without quotes it is an ordinary character: `5" disk` is a field of seven characters.
//! - In a quoted field, two quotes are one, and a quote alone closes it. Delimiters and line ends
//!   before that belong to the field. What follows the closing quote up to the next delimiter or line
//!   end is added as it is: `"ab"c` is `abc`.
//! - A quoted field that is never closed is an error that names the row, not a field that swallows
//!   the rest of the file.

mod decompress;
mod header;
mod lines;
mod record_reader;

pub use decompress::{decoded, decoded_from, is_compressed};
pub use header::Header;
pub use lines::{Lines, NotByLines};
pub use record_reader::{
    Record, RecordReader, RowError, RowProblem, check_len, skip_byte_order_mark, span,
};

/// Endings of such files.
pub const EXTENSIONS: [&str; 3] = ["csv", "csv.gz", "csv.zst"];

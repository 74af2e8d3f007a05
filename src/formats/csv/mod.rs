//! Text tables: fields separated by commas, semicolons, tabs or vertical bars, uncompressed or
//! compressed with gzip or zstd.
//!
//! One rule defines quotes for headers, events and cell plans, independent of the reader. It is that of
//! RFC 4180 for well-formed text, and that of the `csv` crate and of Python for other text:
//!
//! - A quote opens a quoted field only as the first character of the field. Anywhere else in an
//!   unquoted field it is an ordinary character: `5" disk` is a field of seven characters.
//! - In a quoted field, two consecutive quotes are one, and a single quote closes the field. Delimiters
//!   and line ends before it belong to the field. Text between the closing quote and the next delimiter
//!   or line end is appended: `"ab"c` is `abc`.
//! - A quoted field that is never closed is an error with the number of its row, instead of a field
//!   with the rest of the file.

use crate::storage::Location;

mod decompress;
mod header;
mod lines;
mod record_reader;

pub use decompress::{decoded, decoded_from};
pub use header::Header;
pub use lines::{Lines, NotByLines};
pub use record_reader::{
    Record, RecordReader, RowError, RowProblem, check_len, skip_byte_order_mark, span,
};

/// Extensions of text tables, as which a file is read if it is named.
const EXTENSIONS: [&str; 9] =
    ["csv", "csv.gz", "csv.zst", "tsv", "tsv.gz", "tsv.zst", "txt", "txt.gz", "txt.zst"];

/// True for a text table, by its name.
pub fn is_csv(location: &Location) -> bool {
    EXTENSIONS.iter().any(|extension| location.ends_with(extension))
}

/// The message for a field that is not UTF-8, in a row from 0. Fields that are not used may hold any text.
pub fn not_utf8(row: u64, column: Option<&str>) -> String {
    let column = column.map(|name| format!(", column {name:?}")).unwrap_or_default();
    format!(
        "row {}{column}: text that is not UTF-8; convert the file, for example with iconv -f ISO-8859-1 -t \
         UTF-8",
        row + 1
    )
}

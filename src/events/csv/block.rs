//! A part of a CSV file that can be read separately.

use std::ops::Range;

use crate::domain::time::LocalDate;

/// Size of the blocks of an uncompressed file. It is small enough that a file with a day of a whole
/// country has many, and constant, so that results do not depend on the machine.
pub const BLOCK_BYTES: u64 = 32 << 20;

/// Consecutive rows of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// Range in the file; in the decompressed text for a compressed file.
    pub bytes: Range<u64>,
    pub rows: u64,
    /// Dates of its usable time stamps, sorted.
    pub dates: Vec<LocalDate>,
    /// Time stamps that are a date without a time of day.
    pub bare_dates: u64,
    /// Smallest and largest usable time stamp, local µs.
    pub range_us: Option<(i64, i64)>,
}

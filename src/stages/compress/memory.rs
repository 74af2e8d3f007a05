//! How the memory that the stage may use is divided. What does not fit goes to disk.

use anyhow::{Error, Result, anyhow};

use super::presence_file::{rows_in_memory, rows_within, writer_bytes};
use crate::domain::byte_size::ByteSize;
use crate::runtime::memory::available_bytes;
use crate::storage::MAX_FETCHED_BYTES;

/// The program itself, and what is small.
const PROGRAM: u64 = 44 << 20;
/// What the footers of the inputs keep for a row group.
const ROW_GROUP: u64 = 2 << 10;
/// What is kept of a cell of the cell plan.
const PLANNED_CELL: u64 = 400;
/// What a thread needs to decode row groups.
const READER: u64 = 8 << 20;
/// The least that a thread has for users and runs.
const LEAST_STATE: u64 = 4 << 20;
/// What a thread has to read pieces from disk.
const MERGE: u64 = 2 << 20;
/// Bytes of a buffer through which a piece is read.
const MERGE_BUFFERS: std::ops::RangeInclusive<usize> = 4 << 10..=256 << 10;
/// Bytes of the digest of a user on a date, in a list that grows.
pub const DIGEST: u64 = 24;
/// Bytes that checking takes for a run of the user that is being checked.
const CHECKED_RUN: u64 = 160;

/// The bound on the memory of the stage.
#[derive(Debug, Clone, Copy)]
pub struct MemoryBound {
    bytes: u64,
    /// What is needed whatever is done.
    fixed: u64,
}

/// What the threads that read may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadShare {
    pub threads: usize,
    /// Bytes of users and runs for each of them.
    pub state_bytes: u64,
}

impl MemoryBound {
    /// `configured` is `compress.memory`; by default the bound is half of the memory that there is.
    pub fn new(configured: Option<ByteSize>, row_groups: usize, planned_cells: usize) -> Self {
        let half = || available_bytes().map_or(u64::MAX, |bytes| bytes / 2);
        let bytes = configured.map_or_else(half, |size| size.0);
        let inputs = row_groups as u64 * ROW_GROUP + planned_cells as u64 * PLANNED_CELL;
        MemoryBound { bytes, fixed: PROGRAM + inputs }
    }

    /// Bytes that are left beside those `in_use`.
    fn left(&self, in_use: u64) -> u64 {
        self.bytes.saturating_sub(self.fixed).saturating_sub(in_use)
    }

    /// Bytes of objects that may be fetched before they are decoded.
    pub fn to_fetch(self, in_use: u64) -> u64 {
        (self.left(in_use + READER + LEAST_STATE) / 4).min(MAX_FETCHED_BYTES)
    }

    /// What threads may use to read, at most `threads` of them, while `in_use` bytes hold other results.
    /// `rows` is an upper bound of the rows that are in memory while a file is written.
    ///
    /// # Errors
    /// A bound that not even one thread can keep.
    pub fn to_read(self, threads: usize, in_use: u64, rows: u64) -> Result<ReadShare> {
        let left = self.left(in_use);
        if left < READER + LEAST_STATE {
            let to_write = writer_bytes(rows) + MERGE + rows * DIGEST;
            return Err(self.too_little(in_use + to_write.max(READER + LEAST_STATE)));
        }
        let most = usize::try_from(left / (READER + LEAST_STATE)).unwrap_or(usize::MAX);
        let threads = threads.clamp(1, most.max(1));
        Ok(ReadShare { threads, state_bytes: left / threads as u64 - READER })
    }

    /// True if there is room to read again, with at least half of the threads, while `in_use` bytes hold
    /// other results.
    pub fn has_room_to_read(&self, threads: usize, in_use: u64) -> bool {
        self.left(in_use) / (READER + LEAST_STATE) >= threads.div_ceil(2) as u64
    }

    /// The number of threads, at most `threads`, that can write with `rows` rows in memory each, while
    /// `in_use` bytes hold other results; `None` if not even one can.
    pub fn writers(&self, threads: usize, in_use: u64, rows: u64) -> Option<usize> {
        let fitting = self.left(in_use) / writer_bytes(rows);
        let fitting = usize::try_from(fitting).unwrap_or(usize::MAX);
        (fitting > 0).then(|| threads.min(fitting))
    }

    /// True if one thread can write from pieces on disk whatever a file contains, if no user has more than
    /// `most_runs` runs, while `in_use` bytes hold other results.
    pub fn has_room_to_write_from_disk(&self, in_use: u64, most_runs: u64) -> bool {
        let rows = rows_in_memory(u64::MAX);
        self.left(in_use) >= writer_bytes(rows) + MERGE + most_runs * CHECKED_RUN
    }

    /// The number of threads, at most `threads`, that can write from pieces on disk with `rows` rows in
    /// memory each, if no user has more than `most_runs` runs, while `in_use` bytes hold other results.
    ///
    /// # Errors
    /// A bound that not even one thread can keep.
    pub fn writers_from_disk(
        &self,
        threads: usize,
        in_use: u64,
        rows: u64,
        most_runs: u64,
    ) -> Result<usize> {
        let needed = writer_bytes(rows) + MERGE + most_runs * CHECKED_RUN;
        self.require(in_use + needed)?;
        let fitting = usize::try_from(self.left(in_use) / needed).unwrap_or(usize::MAX);
        Ok(threads.min(fitting).max(1))
    }

    /// Rows that a thread can have in memory while it writes, if `threads` do.
    pub fn rows_at_once(&self, threads: usize, in_use: u64) -> u64 {
        let each = (self.left(in_use) / threads.max(1) as u64).saturating_sub(MERGE);
        rows_within(each)
    }

    /// Bytes of the buffer through which each of `pieces` is read.
    pub fn merge_buffer(pieces: usize) -> usize {
        let each = MERGE as usize / pieces.max(1);
        each.clamp(*MERGE_BUFFERS.start(), *MERGE_BUFFERS.end())
    }

    fn require(&self, bytes: u64) -> Result<()> {
        if self.left(0) >= bytes { Ok(()) } else { Err(self.too_little(bytes)) }
    }

    fn too_little(&self, bytes: u64) -> Error {
        let least = ByteSize((self.fixed + bytes).next_multiple_of(1 << 20));
        anyhow!(
            "compress.memory = \"{}\" is not enough for these events: set it to \"{least}\" or more",
            ByteSize(self.bytes)
        )
    }
}

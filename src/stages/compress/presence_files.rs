//! Hourly presence as Parquet files of bounded size, in one folder for each date.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::domain::tables::{PLACED_FIRST_SEEN, PLACED_LAST_SEEN, presence_file_schema};
use crate::formats::parquet::{checksum, footer, provenance};
use crate::storage::permissions;

/// Events per file of a date; the users are distributed among the files. Fixed, so that the files do not
/// depend on the number of threads.
const EVENTS_PER_FILE: u64 = 3_000_000;
/// Maximum rows of a row group.
pub const MAX_ROW_GROUP_ROWS: usize = 1 << 20;
/// Columns by which the rows of a file are sorted.
const SORT_COLUMNS: [&str; 3] = ["user_id", "hour", "cell_id"];

/// The number of files for a number of events.
pub fn files_for(events: u64) -> usize {
    usize::try_from(events / EVENTS_PER_FILE).unwrap_or(usize::MAX).max(1)
}

/// Distributes the users evenly among the files.
pub fn user_ranges(users: usize, events: u64) -> Vec<Range<usize>> {
    let files = files_for(events).min(users.max(1));
    (0..files).map(|i| users * i / files..users * (i + 1) / files).collect()
}

/// Moves a file that another program wrote, with rows in the expected order, to `path`, and gives it the
/// same footer as a [`super::presence_file::PresenceFile`]. Returns its rows and bytes.
///
/// # Errors
/// A file that is not a complete Parquet file, or cannot be written.
pub fn adopt(from: &Path, path: &Path, fingerprint: &str) -> Result<(u64, u64)> {
    let entries = provenance::entries(fingerprint, &[])?;
    let rows = footer::rewrite(from, entries, &sorted_by(SORT_COLUMNS))?;
    checksum::embed(from)?;
    let context = || format!("cannot move a file to {}", path.display());
    let file = File::open(from).with_context(context)?;
    file.sync_all().with_context(context)?;
    // a worker of a cluster writes with its own umask
    permissions::tighten(from);
    std::fs::rename(from, path).with_context(context)?;
    Ok((rows, file.metadata().with_context(context)?.len()))
}

/// The order of rows, as the footer states it.
fn sorted_by(columns: [&str; 3]) -> Vec<SortingColumn> {
    let schema = presence_file_schema();
    let place = |name: &str| schema.index_of(name).map_or(0, |i| i as i32);
    columns
        .map(|c| SortingColumn { column_idx: place(c), descending: false, nulls_first: false })
        .to_vec()
}

/// The properties of a file; `fingerprint` is that of inputs and settings.
pub fn properties(fingerprint: &str) -> Result<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(MAX_ROW_GROUP_ROWS))
        // the ids of a file fit: a million rows have far fewer users
        .set_dictionary_page_size_limit(16 << 20)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(provenance::entries(fingerprint, &[])?))
        .set_sorting_columns(Some(sorted_by(SORT_COLUMNS)))
        .set_created_by(concat!("mobility ", env!("CARGO_PKG_VERSION")).to_owned());
    for time in ["hour", "first_seen", "last_seen", PLACED_FIRST_SEEN, PLACED_LAST_SEEN] {
        // whole seconds repeat and stay in the dictionary; finer times use this fallback
        properties = properties
            .set_column_encoding(ColumnPath::from(time), Encoding::DELTA_BINARY_PACKED)
            .set_column_dictionary_page_size_limit(ColumnPath::from(time), 1 << 20);
    }
    Ok(properties.build())
}

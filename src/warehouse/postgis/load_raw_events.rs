//! Raw events: fills one partition with all rows, if `load.uncompressed` is set.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use arrow::array::{AsArray, BooleanArray, StringArray, TimestampMicrosecondArray};
use arrow::compute::filter;
use arrow::datatypes::TimestampMicrosecondType;

use super::copy::CopyIn;
use super::encode::Encoder;
use super::id_map::IdMap;
use super::partitions;
use super::partitions::{ActivePartition, Partition, PartitionKind};
use super::server::{Server, Worker};
use crate::events;
use crate::events::EventFile;
use crate::events::raw;
use crate::events::raw::RawEvents;
use crate::progress::Progress;
use crate::runtime::parallel::{Tasks, on_all_cores};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 1 << 16;

/// Rows in canonical form.
struct Columns {
    users: StringArray,
    cells: StringArray,
    times: TimestampMicrosecondArray,
}

impl Columns {
    /// The rows without those before a local time stamp, whose users must not be stored either. A row
    /// without a time stamp belongs to no date.
    fn at_or_after(self, from_us: i64) -> Result<Self> {
        let is_kept = |time: Option<i64>| Some(time.is_none_or(|time| time >= from_us));
        let kept: BooleanArray = self.times.iter().map(is_kept).collect();
        Ok(Columns {
            users: filter(&self.users, &kept)?.as_string::<i32>().clone(),
            cells: filter(&self.cells, &kept)?.as_string::<i32>().clone(),
            times: filter(&self.times, &kept)?.as_primitive::<TimestampMicrosecondType>().clone(),
        })
    }
}

/// Fills a partition with all raw events, with the numbers of users and cells `ids`; `None` if the active one was filled from the same files.
///
/// # Errors
/// Event files that cannot be read; errors of the server.
pub fn fill(
    server: &Server,
    lead: &mut Worker,
    raw_events: &RawEvents,
    active: &[ActivePartition],
    ids: &[IdMap; 2],
    progress: &Progress,
) -> Result<Option<Partition>> {
    let inputs = raw_events.inputs()?;
    let fingerprint = raw_events.fingerprint(&inputs)?;
    if active.iter().any(|p| p.date.is_none() && p.fingerprint == fingerprint) {
        return Ok(None);
    }
    let files = raw_events.open(inputs)?;
    let parts: Vec<(&EventFile, usize)> =
        files.iter().flat_map(|f| (0..f.parts()).map(move |part| (f, part))).collect();
    let partition = partitions::plan(lead.client(), &server.schema, PartitionKind::Event)?;
    partition.create(lead.client())?;
    let bar = progress.bar("raw", parts.iter().map(|(f, part)| f.bytes(*part)).sum());
    let (zone, from_us) = (raw_events.zone, raw_events.retained_from_us()?);
    let rows = AtomicU64::new(0);
    let ahead = events::prefetch(parts.iter().copied())?;
    let tasks: Vec<_> = parts.iter().enumerate().collect();
    let tasks = Tasks::new(&tasks);
    let lead = Mutex::new(lead.client());
    on_all_cores(server.worker_count(parts.len()), || {
        let mut worker = server.worker()?;
        tasks.each(|(turn, (file, part))| {
            let mut times = file.times(zone)?;
            // the number of rows of a text file is unknown, so its bytes are added at the end
            let rows_stated = file.rows_in_footer(*part);
            let bytes = rows_stated.map_or(0, |rows| file.bytes(*part) / rows.max(1));
            for batch in file.read_arrays(ahead.take(*turn)?, *part, BATCH_ROWS)? {
                let [user, cell, time] = batch.with_context(|| file.place(*part))?;
                let columns = Columns {
                    users: raw::user_ids(&user, file.nulls())?,
                    cells: raw::cell_ids(&cell, file.nulls())?,
                    times: raw::timestamps(&time, &mut times)?,
                };
                let columns = match from_us {
                    Some(from_us) => columns.at_or_after(from_us)?,
                    None => columns,
                };
                let [users, cells] = ids;
                users.resolve(&lead, &server.schema, columns.users.iter().flatten())?;
                cells.resolve(&lead, &server.schema, columns.cells.iter().flatten())?;
                let written = write(partition.copy(worker.client())?, &columns, ids)?;
                rows.fetch_add(written, Ordering::Relaxed);
                bar.add_rows(written);
                bar.add_bytes(bytes * written);
            }
            if rows_stated.is_none() {
                bar.add_bytes(file.bytes(*part));
            }
            Ok(())
        })
    })?;
    bar.finish();
    let (number, rows) = (partition.number, rows.into_inner());
    Ok(Some(Partition { kind: PartitionKind::Event, number, fingerprint, rows }))
}

fn write(mut copy: CopyIn, columns: &Columns, [users, cells]: &[IdMap; 2]) -> Result<u64> {
    let number = |encoder: &mut Encoder, number: Option<i64>| match number {
        Some(number) => encoder.long(number),
        None => encoder.null(),
    };
    let (users, cells) = (users.numbers(columns.users.iter()), cells.numbers(columns.cells.iter()));
    for ((user, cell), time) in users.into_iter().zip(cells).zip(&columns.times) {
        copy.rows.row(3);
        number(&mut copy.rows, user);
        number(&mut copy.rows, cell);
        match time {
            Some(us) => copy.rows.time(us),
            None => copy.rows.null(),
        }
        copy.send_full()?;
    }
    copy.finish()
}

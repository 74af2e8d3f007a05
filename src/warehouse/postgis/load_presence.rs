//! Hourly presence: fills one partition for each new date.
//!
//! A connection for each date creates the partition and copies its rows in one transaction, in the order of the
//! files, which is that of users. Meanwhile another thread reads and encodes the rows that come next.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Field, FieldRef, Int32Type, Int64Type, Schema, TimestampMicrosecondType,
};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use postgres::Client;

use super::copy::{CHUNK, CopyIn};
use super::encode::Encoder;
use super::id_map::IdMap;
use super::names::SchemaName;
use super::partitions;
use super::partitions::{Partition, PartitionKind, Planned};
use super::server::{Server, Worker};
use super::server_errors::failed;
use super::two_places::TwoPlaces;
use crate::datasets::presence::PresenceDay;
use crate::domain::tables::presence_file_schema;
use crate::domain::time::ClockHour;
use crate::progress::{Progress, StageBar};
use crate::runtime::parallel::{Tasks, on_all_cores};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 1 << 16;
/// Chunks of encoded rows that may wait for the server.
const CHUNKS_AHEAD: usize = 4;

/// Fills a partition for each of the days, on one connection per core. `ids` are the numbers of users and
/// cells.
///
/// # Errors
/// Files with other columns than `compress` writes; errors of the server.
pub fn fill(
    server: &Server,
    lead: &mut Worker,
    days: &[&PresenceDay],
    ids: &[IdMap; 2],
    progress: &Progress,
) -> Result<Vec<Partition>> {
    if days.is_empty() {
        return Ok(Vec::new());
    }
    let mut dates = Vec::new();
    let mut bytes = 0;
    for day in days {
        let partition =
            partitions::plan(lead.client(), &server.schema, PartitionKind::Presence(day.date))?;
        bytes += day.files.iter().map(|path| size(path)).sum::<u64>();
        dates.push(NewDate { day, partition, rows: AtomicU64::new(0) });
    }
    let bar = progress.bar("load", bytes);
    let source = Source { schema: &server.schema, lead: Mutex::new(lead.client()), ids, bar: &bar };
    let tasks = Tasks::new(&dates);
    on_all_cores(server.worker_count(dates.len()), || {
        let mut worker = server.worker()?;
        tasks.each(|date| {
            let rows = fill_date(worker.client(), date, &source)?;
            date.rows.store(rows, Ordering::Relaxed);
            Ok(())
        })
    })?;
    bar.finish();
    let filled = dates.into_iter().map(|date| Partition {
        kind: PartitionKind::Presence(date.day.date),
        number: date.partition.number,
        fingerprint: date.day.fingerprint.clone(),
        rows: date.rows.into_inner(),
    });
    Ok(filled.collect())
}

/// A date with its partition, which does not exist yet.
struct NewDate<'a> {
    day: &'a PresenceDay,
    partition: Planned,
    /// The number of rows, once they are copied.
    rows: AtomicU64,
}

/// What the rows of all files are encoded with.
struct Source<'a> {
    schema: &'a SchemaName,
    /// The connection on which ids get their numbers.
    lead: Mutex<&'a mut Client>,
    ids: &'a [IdMap; 2],
    bar: &'a StageBar,
}

/// Creates the partition of a date and copies its rows; returns their number.
fn fill_date(client: &mut Client, date: &NewDate, source: &Source) -> Result<u64> {
    let mut transaction = client.transaction().map_err(failed)?;
    let mut copy = date.partition.create_and_copy(&mut transaction)?;
    let (sender, chunks) = sync_channel(CHUNKS_AHEAD);
    let (sent, encoded) = std::thread::scope(|scope| {
        let encoding = scope.spawn(|| encode(date.day, source, sender));
        let sent = chunks.iter().try_for_each(|chunk| copy.send_rows(&chunk));
        // without a receiver, the other thread ends
        drop(chunks);
        (sent, encoding.join())
    });
    sent?;
    let (rows, placed) = encoded.map_err(|_| anyhow!("a thread that encodes rows panicked"))??;
    let mut written = copy.finish()?;
    written += date.partition.copy_placed(&mut transaction, placed)?;
    if written != rows {
        bail!("sent {rows} rows, but the server received {written}");
    }
    transaction.commit().map_err(failed)?;
    Ok(written)
}

/// Sends the rows of the files of a date but for those with times of placed events, which are rare: they have
/// further columns, and are returned after the number of all rows.
fn encode(
    day: &PresenceDay,
    source: &Source,
    sender: SyncSender<Encoder>,
) -> Result<(u64, Encoder)> {
    let (mut rows, mut placed) = (0, CopyIn::buffer());
    let mut chunk = Encoder::default();
    let send = |full| sender.send(full).context("the server ended the copying");
    for path in &day.files {
        rows += encode_file(path, source, (&mut chunk, &mut placed), send)
            .with_context(|| format!("{}", path.display()))?;
    }
    send(chunk)?;
    Ok((rows, placed))
}

/// Encodes the rows of a file; returns their number.
fn encode_file(
    path: &Path,
    source: &Source,
    (chunk, placed): (&mut Encoder, &mut Encoder),
    send: impl Fn(Encoder) -> Result<()>,
) -> Result<u64> {
    let batches = read(path)?;
    for (column, map) in source.ids.iter().enumerate() {
        let texts = batches.iter().flat_map(|batch| texts(batch, column));
        map.resolve(&source.lead, source.schema, texts)?;
    }
    let total: u64 = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    for batch in &batches {
        encode_rows(batch, source.ids, (&mut *chunk, &mut *placed), &send)?;
        let count = batch.num_rows() as u64;
        source.bar.add_rows(count);
        source.bar.add_bytes(size(path) * count / total.max(1));
    }
    Ok(total)
}

/// Encodes the rows of a batch, those with times of placed events by themselves, and passes on full chunks.
fn encode_rows(
    batch: &RecordBatch,
    ids: &[IdMap; 2],
    (chunk, placed): (&mut Encoder, &mut Encoder),
    send: impl Fn(Encoder) -> Result<()>,
) -> Result<()> {
    let (users, cells) = (numbers(batch, 0, &ids[0])?, numbers(batch, 1, &ids[1])?);
    let time = |i: usize| batch.column(i).as_primitive::<TimestampMicrosecondType>().values();
    let (hour, first, last) = (time(2), time(3), time(4));
    let counts = |i: usize| batch.column(i).as_primitive::<Int64Type>().values();
    let (counts, two_places) = (counts(5), counts(6));
    let narrow = |count: i64| {
        i32::try_from(count).context("the number of events exceeds the column type integer")
    };
    for row in 0..batch.num_rows() {
        let at_two_places = TwoPlaces {
            events: narrow(two_places[row])?,
            in_repeated_hour: ClockHour::from_label_us(hour[row]).repeated,
        };
        let ids = [users[row], cells[row]];
        let times = [first[row], last[row]];
        let counts = [narrow(counts[row])?, at_two_places.encode()];
        if batch.column(7).is_valid(row) {
            let of_placed = [time(7)[row], time(8)[row]];
            placed.placed_presence(ids, times, counts, of_placed);
            continue;
        }
        chunk.presence(ids, times, counts);
        if chunk.bytes.len() >= CHUNK {
            let next = Encoder { bytes: Vec::with_capacity(chunk.bytes.capacity()) };
            send(std::mem::replace(chunk, next))?;
        }
    }
    Ok(())
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// The rows of a file, with user and cell ids as dictionary arrays.
fn read(path: &Path) -> Result<Vec<RecordBatch>> {
    let remedy = "is not a file that compress wrote; recreate it with `mobility compress --force`";
    let file = std::fs::File::open(path)?;
    let stored = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).context(remedy)?;
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let field = |field: &FieldRef| {
        let data_type = match field.data_type() {
            DataType::Utf8 => dictionary.clone(),
            other => other.clone(),
        };
        // by Spark, no column is declared as without nulls
        let stored = stored.schema().field_with_name(field.name());
        let nullable = stored.map_or(field.is_nullable(), Field::is_nullable);
        Field::new(field.name(), data_type, nullable)
    };
    let fields: Vec<Field> = presence_file_schema().fields().iter().map(field).collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .and_then(|b| b.with_batch_size(BATCH_ROWS).build())
        .context(remedy)?;
    let batches = reader.collect::<Result<Vec<_>, _>>().context(remedy)?;
    // only the times of placed events may be missing
    if batches.iter().any(|b| b.columns()[..7].iter().any(|c| c.null_count() > 0)) {
        bail!("contains null values and {remedy}");
    }
    Ok(batches)
}

/// The values in the dictionary of a column.
fn texts(batch: &RecordBatch, column: usize) -> impl Iterator<Item = &str> {
    batch.column(column).as_dictionary::<Int32Type>().values().as_string::<i32>().iter().flatten()
}

/// The number of the id in each row.
fn numbers(batch: &RecordBatch, column: usize, map: &IdMap) -> Result<Vec<i64>> {
    let keys = batch.column(column).as_dictionary::<Int32Type>();
    let found = map.numbers(texts(batch, column).map(Some));
    let by_key = found
        .iter()
        .zip(texts(batch, column))
        .map(|(n, id)| n.ok_or_else(|| anyhow!("the server returned no number for the id {id}")))
        .collect::<Result<Vec<i64>>>()?;
    Ok(keys.keys().values().iter().map(|k| by_key[*k as usize]).collect())
}

//! Hourly presence: fills one partition for each new date.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Field, FieldRef, Int32Type, Int64Type, Schema, TimestampMicrosecondType,
};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use postgres::Client;

use super::copy::CopyIn;
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

/// Fills a partition for each of the days, with one connection per core. `ids` are the numbers of users and
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
    let mut partitions = Vec::new();
    let mut tasks = Vec::new();
    let mut bytes = 0;
    for (index, day) in days.iter().enumerate() {
        let kind = PartitionKind::Presence(day.date);
        let planned = partitions::plan(lead.client(), &server.schema, kind)?;
        let (number, fingerprint) = (planned.number, day.fingerprint.clone());
        partitions.push(Partition { kind, number, fingerprint, rows: 0 });
        let is_single = day.files.len() == 1;
        if !is_single {
            planned.create(lead.client())?;
        }
        for path in &day.files {
            bytes += std::fs::metadata(path).map_or(0, |m| m.len());
            tasks.push(PresenceFile { day: index, path, partition: planned.clone(), is_single });
        }
    }
    let bar = progress.bar("load", bytes);
    let rows: Vec<AtomicU64> = days.iter().map(|_| AtomicU64::new(0)).collect();
    let shared = Tasks::new(&tasks);
    on_all_cores(server.worker_count(tasks.len()), || {
        let mut worker = server.worker()?;
        shared.each(|file| {
            let written = load_file(worker.client(), &server.schema, file, ids, &bar)
                .with_context(|| format!("{}", file.path.display()))?;
            rows[file.day].fetch_add(written, Ordering::Relaxed);
            Ok(())
        })
    })?;
    bar.finish();
    for (partition, rows) in partitions.iter_mut().zip(rows) {
        partition.rows = rows.into_inner();
    }
    Ok(partitions)
}

/// A file to be copied into a partition.
struct PresenceFile<'a> {
    /// The position of its date among the new ones.
    day: usize,
    path: &'a Path,
    partition: Planned,
    /// The partition has no other rows, and does not exist yet.
    is_single: bool,
}

/// Copies one file into its partition; returns the number of rows.
fn load_file(
    client: &mut Client,
    schema: &SchemaName,
    file: &PresenceFile,
    ids: &[IdMap; 2],
    bar: &StageBar,
) -> Result<u64> {
    let batches = read(file.path)?;
    for (column, map) in ids.iter().enumerate() {
        map.resolve(client, schema, batches.iter().flat_map(|b| texts(b, column)))?;
    }
    let mut transaction = client.transaction().map_err(failed)?;
    let target = match file.is_single {
        true => file.partition.create_and_copy(&mut transaction)?,
        false => file.partition.copy(&mut transaction)?,
    };
    let (mut written, placed) = copy(target, (file.path, &batches), ids, bar)?;
    written += file.partition.copy_placed(&mut transaction, placed)?;
    let total: u64 = batches.iter().map(|b| b.num_rows() as u64).sum();
    if written != total {
        bail!("sent {total} rows, but the server received {written}");
    }
    transaction.commit().map_err(failed)?;
    Ok(written)
}

/// Sends the rows of a file but for those with times of placed events, which are rare: they have further
/// columns, and are returned with the number of the others.
fn copy(
    mut copy: CopyIn,
    (path, batches): (&Path, &[RecordBatch]),
    ids: &[IdMap; 2],
    bar: &StageBar,
) -> Result<(u64, Encoder)> {
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    let total: u64 = batches.iter().map(|b| b.num_rows() as u64).sum();
    let mut placed = CopyIn::buffer();
    for batch in batches {
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
            copy.rows.presence(ids, times, counts);
            copy.send_full()?;
        }
        bar.add_rows(batch.num_rows() as u64);
        bar.add_bytes(size * batch.num_rows() as u64 / total.max(1));
    }
    Ok((copy.finish()?, placed))
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

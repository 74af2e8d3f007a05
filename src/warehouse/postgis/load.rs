//! A load: new partitions beside, on all cores; then one transaction that lets them count, replaces the
//! small tables and computes the views anew.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, TimestampMicrosecondType};
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use postgres::Client;

use super::copy::CopyIn;
use super::fingerprint::fingerprint;
use super::id_map::{IdMap, Ids};
use super::partitions;
use super::partitions::{Partition, PartitionKind};
use super::server::{Server, Worker};
use super::server_errors::failed;
use super::view_results::Recomputed;
use super::{raw_events, replace_table, schema, view_results};
use crate::config::Config;
use crate::datasets::presence::{PresenceDay, days};
use crate::domain::tables::{Table, presence_file_schema};
use crate::domain::time::MICROS_PER_HOUR;
use crate::formats::parquet::checksum;
use crate::progress::{Progress, StageBar};
use crate::runtime::parallel::{Tasks, on_all_cores};
use crate::warehouse::{LoadRequest, Loaded};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 1 << 16;

/// Runs a load.
///
/// # Errors
/// Files that are not what `compress` and `geojoin` write, another load under way, what the server
/// says; the old rows then stand.
pub fn run(
    server: &Server,
    request: &LoadRequest,
    config: &Config,
    progress: &Progress,
) -> Result<Loaded> {
    let mut lead = server.exclusive_worker()?;
    schema::ensure(lead.client(), &server.schema)?;
    partitions::sweep(lead.client(), progress)?;
    let there = partitions::active(lead.client())?;
    let days = days(&request.compressed_events)?;
    let new: Vec<&PresenceDay> = days
        .iter()
        .filter(|d| !there.iter().any(|c| c.date == Some(d.date) && c.mark == d.fingerprint))
        .collect();
    let fresh = new.iter().flat_map(|day| &day.files);
    checksum::refuse_damaged(fresh.chain(request.files().map(|(_, path)| path)))?;
    let mut filled = fill(server, &mut lead, &new, progress)?;
    let mut keep: Vec<Option<NaiveDate>> = days.iter().map(|d| Some(d.date)).collect();
    if request.uncompressed {
        keep.push(None);
        filled.extend(raw_events::fill(server, &mut lead, config, &there, progress)?);
    }
    if !filled.is_empty() {
        let bar = progress.spinner("load", "indexing and gathering statistics");
        attach(server, &filled)?;
        partitions::analyze(lead.client(), &filled, there.len())?;
        bar.finish();
    }
    let bar = progress.spinner("load", "views");
    let loaded = switch(lead.client(), request, &filled, &keep, progress);
    bar.finish();
    loaded
}

/// The one transaction after which readers see the new rows.
fn switch(
    client: &mut Client,
    request: &LoadRequest,
    filled: &[Partition],
    keep: &[Option<NaiveDate>],
    progress: &Progress,
) -> Result<Loaded> {
    let mut transaction = client.transaction().map_err(failed)?;
    let before =
        transaction.query_one("SELECT load_no, places FROM mobility_load", &[]).map_err(failed)?;
    let load_no = 1 + before.get::<_, i32>(0);
    let places_before: Option<String> = before.get(1);
    let retired = partitions::activate(&mut transaction, load_no, filled, keep)?;
    let mut rows = std::collections::BTreeMap::new();
    let geometry_fingerprint = fingerprint(&[request.cell_plan.clone(), request.lau.clone()])?;
    let small: Vec<_> = request.small.iter().map(|(_, path)| path.clone()).collect();
    let small_fingerprint = fingerprint(&small)?;
    // one column keeps both marks: the layout is older than the small tables
    let (places_then, small_then) = match places_before.as_deref().map(|b| b.split_once(' ')) {
        Some(Some((places, small))) => (Some(places), Some(small)),
        _ => (places_before.as_deref(), None),
    };
    let moved = places_then != Some(&*geometry_fingerprint);
    let renewed = small_then != Some(&*small_fingerprint);
    for (table, path) in [(Table::CellPlan, &request.cell_plan), (Table::Lau, &request.lau)] {
        let count = if moved {
            replace_table::replace(&mut transaction, table, path)?
        } else {
            replace_table::count(&mut transaction, table)?
        };
        rows.insert(table.name().to_owned(), count);
    }
    for (table, path) in &request.small {
        // few rows, and the table may have been made anew by another version of the program
        let count = replace_table::replace(&mut transaction, *table, path)?;
        rows.insert(table.name().to_owned(), count);
    }
    let counted = "SELECT kind, sum(row_count)::bigint FROM mobility_leaf WHERE retired_by IS NULL GROUP BY kind";
    rows.insert(Table::MobileEventsCompressed.name().to_owned(), 0);
    for row in transaction.query(counted, &[]).map_err(failed)? {
        let table = match row.get::<_, String>(0).as_str() {
            "presence" => Table::MobileEventsCompressed,
            _ => Table::MobileEventsUncompressed,
        };
        rows.insert(table.name().to_owned(), u64::try_from(row.get::<_, i64>(1)).unwrap_or(0));
    }
    let loaded_at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let loaded = Loaded { fingerprint: request.fingerprint.clone(), loaded_at, rows };
    transaction
        .execute(
            "UPDATE mobility_load SET load_no = $1, loaded = $2, places = $3",
            &[
                &load_no,
                &serde_json::to_string(&loaded)?,
                &format!("{geometry_fingerprint} {small_fingerprint}"),
            ],
        )
        .map_err(failed)?;
    // without it the server takes the partitions that count for next to none of the rows
    transaction.batch_execute("ANALYZE mobility_leaf").map_err(failed)?;
    let computed = if filled.is_empty() && retired == 0 && !moved && !renewed {
        view_results::confirm(&mut transaction, load_no)?;
        Recomputed::default()
    } else {
        view_results::recompute(&mut transaction, load_no)?
    };
    transaction.commit().map_err(failed)?;
    for (view, elapsed) in computed.done {
        progress.detail(&format!("load: {view} computed in {:.3} s", elapsed.as_secs_f64()));
    }
    for note in computed.notes {
        progress.warn(&format!("load: {note}"));
    }
    Ok(loaded)
}

/// Fills a partition for each of the days, on as many connections as there are cores.
fn fill(
    server: &Server,
    lead: &mut Worker,
    days: &[&PresenceDay],
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
        let (number, copy) = partitions::create(lead.client(), kind)?;
        partitions.push(Partition { kind, number, mark: day.fingerprint.clone(), rows: 0 });
        for path in &day.files {
            bytes += std::fs::metadata(path).map_or(0, |m| m.len());
            tasks.push((index, path, copy.clone()));
        }
    }
    let bar = progress.bar("load", bytes);
    let rows: Vec<AtomicU64> = days.iter().map(|_| AtomicU64::new(0)).collect();
    let shared = Tasks::new(&tasks);
    on_all_cores(server.worker_count(tasks.len()), || {
        let mut worker = server.worker()?;
        let mut cells = IdMap::default();
        shared.each(|(day, path, copy)| {
            let written = fill_part(worker.client(), path, copy, &mut cells, &bar)
                .with_context(|| format!("{}", path.display()))?;
            rows[*day].fetch_add(written, Ordering::Relaxed);
            Ok(())
        })
    })?;
    bar.finish();
    for (partition, rows) in partitions.iter_mut().zip(rows) {
        partition.rows = rows.into_inner();
    }
    Ok(partitions)
}

/// Copies one file into a partition; returns its rows.
fn fill_part(
    client: &mut Client,
    path: &Path,
    copy: &str,
    cells: &mut IdMap,
    bar: &StageBar,
) -> Result<u64> {
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    let batches = read(path)?;
    let total: u64 = batches.iter().map(|b| b.num_rows() as u64).sum();
    let mut users = IdMap::default();
    users.resolve(client, Ids::Users, batches.iter().flat_map(|b| texts(b, 0)))?;
    cells.resolve(client, Ids::Cells, batches.iter().flat_map(|b| texts(b, 1)))?;
    let mut copy = CopyIn::start(client, copy)?;
    for batch in &batches {
        let [users, cells] =
            [(0, &users), (1, &*cells)].map(|(column, numbers)| keyed(batch, column, numbers));
        let (users, cells) = (users?, cells?);
        let time = |i: usize| batch.column(i).as_primitive::<TimestampMicrosecondType>().values();
        let (hour, first, last) = (time(2), time(3), time(4));
        let counts = |i: usize| batch.column(i).as_primitive::<Int64Type>().values();
        let (counts, two_places) = (counts(5), counts(6));
        let narrow = |count: i64| {
            i32::try_from(count).context("more events than a row of the server's table can count")
        };
        for row in 0..batch.num_rows() {
            let at_two = narrow(two_places[row])?;
            // of an hour that the clocks show again, which begins a microsecond late
            let again = hour[row].rem_euclid(MICROS_PER_HOUR) != 0;
            copy.rows.presence(
                [users[row], cells[row]],
                [first[row], last[row]],
                [narrow(counts[row])?, if again { -1 - at_two } else { at_two }],
            );
            copy.send_full()?;
        }
        bar.add_rows(batch.num_rows() as u64);
        bar.add_bytes(size * batch.num_rows() as u64 / total.max(1));
    }
    let written = copy.finish()?;
    if written != total {
        bail!("{total} rows were sent and {written} arrived");
    }
    Ok(written)
}

/// The rows of a file with user and cell ids as keys into the texts of their dictionary.
fn read(path: &Path) -> Result<Vec<RecordBatch>> {
    let keyed = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields: Vec<Field> = presence_file_schema()
        .fields()
        .iter()
        .map(|f| match f.data_type() {
            DataType::Utf8 => f.as_ref().clone().with_data_type(keyed.clone()),
            _ => f.as_ref().clone(),
        })
        .collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    let again = "is not what compress writes; make it again with `mobility compress --force`";
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(File::open(path)?, options)
        .and_then(|b| b.with_batch_size(BATCH_ROWS).build())
        .context(again)?;
    let batches = reader.collect::<Result<Vec<_>, _>>().context(again)?;
    if batches.iter().any(|b| b.columns().iter().any(|c| c.null_count() > 0)) {
        bail!("a value is null, which {again}");
    }
    Ok(batches)
}

/// Texts of the dictionary of a column.
fn texts(batch: &RecordBatch, column: usize) -> impl Iterator<Item = &str> {
    batch.column(column).as_dictionary::<Int32Type>().values().as_string::<i32>().iter().flatten()
}

/// The number of each row's id.
fn keyed(batch: &RecordBatch, column: usize, numbers: &IdMap) -> Result<Vec<i32>> {
    let keys = batch.column(column).as_dictionary::<Int32Type>();
    let by_key = texts(batch, column)
        .map(|t| numbers.get(t).ok_or_else(|| anyhow!("the server lost the number of {t}")))
        .collect::<Result<Vec<i32>>>()?;
    Ok(keys.keys().values().iter().map(|k| by_key[*k as usize]).collect())
}

fn attach(server: &Server, partitions: &[Partition]) -> Result<()> {
    let tasks = Tasks::new(partitions);
    on_all_cores(server.worker_count(partitions.len()), || {
        let mut worker = server.worker()?;
        tasks.each(|partition| partitions::attach(worker.client(), partition))
    })?;
    Ok(())
}

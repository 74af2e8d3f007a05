//! A load: fills new partitions on all cores, then activates them, replaces the small tables and
//! recomputes the views in one transaction.

use anyhow::Result;
use chrono::NaiveDate;
use postgres::Client;

use super::fingerprint::fingerprint;
use super::names::SchemaName;
use super::partitions;
use super::partitions::Partition;
use super::recompute::Recomputed;
use super::server::Server;
use super::server_errors::failed;
use super::{load_presence, load_raw_events, recompute, replace_table, schema};
use crate::datasets::presence::{PresenceDay, days};
use crate::domain::tables::Table;
use crate::events::raw::RawEvents;
use crate::formats::parquet::checksum;
use crate::progress::Progress;
use crate::runtime::parallel::{Tasks, on_all_cores};
use crate::warehouse::{LoadRequest, Loaded};

/// Runs a load.
///
/// # Errors
/// Files with other columns than `compress` and `geojoin` write; another running load; errors of the
/// server. The old rows are then unchanged.
pub fn run(
    server: &Server,
    request: &LoadRequest,
    raw_events: &RawEvents,
    progress: &Progress,
) -> Result<Loaded> {
    server.prepare()?;
    let mut lead = server.exclusive_worker()?;
    let schema = &server.schema;
    schema::ensure(lead.client(), schema, progress)?;
    partitions::sweep(lead.client(), schema, progress)?;
    let active = partitions::active(lead.client(), schema)?;
    let days = days(&request.compressed_events)?;
    let new: Vec<&PresenceDay> = days
        .iter()
        .filter(|d| {
            !active.iter().any(|p| p.date == Some(d.date) && p.fingerprint == d.fingerprint)
        })
        .collect();
    let new_files = new.iter().flat_map(|day| &day.files);
    checksum::verify(new_files.chain(request.files().map(|(_, path)| path)))?;
    let mut filled = load_presence::fill(server, &mut lead, &new, progress)?;
    let mut keep: Vec<Option<NaiveDate>> = days.iter().map(|d| Some(d.date)).collect();
    if request.uncompressed {
        keep.push(None);
        filled.extend(load_raw_events::fill(server, &mut lead, raw_events, &active, progress)?);
    }
    if !filled.is_empty() {
        let bar = progress.spinner("load", "indexing and collecting statistics");
        attach(server, &filled)?;
        partitions::analyze(lead.client(), schema, &filled, active.len())?;
        bar.finish();
    }
    let bar = progress.spinner("load", "views");
    let loaded = activate(lead.client(), schema, request, &filled, &keep, progress);
    bar.finish();
    loaded
}

/// Makes the new rows visible to readers, in one transaction.
fn activate(
    client: &mut Client,
    schema: &SchemaName,
    request: &LoadRequest,
    filled: &[Partition],
    keep: &[Option<NaiveDate>],
    progress: &Progress,
) -> Result<Loaded> {
    let mut transaction = client.transaction().map_err(failed)?;
    let previous = transaction
        .query_one(&schema.fill("SELECT load_no, places FROM {schema}.mobility_load"), &[])
        .map_err(failed)?;
    let load_no = 1 + previous.get::<_, i64>(0);
    let previous_fingerprints: Option<String> = previous.get(1);
    let retired = partitions::activate(&mut transaction, schema, load_no, filled, keep)?;
    let mut rows = std::collections::BTreeMap::new();
    let places = fingerprint(&[request.cell_plan.clone(), request.lau.clone()])?;
    let small: Vec<_> = request.small_tables.iter().map(|(_, path)| path.clone()).collect();
    let small = fingerprint(&small)?;
    // the column `places` is older than the small tables and holds both fingerprints
    let (previous_places, previous_small) = match previous_fingerprints.as_deref() {
        Some(both) => both.split_once(' ').map_or((Some(both), None), |(p, s)| (Some(p), Some(s))),
        None => (None, None),
    };
    let places_changed = previous_places != Some(&*places);
    let small_changed = previous_small != Some(&*small);
    for (table, path) in [(Table::CellPlan, &request.cell_plan), (Table::Lau, &request.lau)] {
        let count = if places_changed {
            replace_table::replace(&mut transaction, schema, table, path)?
        } else {
            replace_table::count(&mut transaction, schema, table)?
        };
        rows.insert(table.name().to_owned(), count);
    }
    for (table, path) in &request.small_tables {
        // few rows, and schema::ensure may have recreated the table
        let count = replace_table::replace(&mut transaction, schema, *table, path)?;
        rows.insert(table.name().to_owned(), count);
    }
    let row_counts = schema.fill(
        "SELECT kind, sum(row_count)::bigint FROM {schema}.mobility_leaf \
         WHERE retired_by IS NULL GROUP BY kind",
    );
    rows.insert(Table::MobileEventsCompressed.name().to_owned(), 0);
    for row in transaction.query(&row_counts, &[]).map_err(failed)? {
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
            &schema
                .fill("UPDATE {schema}.mobility_load SET load_no = $1, loaded = $2, places = $3"),
            &[&load_no, &serde_json::to_string(&loaded)?, &format!("{places} {small}")],
        )
        .map_err(failed)?;
    // without statistics the server underestimates the rows of active partitions by far
    transaction.batch_execute(&schema.fill("ANALYZE {schema}.mobility_leaf")).map_err(failed)?;
    let recomputed = if filled.is_empty() && retired == 0 && !places_changed && !small_changed {
        recompute::confirm(&mut transaction, schema, load_no)?;
        Recomputed::default()
    } else {
        recompute::recompute(&mut transaction, schema, load_no)?
    };
    transaction.commit().map_err(failed)?;
    for (view, elapsed) in recomputed.elapsed {
        progress.detail(&format!("load: {view} computed in {:.3} s", elapsed.as_secs_f64()));
    }
    for warning in recomputed.warnings {
        progress.warn(&format!("load: {warning}"));
    }
    Ok(loaded)
}

fn attach(server: &Server, partitions: &[Partition]) -> Result<()> {
    let tasks = Tasks::new(partitions);
    on_all_cores(server.worker_count(partitions.len()), || {
        let mut worker = server.worker()?;
        tasks.each(|partition| partitions::attach(worker.client(), &server.schema, partition))
    })?;
    Ok(())
}

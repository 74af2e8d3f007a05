//! A load: fills new partitions on all cores, then activates them, replaces the small tables and
//! recomputes the views in one transaction.

use anyhow::Result;
use chrono::NaiveDate;
use postgres::Client;

use super::fingerprint::fingerprint;
use super::id_map::{IdMap, Ids};
use super::inputs::split_places;
use super::names::SchemaName;
use super::partitions;
use super::partitions::Partition;
use super::recompute::{Computing, Recomputed};
use super::server::Server;
use super::server_errors::failed;
use super::{
    load_movement, load_presence, load_raw_events, plan_marks, recompute, replace_table, schema,
};
use crate::datasets::presence::{PresenceDay, days};
use crate::domain::tables::Table;
use crate::events::raw::RawEvents;
use crate::formats::parquet::checksum;
use crate::progress::{Progress, StageBar};
use crate::runtime::parallel::{Tasks, on_all_cores};
use crate::warehouse::{LoadRequest, Loaded};

/// Runs a load.
///
/// # Errors
/// Files with other columns than `compress` and `geojoin` write; another running load; errors of the
/// server or of Spark. The old rows are then unchanged.
pub fn run(
    server: &Server,
    request: &LoadRequest,
    raw_events: &RawEvents,
    computing: Computing,
    progress: &Progress,
) -> Result<Loaded> {
    server.prepare()?;
    let mut lead = server.exclusive_worker()?;
    let schema = &server.schema;
    schema::ensure(lead.client(), schema, progress)?;
    load_movement::ensure(lead.client(), schema)?;
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
    let ids = [IdMap::new(Ids::Users), IdMap::new(Ids::Cells)];
    let mut filled = load_presence::fill(server, &mut lead, &new, &ids, progress)?;
    let mut keep: Vec<Option<NaiveDate>> = days.iter().map(|d| Some(d.date)).collect();
    if request.uncompressed {
        keep.push(None);
        let events = load_raw_events::fill(server, &mut lead, raw_events, &active, &ids, progress);
        filled.extend(events?);
    }
    if !filled.is_empty() {
        let bar = progress.spinner("load", "indexing and collecting statistics");
        attach(server, &filled)?;
        partitions::analyze(lead.client(), schema, &filled, active.len())?;
        ids.iter().try_for_each(|map| map.analyze(lead.client(), schema))?;
        bar.finish();
    }
    let bar = progress.spinner("load", "views");
    let partitions = (&*filled, &*keep);
    let computing = (computing, &bar);
    let loaded = activate(lead.client(), schema, request, partitions, computing, progress);
    bar.finish();
    loaded
}

/// Makes the new rows visible to readers, in one transaction.
fn activate(
    client: &mut Client,
    schema: &SchemaName,
    request: &LoadRequest,
    (filled, keep): (&[Partition], &[Option<NaiveDate>]),
    computing: (Computing, &StageBar),
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
    let plan = fingerprint(std::slice::from_ref(&request.cell_plan))?;
    let lau = fingerprint(std::slice::from_ref(&request.lau))?;
    let small: Vec<_> = request.small_tables.iter().map(|(_, path)| path.clone()).collect();
    let small = fingerprint(&small)?;
    let before = split_places(previous_fingerprints.as_deref());
    let places = [(Table::CellPlan, &request.cell_plan), (Table::Lau, &request.lau)];
    let is_changed = [before[0] != plan, before[2] != lau];
    for ((table, path), is_changed) in places.into_iter().zip(is_changed) {
        let count = if is_changed {
            replace_table::replace(&mut transaction, schema, table, path)?
        } else {
            replace_table::count(&mut transaction, schema, table)?
        };
        rows.insert(table.name().to_owned(), count);
    }
    if is_changed[0] {
        plan_marks::store(&mut transaction, schema)?;
    }
    for (table, path) in &request.small_tables {
        // schema::ensure may have recreated the table
        let count = replace_table::update(&mut transaction, schema, *table, path)?;
        rows.insert(table.name().to_owned(), count);
    }
    let (of_movement, is_movement_changed) =
        load_movement::replace(&mut transaction, schema, &request.movement)?;
    rows.extend(of_movement);
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
            &[&load_no, &serde_json::to_string(&loaded)?, &format!("{plan} {small} {lau}")],
        )
        .map_err(failed)?;
    // without statistics the server underestimates the rows of active partitions by far
    transaction.batch_execute(&schema.fill("ANALYZE {schema}.mobility_leaf")).map_err(failed)?;
    let is_the_same = filled.is_empty()
        && retired == 0
        && !is_movement_changed
        && before == [&*plan, &small, &lau];
    let recomputed = if is_the_same {
        recompute::confirm(&mut transaction, schema, load_no)?;
        Recomputed::default()
    } else {
        recompute::recompute(&mut transaction, schema, load_no, Some(computing))?
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

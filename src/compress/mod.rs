//! `compress`: raw events to hourly presence, one row per (user, cell, clock hour).
//!
//! Days are worked on in batches, so memory follows one day and not the whole period. Within a
//! batch every thread numbers the user and cell ids it meets and counts on those numbers; ids
//! turn back into text when the rows are written, once a user and not once a row.

pub mod cells;
mod columns;
pub mod combine;
pub mod group;
mod manifest;
mod parts;
mod plan;
mod rejects;
pub mod users;
pub mod worker;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use chrono_tz::Tz;

pub use manifest::Manifest;

use crate::config::Config;
use crate::io::atomic::AtomicFolder;
use crate::io::events::{self, EventFile};
use crate::io::inputs::{InputFile, fingerprint};
use crate::parallel::{Tasks, on_all_cores};
use crate::progress::{Progress, StageBar};
use crate::report::{StageReport, counted};
use crate::time::{LocalDate, repeated_hour};
use plan::{Batch, RowGroup};
use worker::Share;

/// Rows of a batch of days. Small days go together, since every batch numbers its ids anew; the day
/// of a whole country has about 40 million and goes alone.
const BATCH_ROWS: u64 = 8_000_000;

/// What the compressed events were made from; changes when they have to be made again.
pub fn current_fingerprint(config: &Config, inputs: &[InputFile]) -> String {
    let c = &config.columns;
    let settings = format!(
        "compress {} {} {} {:?} {}",
        c.user_id, c.cell_id, c.timestamp, config.time.zone, config.strict
    );
    fingerprint(inputs, &settings)
}

/// Runs the stage.
///
/// # Errors
/// Inputs that cannot be read, no usable row, rejected rows when `strict`, an output folder that
/// cannot be written. The earlier output then stands.
pub fn run(config: &Config, progress: &Progress, force: bool) -> Result<StageReport> {
    let started = Instant::now();
    let inputs = events::inputs(config)?;
    let bytes_in = inputs.iter().map(|f| f.bytes).sum();
    let mark = current_fingerprint(config, &inputs);
    let target = config.data.compressed_events();
    let report = |manifest: &Manifest, skipped| StageReport {
        stage: "compress",
        rows_in: manifest.rows_in,
        rows_out: manifest.rows_out(),
        bytes_in,
        elapsed: started.elapsed(),
        skipped,
        notes: manifest.notes.clone(),
    };
    if !force && let Some(earlier) = Manifest::read(&target).filter(|m| m.fingerprint == mark) {
        return Ok(report(&earlier, true));
    }
    let zone = config.time.tz();
    let files = events::open(config, inputs)?;
    let groups = files
        .iter()
        .enumerate()
        .map(|(i, file)| plan::row_groups(i, file, zone))
        .collect::<Result<Vec<_>>>()?
        .concat();
    let folder = AtomicFolder::create(&target)?;
    let total = groups.iter().map(|g| files[g.file].bytes(g.index)).sum();
    let bar = progress.bar("compress", total);
    let mut manifest = Manifest { fingerprint: mark, ..Manifest::default() };
    let mut rejects = rejects::Rejects::default();
    let mut counted_events = 0;
    for batch in plan::batches(&groups, BATCH_ROWS) {
        let mut shares = read(&files, &groups, &batch, zone, &bar)?;
        let mut events = 0;
        for share in &mut shares {
            manifest.rows_in += share.rows;
            events += share.events;
            rejects.merge(std::mem::take(&mut share.rejects));
        }
        counted_events += events;
        if config.strict && rejects.total() > 0 {
            bail!("{}; strict = true makes this fatal", rejects.sentences().join("; "));
        }
        bar.message("grouping and writing");
        write(folder.path(), &combine::combine(shares), &batch, events, &mut manifest)?;
    }
    bar.finish();
    if counted_events + rejects.total() != manifest.rows_in {
        bail!(
            "{} rows read, but {counted_events} counted and {} rejected",
            manifest.rows_in,
            rejects.total()
        );
    }
    if manifest.rows_in > 0 && counted_events == 0 {
        bail!(
            "none of {} can be used: {}",
            counted(manifest.rows_in, "row"),
            rejects.sentences().join("; ")
        );
    }
    manifest.rows_rejected = rejects.total();
    manifest.notes = rejects.sentences();
    manifest.notes.extend(folded_hours(zone, &manifest.dates));
    folder.commit()?;
    manifest.write(&target)?;
    Ok(report(&manifest, false))
}

/// Reads the row groups of a batch, on all cores.
fn read(
    files: &[EventFile],
    groups: &[RowGroup],
    batch: &Batch,
    zone: Option<Tz>,
    bar: &StageBar,
) -> Result<Vec<Share>> {
    let tasks = Tasks::new(&batch.groups);
    let work = || -> Result<Share> {
        let mut share = Share::default();
        tasks.each(|(group, first_read)| {
            let group = &groups[*group];
            share.read(&files[group.file], group, batch, *first_read, zone, bar)
        })?;
        share.close();
        Ok(share)
    };
    on_all_cores(batch.groups.len(), work)
}

/// Groups and writes the rows of a batch below `folder`, on all cores: a part is in memory only
/// while it is written.
fn write(
    folder: &Path,
    combined: &combine::Combined,
    batch: &Batch,
    events: u64,
    manifest: &mut Manifest,
) -> Result<()> {
    let parts: Vec<_> = parts::cut(combined.users(), events).into_iter().enumerate().collect();
    let tasks = Tasks::new(&parts);
    let work = || -> Result<BTreeMap<String, u64>> {
        let mut written = BTreeMap::new();
        tasks.each(|(number, users)| {
            for (day, rows) in combined.rows_of(users.clone()) {
                let date = LocalDate(batch.first.0 + day as i32).to_string();
                let path = folder.join(format!("date={date}"));
                std::fs::create_dir_all(&path)
                    .with_context(|| format!("cannot create {}", path.display()))?;
                let path = path.join(format!("part-{number:05}.parquet"));
                let inputs = &manifest.fingerprint;
                parts::write(&path, combined, &rows, batch.first.first_hour(), inputs)
                    .context("is the disk full?")?;
                *written.entry(date).or_default() += rows.rows.len() as u64;
            }
            Ok(())
        })?;
        Ok(written)
    };
    for (date, rows) in on_all_cores(parts.len(), work)?.into_iter().flatten() {
        *manifest.dates.entry(date).or_default() += rows;
    }
    Ok(())
}

/// Says which hours occurred twice, since local wall time cannot tell them apart.
fn folded_hours(zone: Option<Tz>, dates: &BTreeMap<String, u64>) -> Vec<String> {
    let Some(zone) = zone else { return Vec::new() };
    dates
        .keys()
        .filter_map(|d| d.parse().ok().map(LocalDate::from_calendar))
        .filter_map(|date| repeated_hour(zone, date))
        .map(|hour| {
            format!("{hour} occurs twice in {zone}: both are counted as that one clock hour")
        })
        .collect()
}

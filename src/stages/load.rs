//! `load`: processed files to warehouse tables.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::config::Config;
use crate::domain::tables::Table;
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::storage::inputs::{InputFile, fingerprint, list};
use crate::storage::lock;
use crate::warehouse::{LoadRequest, Warehouse};

/// What would be loaded now.
///
/// # Errors
/// Processed files that are missing.
pub fn request(config: &Config) -> Result<LoadRequest> {
    Ok(of_files(config, &inputs(config)?))
}

fn of_files(config: &Config, files: &[InputFile]) -> LoadRequest {
    let settings = format!("load {}", config.load.uncompressed);
    LoadRequest {
        compressed_events: config.data.compressed_events(),
        cell_plan: config.data.cells_with_lau(),
        lau: config.data.lau_units(),
        small_tables: small_tables(config).collect(),
        uncompressed: config.load.uncompressed,
        fingerprint: fingerprint(files, &settings),
        ignore_previous: false,
    }
}

fn small_tables(config: &Config) -> impl Iterator<Item = (Table, PathBuf)> {
    config.data.small_tables().filter(|(_, path)| path.exists())
}

/// The processed files.
///
/// # Errors
/// Those that are missing.
pub fn inputs(config: &Config) -> Result<Vec<InputFile>> {
    let events = config.data.compressed_events();
    let cell_plan = config.data.cells_with_lau();
    let lau = config.data.lau_units();
    let manifest = crate::datasets::manifest::Manifest::read(&events).with_context(|| {
        format!("{} is not there or not whole; run `mobility compress` first", events.display())
    })?;
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let mut files = list("data.processed", &[text(&cell_plan), text(&lau)], &["parquet"])
        .context("run `mobility geojoin` first")?;
    for (_, path) in small_tables(config) {
        files.extend(list("data.processed", &[text(&path)], &["parquet"])?);
    }
    // a period without events has no files
    if !manifest.dates.is_empty() {
        files.extend(list("data.processed", &[text(&events)], &["parquet"])?);
    }
    Ok(files)
}

/// Runs the stage.
///
/// # Errors
/// Processed files that are missing or damaged, a warehouse that cannot be written; its tables
/// then stand as they were.
pub fn run(
    config: &Config,
    warehouse: &dyn Warehouse,
    progress: &Progress,
    force: bool,
) -> Result<StageReport> {
    let started = Instant::now();
    // no compress may exchange the files while they are loaded
    let processed = &config.data.processed;
    let _lock = if processed.is_dir() { Some(lock::to_read(processed)?) } else { None };
    let mut request = request(config)?;
    request.ignore_previous = force;
    let mut notes = Vec::new();
    let earlier = match warehouse.loaded() {
        Ok(loaded) => loaded.filter(|_| !force),
        // a warehouse that is down refuses the load as well; one that is damaged is mended by it
        Err(error) => {
            notes.push(format!("loaded anew, because {error:#}"));
            None
        }
    };
    let (loaded, skipped) = match earlier.filter(|l| l.fingerprint == request.fingerprint) {
        Some(loaded) => (loaded, true),
        None => (warehouse.load(&request, progress)?, false),
    };
    let rows = loaded.rows.values().sum();
    Ok(StageReport {
        stage: "load",
        rows_in: rows,
        rows_out: rows,
        bytes_in: 0,
        elapsed: started.elapsed(),
        skipped,
        notes,
    })
}

//! `load`: loads the processed files into the tables of the warehouse.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::config::{Config, Data, Load};
use crate::datasets::manifest::Manifest;
use crate::domain::tables::Table;
use crate::errors::without_values;
use crate::progress::Progress;
use crate::progress::StageReport;
use crate::storage::inputs::{InputFile, fingerprint, list};
use crate::storage::lock;
use crate::warehouse::{DatedFile, LoadRequest, Warehouse, movement_files};

/// The parts of the config that the stage needs.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    pub data: &'a Data,
    pub load: &'a Load,
}

impl<'a> From<&'a Config> for Settings<'a> {
    fn from(config: &'a Config) -> Self {
        Settings { data: &config.data, load: &config.load }
    }
}

fn request(settings: Settings, force: bool) -> Result<LoadRequest> {
    let Settings { data, load } = settings;
    let files = inputs(data)?;
    let movement = movement_files(data)?;
    let sums: Vec<String> = movement.iter().map(DatedFile::sum).collect();
    Ok(LoadRequest {
        compressed_events: data.compressed_events(),
        cell_plan: data.cells_with_lau(),
        lau: data.lau_units(),
        small_tables: small_tables(data).collect(),
        uncompressed: load.uncompressed,
        fingerprint: fingerprint(
            &files,
            &format!("load 3 {} {}", load.uncompressed, sums.join(" ")),
        ),
        movement,
        ignore_previous: force,
    })
}

fn small_tables(data: &Data) -> impl Iterator<Item = (Table, PathBuf)> {
    data.small_tables().filter(|(_, path)| path.exists())
}

/// Lists the processed files.
///
/// # Errors
/// A file that is missing.
pub fn inputs(data: &Data) -> Result<Vec<InputFile>> {
    let events = data.compressed_events();
    let manifest = Manifest::read(&events)?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let geodata = [text(&data.cells_with_lau()), text(&data.lau_units())];
    let mut files =
        list("data.processed", &geodata, &["parquet"]).context("run `mobility geojoin` first")?;
    for (_, path) in small_tables(data) {
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
/// Processed files that are missing or damaged, or a warehouse that cannot be written; its tables
/// are then unchanged.
pub fn run(
    settings: Settings,
    warehouse: &dyn Warehouse,
    progress: &Progress,
    force: bool,
) -> Result<StageReport> {
    let started = Instant::now();
    // prevents another run from replacing the files during the load
    let processed = &settings.data.processed;
    let _lock = if processed.is_dir() { Some(lock::to_read(processed)?) } else { None };
    warehouse.prepare()?;
    let request = request(settings, force)?;
    let mut notes = Vec::new();
    let loaded = warehouse.loaded().and_then(|loaded| {
        warehouse.verify_files(false)?;
        Ok(loaded)
    });
    let previous = match loaded {
        Ok(loaded) => loaded.filter(|_| !force),
        // a load repairs a damaged warehouse, and fails if the warehouse is unavailable
        Err(error) => {
            let reason = without_values(&error);
            notes.push(format!("all tables are loaded again, because {reason}"));
            None
        }
    };
    let (loaded, skipped) = match previous.filter(|l| l.fingerprint == request.fingerprint) {
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
        standing_notes: Vec::new(),
    })
}

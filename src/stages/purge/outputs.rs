//! The outputs of the stages: hourly presence, records of dates, rejected rows and quality tables.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::NaiveDate;

use super::Expired;
use crate::config::Data;
use crate::datasets::manifest::Manifest;
use crate::datasets::movement::MovementManifest;
use crate::datasets::quality_tables;
use crate::domain::tables::Table;
use crate::storage::atomic::sync_folder;

/// Adds the dates before `before` in the outputs.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn find(data: &Data, before: NaiveDate, expired: &mut Expired) -> Result<()> {
    for (date, path) in entries(data)?.into_iter().filter(|(date, _)| *date < before) {
        expired.dates.insert(date);
        expired.files += count_files(&path)?;
    }
    if let Some(manifest) = Manifest::read_unverified(&data.compressed_events()) {
        expired.dates.extend(manifest.dates_before(before));
    }
    for path in [data.quality_daily(), data.quality_codes()] {
        expired.quality_rows += quality_tables::rows_before(&path, before)?;
    }
    Ok(())
}

/// Removes the dates before `before`.
///
/// # Errors
/// A file that cannot be read or removed.
pub fn remove(data: &Data, before: NaiveDate) -> Result<()> {
    let events = data.compressed_events();
    if let Some(manifest) = Manifest::read_unverified(&events) {
        let kept = manifest.clone().without_dates_before(before);
        if kept != manifest {
            kept.write(&events)?;
        }
    }
    if let Some(mut movement) = MovementManifest::read(data) {
        let kept = movement.dates.split_off(&before);
        if !movement.dates.is_empty() {
            movement.dates = kept;
            movement.write(data)?;
        }
    }
    for (_, path) in entries(data)?.into_iter().filter(|(date, _)| *date < before) {
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
        sync_folder(&path)?;
    }
    for path in [data.quality_daily(), data.quality_codes()] {
        quality_tables::keep_from(&path, &path, before)?;
    }
    Ok(())
}

/// Folders and files that belong to one date, as their names say.
fn entries(data: &Data) -> Result<Vec<(NaiveDate, PathBuf)>> {
    let mut entries = Vec::new();
    let tables = Table::MOVEMENT.map(|table| data.movement_table(table));
    let others = [data.compressed_events(), data.visits(), data.quarantine(), data.day_records()];
    for folder in others.into_iter().chain(tables) {
        let found = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            found => found.with_context(|| format!("cannot list {}", folder.display()))?,
        };
        for entry in found {
            let path = entry.with_context(|| format!("cannot list {}", folder.display()))?.path();
            entries.extend(date_of(&path).map(|date| (date, path)));
        }
    }
    entries.sort();
    Ok(entries)
}

/// The date in `date=2024-10-01`, `2024-10-01.json` or `2024-10-01.users`.
fn date_of(path: &Path) -> Option<NaiveDate> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("date=")
        .unwrap_or_else(|| name.split('.').next().unwrap_or(name))
        .parse()
        .ok()
}

fn count_files(path: &Path) -> Result<u64> {
    if !path.is_dir() {
        return Ok(1);
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
    entries.map(|entry| count_files(&entry?.path())).sum()
}

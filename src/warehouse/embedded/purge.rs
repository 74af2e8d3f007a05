//! Removes dates: builds a version without them, makes it the current one, and removes all others with
//! their stored results. Readers that opened a file of another version can finish reading it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::NaiveDate;

use super::versions::{EVENTS, Store, Version};
use super::view_results;
use crate::datasets::file_list::{FileList, ListedFile};
use crate::datasets::presence::{PresenceFile, files, folder_name};
use crate::datasets::quality_tables;
use crate::domain::tables::Table;
use crate::storage::atomic::{link_or_copy, remove_leftovers};
use crate::warehouse::{ExpiredRows, Loaded};

/// Tables with a row for each date.
const DAILY: [Table; 2] = [Table::QualityDaily, Table::QualityCodes];

/// What is left of the dates before `before` in any version.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn expired(store: &Store, before: NaiveDate) -> Result<ExpiredRows> {
    let mut expired = ExpiredRows { dates: BTreeSet::new(), rows: 0 };
    for folder in store.folders()? {
        let version = Version::without_load(folder);
        if version.events().exists() {
            for file in files(&version.events())?.iter().filter(|file| file.date < before) {
                expired.dates.insert(file.date);
                expired.rows += rows_of(&file.path)?;
            }
        }
        for table in DAILY {
            let path = version.table(table.name());
            expired.rows += quality_tables::rows_before(&path, before)?;
        }
    }
    Ok(expired)
}

/// Removes the dates before `before`.
///
/// # Errors
/// A running load; a folder that cannot be read or written.
pub fn run(store: &Store, before: NaiveDate) -> Result<()> {
    let Some(current) = store.current()? else { return Ok(()) };
    store.replace(|folder| fill(&current, before, folder))?;
    store.remove_all_but_current()?;
    remove_leftovers(store.root(), ".", false);
    Ok(())
}

/// Fills the folder of a version with what is kept of another.
fn fill(version: &Version, before: NaiveDate, folder: &Path) -> Result<(Loaded, FileList)> {
    let mut rows = version.loaded.rows.clone();
    let mut list = FileList::default();
    let mut add = |name: String| {
        let path = folder.join(&name);
        let rows = rows_of(&path)?;
        list.insert(name, ListedFile::with_rows(&path, rows)?);
        anyhow::Ok(rows)
    };
    let create = |folder: &Path| {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))
    };
    create(&folder.join(EVENTS))?;
    let mut kept = 0;
    for PresenceFile { date, path } in files(&version.events())? {
        if date < before {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{EVENTS}/{}/{name}", folder_name(date));
        create(&folder.join(&name).with_file_name(""))?;
        link_or_copy(&path, &folder.join(&name))?;
        kept += add(name)?;
    }
    rows.insert(Table::MobileEventsCompressed.name().to_owned(), kept);
    for table in Table::ALL {
        let (source, name) = (version.table(table.name()), format!("{}.parquet", table.name()));
        if !source.exists() {
            continue;
        }
        if DAILY.contains(&table) {
            quality_tables::keep_from(&source, &folder.join(&name), before)?;
        } else {
            link_or_copy(&source, &folder.join(&name))?;
        }
        rows.insert(table.name().to_owned(), add(name)?);
    }
    let loaded_at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    // the next load finds other files, and loads them
    Ok((Loaded { fingerprint: format!("purged before {before}"), loaded_at, rows }, list))
}

fn rows_of(path: &Path) -> Result<u64> {
    let (_, rows) = view_results::describe_unverified(path)
        .with_context(|| format!("{} is damaged; load again with --force", path.display()))?;
    Ok(rows)
}

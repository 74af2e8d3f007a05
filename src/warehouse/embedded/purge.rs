//! Removes dates: builds a version without them, makes it the current one, and removes all others, the files
//! of the dates, and the results that were computed from them. Readers that opened such a file can finish
//! reading it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use chrono::NaiveDate;

use super::load::place;
use super::stored_results;
use super::table_files::{TableFiles, shared_name};
use super::table_lists::{read, resolved};
use super::versions::{Store, Version};
use crate::datasets::file_list::{FileList, ListedFile};
use crate::datasets::presence;
use crate::datasets::quality_tables;
use crate::domain::tables::Table;
use crate::storage::atomic::{AtomicFile, remove_leftovers, sync_folder};
use crate::warehouse::{ExpiredRows, Loaded};

/// Tables with a row for each date.
const DAILY: [Table; 2] = [Table::QualityDaily, Table::QualityCodes];

/// What is left of the dates before `before` in any version.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn expired(store: &Store, before: NaiveDate) -> Result<ExpiredRows> {
    let mut expired = ExpiredRows { dates: BTreeSet::new(), rows: 0 };
    let mut seen = BTreeSet::new();
    for version in store.all()? {
        let list = read(&version.folder, version.list.as_deref())?;
        let files = TableFiles::new(&version.folder, &list);
        for (date, file) in files.presence_of(None).take_while(|(date, _)| *date < before) {
            // versions share files
            if seen.insert(file.path.clone()) {
                expired.dates.insert(date);
                expired.rows += file.listed.rows;
            }
        }
        for table in DAILY {
            if let Some(file) = files.table(table)
                && seen.insert(file.path.clone())
            {
                expired.rows += quality_tables::rows_before(&file.path, before)?;
            }
        }
    }
    // an interrupted load may have left files that no version has
    if store.shared().is_dir() {
        for file in presence::files(&store.shared())? {
            if file.date < before && seen.insert(file.path.clone()) {
                expired.dates.insert(file.date);
                expired.rows += ListedFile::of(&file.path).map_or(0, |listed| listed.rows);
            }
        }
    }
    stored_results::dates_before(&store.results(), before, &mut expired.dates)?;
    Ok(expired)
}

/// Removes the dates before `before`.
///
/// # Errors
/// A running load; a folder that cannot be read or written.
pub fn run(store: &Store, before: NaiveDate) -> Result<()> {
    let Some(current) = store.current()? else { return Ok(()) };
    store.replace(|| fill(&current, before))?;
    store.remove_all_but_current()?;
    stored_results::remove_before(&store.results(), before)?;
    remove_leftovers(store.root(), ".", false);
    Ok(())
}

/// The files that are kept of a version; tables with a row for each date are written again.
fn fill(version: &Version, before: NaiveDate) -> Result<(Loaded, FileList)> {
    let mut rows = version.loaded.rows.clone();
    let mut list = FileList::default();
    let folder = &version.folder;
    let files = TableFiles::new(folder, &read(folder, version.list.as_deref())?);
    let mut kept = 0;
    for (date, file) in files.presence_of(Some((before, NaiveDate::MAX))) {
        kept += file.listed.rows;
        let stem = file.path.file_stem().unwrap_or_default().to_string_lossy();
        let stem = stem.split('.').next().unwrap_or_default();
        add(
            folder,
            &mut list,
            &file.path,
            shared_name(Some(date), stem, &file.listed),
            &file.listed,
        )?;
    }
    rows.insert(Table::MobileEventsCompressed.name().to_owned(), kept);
    for table in Table::MOVEMENT {
        let mut kept = 0;
        for (date, file) in files.movement_of(table, Some((before, NaiveDate::MAX))) {
            kept += file.listed.rows;
            let stem = file.path.file_stem().unwrap_or_default().to_string_lossy();
            let stem = stem.split('.').next().unwrap_or_default();
            let name = shared_name(Some(date), stem, &file.listed);
            add(folder, &mut list, &file.path, name, &file.listed)?;
        }
        if rows.contains_key(table.name()) {
            rows.insert(table.name().to_owned(), kept);
        }
    }
    for table in Table::ALL {
        let Some(file) = files.table(table) else { continue };
        let mut source = file.path.clone();
        let mut listed = file.listed.clone();
        // removed at the end of the loop
        let scratch = AtomicFile::in_swept_folder(&folder.with_file_name(table.name()))?;
        if DAILY.contains(&table) {
            source = scratch.path().to_owned();
            quality_tables::keep_from(&file.path, &source, before)?;
            listed = ListedFile::of(&source)?;
        }
        rows.insert(table.name().to_owned(), listed.rows);
        add(folder, &mut list, &source, shared_name(None, table.name(), &listed), &listed)?;
    }
    let loaded_at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    // the next load finds other files, and loads them
    Ok((Loaded { fingerprint: format!("purged before {before}"), loaded_at, rows }, list))
}

/// Adds a file to a list, and to the files that all versions share unless it is one of them.
fn add(
    folder: &Path,
    list: &mut FileList,
    source: &Path,
    name: String,
    listed: &ListedFile,
) -> Result<()> {
    let target = resolved(folder, &name);
    if source != target {
        place(source, &target, listed)?;
        sync_folder(&target)?;
    }
    list.insert(name, listed.clone().with_time_of(&target));
    Ok(())
}

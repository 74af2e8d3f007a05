//! Builds a version of the tables from the files that the stages wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;

use super::parquet_files::describe_unverified;
use super::rows::contract_schema;
use super::table_files::{movement_stem, shared_name};
use super::table_lists::resolved;
use crate::datasets::file_list::{FileList, ListedFile};
use crate::datasets::manifest::Manifest;
use crate::datasets::presence::files;
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;
use crate::storage::atomic::{create_folder, link_or_copy, sync_folder};
use crate::warehouse::{DatedFile, LoadRequest, Loaded};

/// A file that a stage wrote.
struct Source {
    path: PathBuf,
    table: Table,
    date: Option<NaiveDate>,
    listed: ListedFile,
}

/// Adds the files of a load to those that all versions share; `folder` is that of a version, whatever its
/// number. Files that are in the list of the previous load, which has verified them, are neither opened nor
/// linked again unless they were changed. Returns the list of all files as well.
///
/// # Errors
/// Damaged files, files with other columns than their table; a folder that cannot be written.
pub fn fill(
    request: &LoadRequest,
    previous: &FileList,
    folder: &Path,
) -> Result<(Loaded, FileList)> {
    let mut rows = BTreeMap::from([(Table::MobileEventsCompressed.name().to_owned(), 0)]);
    let mut list = FileList::default();
    let mut new = Vec::new();
    for source in sources(request)? {
        let part = || source.path.file_stem().unwrap_or_default().to_string_lossy();
        let stem = match source.table {
            Table::MobileEventsCompressed => part().into_owned(),
            table if Table::MOVEMENT.contains(&table) => movement_stem(table, &part()),
            table => table.name().to_owned(),
        };
        let name = shared_name(source.date, &stem, &source.listed);
        *rows.entry(source.table.name().to_owned()).or_default() += source.listed.rows;
        match previous.get(&name) {
            Some(listed) if !listed.time_differs(&resolved(folder, &name)) => {
                list.insert(name, listed.clone());
            }
            _ => new.push((name, source)),
        }
    }
    checksum::verify(new.iter().map(|(_, source)| &source.path))?;
    let mut changed = BTreeSet::new();
    for (name, source) in new {
        let target = resolved(folder, &name);
        if checked_rows(&source.path, source.table)? != source.listed.rows {
            bail!(
                "{} has another number of rows than its list says; recreate it with --force",
                source.path.display()
            );
        }
        place(&source.path, &target, &source.listed)?;
        list.insert(name, source.listed.with_time_of(&target));
        changed.insert(target.with_file_name(""));
    }
    changed.iter().try_for_each(|folder| sync_folder(&folder.join("any")))?;
    let loaded_at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    Ok((Loaded { fingerprint: request.fingerprint.clone(), loaded_at, rows }, list))
}

/// Links a file of a stage among those that all versions share, unless it is there already.
///
/// # Errors
/// A folder that cannot be written.
pub fn place(source: &Path, target: &Path, listed: &ListedFile) -> Result<()> {
    let is_there =
        listed.difference(target).is_none() && checksum::is_valid(target).unwrap_or(false);
    if is_there {
        return Ok(());
    }
    // a damaged file, or what an interrupted load left
    let _ = std::fs::remove_file(target);
    create_folder(target.parent().unwrap_or(Path::new("")))?;
    link_or_copy(source, target)
}

/// The files of all tables. Those of hourly presence are described by their manifest, without being opened.
fn sources(request: &LoadRequest) -> Result<Vec<Source>> {
    let folder = &request.compressed_events;
    let table = Table::MobileEventsCompressed;
    let mut sources = Vec::new();
    match Manifest::read_unverified(folder).as_ref().and_then(listed) {
        Some(listed) => {
            for (date, name, listed) in listed {
                let path = folder.join(name);
                let listed = listed.clone();
                sources.push(Source { path, table, date: Some(date), listed });
            }
        }
        // an earlier version of the program listed no files
        None => {
            for file in files(folder)? {
                let listed = described(&file.path, table)?;
                sources.push(Source { path: file.path, table, date: Some(file.date), listed });
            }
        }
    }
    for DatedFile { table, date, path, listed } in &request.movement {
        let (path, listed) = (path.clone(), listed.clone());
        sources.push(Source { path, table: *table, date: Some(*date), listed });
    }
    for (table, path) in request.files() {
        let listed = described(path, table)?;
        sources.push(Source { path: path.clone(), table, date: None, listed });
    }
    Ok(sources)
}

fn listed(manifest: &Manifest) -> Option<Vec<(NaiveDate, &str, &ListedFile)>> {
    let mut all = Vec::new();
    for (date, completed) in &manifest.dates {
        let files = completed.files.as_ref()?;
        all.extend(files.files().map(|(name, listed)| (*date, name, listed)));
    }
    Some(all)
}

fn described(path: &Path, table: Table) -> Result<ListedFile> {
    ListedFile::with_rows(path, checked_rows(path, table)?)
}

/// The number of rows of a processed file, after checking that it has the columns of the table.
fn checked_rows(path: &Path, table: Table) -> Result<u64> {
    let (schema, rows) = describe_unverified(path).with_context(|| {
        format!("{} is not a complete Parquet file; recreate it with --force", path.display())
    })?;
    let found = contract_schema(&schema);
    for field in table.schema().fields().iter().filter(|f| f.name() != "date") {
        match found.field_with_name(field.name()) {
            Ok(f) if f.data_type() == field.data_type() => {}
            Ok(f) => bail!(
                "{}: column {} is {}, expected {}; recreate the file with --force",
                path.display(),
                field.name(),
                f.data_type(),
                field.data_type()
            ),
            Err(_) => bail!(
                "{}: no column {}; recreate the file with --force",
                path.display(),
                field.name()
            ),
        }
    }
    Ok(rows)
}

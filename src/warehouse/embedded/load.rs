//! Builds a version of the tables from the files that the stages wrote.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::rows::contract_schema;
use super::versions::EVENTS;
use super::view_results;
use crate::datasets::file_list::{FileList, ListedFile};
use crate::datasets::presence::{PresenceFile, files, folder_name};
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;
use crate::storage::atomic::link_or_copy;
use crate::warehouse::{LoadRequest, Loaded};

/// Links the files of a load into `folder`, the new version. Files that the folder of hourly presence
/// of the `previous` version already has are linked from there. Returns the list of all files as well.
///
/// # Errors
/// Damaged files, files with other columns than their table; a folder that cannot be written.
pub fn fill(
    request: &LoadRequest,
    previous: Option<&Path>,
    folder: &Path,
) -> Result<(Loaded, FileList)> {
    let mut rows = BTreeMap::new();
    checksum::verify(request.files().map(|(_, path)| path))?;
    let mut list = link_presence(&request.compressed_events, previous, &folder.join(EVENTS))?;
    rows.insert(Table::MobileEventsCompressed.name().to_owned(), list.rows());
    for (table, source) in request.files() {
        let name = format!("{}.parquet", table.name());
        link_or_copy(source, &folder.join(&name))?;
        let count = checked_rows(source, table)?;
        list.insert(name.clone(), ListedFile::with_rows(&folder.join(&name), count)?);
        rows.insert(table.name().to_owned(), count);
    }
    let loaded_at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    Ok((Loaded { fingerprint: request.fingerprint.clone(), loaded_at, rows }, list))
}

/// Links the date folders of hourly presence; returns the list of files. Files that the previous load
/// has verified are linked from there and not read again.
fn link_presence(source: &Path, previous: Option<&Path>, target: &Path) -> Result<FileList> {
    let mut list = FileList::default();
    let create = |folder: &Path| {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))
    };
    create(target)?;
    let mut new = Vec::new();
    for PresenceFile { date, path } in files(source)? {
        let relative = Path::new(&folder_name(date)).join(path.file_name().unwrap_or_default());
        create(&target.join(&relative).with_file_name(""))?;
        let rows = checked_rows(&path, Table::MobileEventsCompressed)?;
        let stored = checksum::stored(&path);
        let earlier = previous.map(|previous| previous.join(&relative));
        let same =
            earlier.filter(|earlier| stored.is_some() && checksum::stored(earlier) == stored);
        link_or_copy(same.as_ref().unwrap_or(&path), &target.join(&relative))?;
        let name = format!("{EVENTS}/{}", relative.display());
        list.insert(name, ListedFile::with_rows(&target.join(&relative), rows)?);
        if same.is_none() {
            new.push(path);
        }
    }
    checksum::verify(&new)?;
    Ok(list)
}

/// The number of rows of a processed file, after checking that it has the columns of the table.
fn checked_rows(path: &Path, table: Table) -> Result<u64> {
    let (schema, rows) = view_results::describe_unverified(path).with_context(|| {
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

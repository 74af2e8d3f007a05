//! The files of the tables of a version, by the list that the load wrote. Files are never changed after they
//! got their name, so that versions share them, and neither a load nor a query lists folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::Embedded;
use super::table_lists::{LIST, SHARED, read, resolved};
use super::versions::Version;
use crate::datasets::file_list::{FileList, ListedFile, describe};
use crate::datasets::presence::folder_name;
use crate::domain::ids::hex;
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;

/// A file of a table.
#[derive(Debug, Clone)]
pub struct TableFile {
    pub path: PathBuf,
    pub listed: ListedFile,
}

/// The files of the tables of a version.
#[derive(Debug, Default)]
pub struct TableFiles {
    /// Hourly presence by date; the files of a date are sorted by name.
    pub presence: BTreeMap<NaiveDate, Vec<TableFile>>,
    /// The other tables with files of dates.
    movement: BTreeMap<&'static str, BTreeMap<NaiveDate, Vec<TableFile>>>,
    tables: BTreeMap<&'static str, TableFile>,
}

impl TableFiles {
    /// The files in a list.
    pub fn new(folder: &Path, list: &FileList) -> Self {
        let mut found = TableFiles::default();
        for (name, listed) in list.files() {
            let path = resolved(folder, name);
            let file = TableFile { path, listed: listed.clone() };
            if let Some(date) = date_in(name) {
                let of_table = match movement_table_in(name) {
                    Some(table) => found.movement.entry(table.name()).or_default(),
                    None => &mut found.presence,
                };
                of_table.entry(date).or_default().push(file);
            } else if let Some(table) = table_in(name) {
                found.tables.insert(table.name(), file);
            }
        }
        found
    }

    /// Adds the files of hourly presence of a date, sorted by name.
    pub fn add_presence(&mut self, date: NaiveDate, files: Vec<TableFile>) {
        self.presence.insert(date, files);
    }

    /// Adds a table that is a single file.
    pub fn add_table(&mut self, table: Table, file: TableFile) {
        self.tables.insert(table.name(), file);
    }

    /// The file of a table that is a single file.
    pub fn table(&self, table: Table) -> Option<&TableFile> {
        self.tables.get(table.name())
    }

    pub fn all(&self) -> impl Iterator<Item = &TableFile> {
        let movement = self.movement.values().flat_map(BTreeMap::values).flatten();
        self.presence.values().flatten().chain(movement).chain(self.tables.values())
    }

    /// The files of hourly presence of the dates from the first to the last one, or of all dates.
    pub fn presence_of(
        &self,
        days: Option<(NaiveDate, NaiveDate)>,
    ) -> impl Iterator<Item = (NaiveDate, &TableFile)> {
        within(&self.presence, days)
    }

    /// The files of a table of the stage `movement`, likewise.
    pub fn movement_of(
        &self,
        table: Table,
        days: Option<(NaiveDate, NaiveDate)>,
    ) -> impl Iterator<Item = (NaiveDate, &TableFile)> {
        self.movement.get(table.name()).into_iter().flat_map(move |files| within(files, days))
    }

    /// A digest of the checksums of the files of a date in the tables of the stage `movement`.
    pub fn fingerprint_of_movement(&self, date: NaiveDate) -> String {
        let mut hash = Sha256::new();
        for table in Table::MOVEMENT {
            for (_, file) in self.movement_of(table, Some((date, date))) {
                let ListedFile { checksum, bytes, .. } = &file.listed;
                hash.update(format!("{} {checksum} {bytes}\n", table.name()));
            }
        }
        hex(&hash.finalize()[..16])
    }

    /// A digest of the checksums of the files of a date, so that the data need not be read.
    pub fn fingerprint_of(&self, date: NaiveDate) -> String {
        let mut hash = Sha256::new();
        for file in self.presence.get(&date).into_iter().flatten() {
            hash.update(format!("{} {}\n", file.listed.checksum, file.listed.bytes));
        }
        hex(&hash.finalize()[..16])
    }

    /// Size of the files of the dates from the first to the last one.
    pub fn bytes_of(&self, days: (NaiveDate, NaiveDate)) -> u64 {
        self.presence_of(Some(days)).map(|(_, file)| file.listed.bytes).sum()
    }
}

/// Files of the dates from the first to the last one, or of all dates.
fn within(
    files: &BTreeMap<NaiveDate, Vec<TableFile>>,
    days: Option<(NaiveDate, NaiveDate)>,
) -> impl Iterator<Item = (NaiveDate, &TableFile)> {
    let (first, last) = days.unwrap_or((NaiveDate::MIN, NaiveDate::MAX));
    let dates = if first <= last { Some(files.range(first..=last)) } else { None };
    dates.into_iter().flatten().flat_map(|(date, files)| files.iter().map(|f| (*date, f)))
}

/// The date of a file with the rows of a date.
fn date_in(name: &str) -> Option<NaiveDate> {
    let folder = name.rsplit('/').nth(1)?;
    folder.strip_prefix("date=")?.parse().ok()
}

/// The table of the stage `movement` whose rows of a date a file holds; the others hold hourly presence.
fn movement_table_in(name: &str) -> Option<Table> {
    let file = name.rsplit('/').next()?;
    let is_of = |table: &Table| file.starts_with(&movement_stem(*table, ""));
    Table::MOVEMENT.into_iter().find(is_of)
}

/// The beginning of the name of a file of a table of the stage `movement`; `part` is that of the file of the stage.
pub fn movement_stem(table: Table, part: &str) -> String {
    format!("{}-{part}", table.name())
}

/// The table that a file holds.
fn table_in(name: &str) -> Option<Table> {
    let stem = name.rsplit('/').next()?.split('.').next()?;
    Table::from_name(stem)
}

/// The name of a new file in a list; the checksum makes sure that no two files have the same one.
pub fn shared_name(date: Option<NaiveDate>, stem: &str, file: &ListedFile) -> String {
    let folder = date.map(|date| format!("{}/", folder_name(date))).unwrap_or_default();
    format!("{SHARED}{folder}{stem}.{}-{:x}.parquet", file.checksum, file.bytes)
}

/// The files of the version that was read last.
#[derive(Debug, Default)]
pub struct LastFiles(Mutex<Option<Last>>);

/// The folder of a version, the checksum of its list, and the files.
type Last = (PathBuf, Option<String>, Arc<TableFiles>);

impl Embedded {
    /// The files of a version.
    ///
    /// # Errors
    /// A list that is missing or damaged.
    pub(super) fn table_files(&self, version: &Version) -> Result<Arc<TableFiles>> {
        let mut last = self.last_files.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((folder, list, files)) = &*last
            && *folder == version.folder
            && *list == version.list
        {
            return Ok(Arc::clone(files));
        }
        let files = Arc::new(TableFiles::new(
            &version.folder,
            &read(&version.folder, version.list.as_deref())?,
        ));
        *last = Some((version.folder.clone(), version.list.clone(), Arc::clone(&files)));
        Ok(files)
    }

    /// The files of hourly presence of the dates from the first to the last one, or of all dates, in order.
    ///
    /// # Errors
    /// Files that are missing, or changed since the load.
    pub(super) fn presence_files(
        &self,
        version: &Version,
        days: Option<(NaiveDate, NaiveDate)>,
    ) -> Result<Vec<(NaiveDate, TableFile)>> {
        let files = self.table_files(version)?;
        let found: Vec<(NaiveDate, TableFile)> =
            files.presence_of(days).map(|(date, file)| (date, file.clone())).collect();
        refuse(version, found.iter().map(|(_, file)| file))?;
        Ok(found)
    }

    /// The files of a table of the stage `movement`, as [`Embedded::presence_files`].
    ///
    /// # Errors
    /// Files that are missing, or changed since the load.
    pub(super) fn movement_files(
        &self,
        version: &Version,
        table: Table,
        days: Option<(NaiveDate, NaiveDate)>,
    ) -> Result<Vec<TableFile>> {
        let files = self.table_files(version)?;
        let found: Vec<TableFile> =
            files.movement_of(table, days).map(|(_, file)| file.clone()).collect();
        refuse(version, &found)?;
        Ok(found)
    }

    /// Makes sure that the files of a table are those that were loaded.
    ///
    /// # Errors
    /// A file that is missing, or changed since the load; a damaged file.
    pub(super) fn ensure_table(&self, version: &Version, table: Table) -> Result<()> {
        if [Table::MobileEventsCompressed, Table::MobileEventsPlaced].contains(&table) {
            // the many files are verified when a view reads all of them
            return self.presence_files(version, None).map(drop);
        }
        if Table::MOVEMENT.contains(&table) {
            return self.movement_files(version, table, None).map(drop);
        }
        let files = self.table_files(version)?;
        let Some(file) = files.table(table) else { return Ok(()) };
        refuse(version, [file])?;
        checksum::verify([&file.path])
    }

    /// Compares all files of a version with the list; with `contents`, also reads them.
    ///
    /// # Errors
    /// The first file that is missing, changed since the load, or is damaged.
    pub(super) fn ensure_complete(&self, version: &Version, contents: bool) -> Result<()> {
        let files = self.table_files(version)?;
        refuse(version, files.all())?;
        if contents {
            checksum::verify(files.all().map(|file| &file.path))?;
        }
        Ok(())
    }
}

fn refuse<'a>(version: &Version, files: impl IntoIterator<Item = &'a TableFile>) -> Result<()> {
    let differences: Vec<_> =
        files.into_iter().filter_map(|file| file.listed.difference(&file.path)).collect();
    match describe(&differences) {
        None => Ok(()),
        Some(text) => bail!(
            "{text}, by the list in {}; `mobility load` repairs the warehouse",
            version.folder.join(LIST).display()
        ),
    }
}

//! The files of a version, compared with the list that the load wrote.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;

use super::Embedded;
use super::versions::{EVENTS, LIST, Version};
use crate::datasets::file_list::{Difference, FileList, describe};
use crate::datasets::presence::{PresenceFile, files, files_of, folder_name};
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;

/// The list of the version that was read last.
#[derive(Debug, Default)]
pub struct LastList(Mutex<Option<(Version, Arc<FileList>)>>);

impl Embedded {
    /// The files of hourly presence of one date, or of all dates, in order.
    ///
    /// # Errors
    /// Files that are missing, were added, or changed since the load.
    pub(super) fn presence_files(
        &self,
        version: &Version,
        date: Option<NaiveDate>,
    ) -> Result<Vec<PresenceFile>> {
        if let Some(list) = self.list(version)? {
            let prefix = match date {
                Some(date) => format!("{EVENTS}/{}/", folder_name(date)),
                None => format!("{EVENTS}/"),
            };
            let found = files_below(&version.folder, &prefix)?;
            refuse(version, &list.differences(&version.folder, &prefix, found))?;
        }
        match date {
            None => files(&version.events()),
            Some(date) => {
                let files = files_of(&version.events(), date)?.into_iter();
                Ok(files.map(|path| PresenceFile { date, path }).collect())
            }
        }
    }

    /// The dates with hourly presence, in order.
    ///
    /// # Errors
    /// As [`Embedded::presence_files`].
    pub(super) fn dates(&self, version: &Version) -> Result<Vec<NaiveDate>> {
        let files = self.presence_files(version, None)?;
        let mut dates: Vec<_> = files.iter().map(|file| file.date).collect();
        dates.dedup();
        Ok(dates)
    }

    /// Makes sure that the file of a table is the one that was loaded.
    ///
    /// # Errors
    /// A file that is missing, was added, or changed since the load; a damaged file.
    pub(super) fn ensure_table(&self, version: &Version, table: Table) -> Result<()> {
        if [Table::MobileEventsCompressed, Table::MobileEventsPlaced].contains(&table) {
            // the many files are verified when a view reads all of them
            return self.presence_files(version, None).map(drop);
        }
        let file = version.table(table.name());
        if let Some(list) = self.list(version)? {
            let name = format!("{}.parquet", table.name());
            let found = file.exists().then(|| name.clone());
            refuse(version, &list.differences(&version.folder, &name, found))?;
        }
        if file.exists() { checksum::verify([file]) } else { Ok(()) }
    }

    /// Compares all files of a version with the list; with `contents`, also reads them.
    ///
    /// # Errors
    /// The first file that is missing, was added, changed since the load, or is damaged.
    pub(super) fn ensure_complete(&self, version: &Version, contents: bool) -> Result<()> {
        let Some(list) = self.list(version)? else { return Ok(()) };
        let mut found = files_below(&version.folder, &format!("{EVENTS}/"))?;
        let tables = files_in(&version.folder)?;
        found.extend(tables.into_iter().filter(|name| name.ends_with(".parquet")));
        refuse(version, &list.differences(&version.folder, "", found))?;
        if contents {
            checksum::verify(list.names().map(|name| version.folder.join(name)))?;
        }
        Ok(())
    }

    /// The list of a version; `None` in a version that an earlier version of the program loaded.
    fn list(&self, version: &Version) -> Result<Option<Arc<FileList>>> {
        let Some(list) = &version.list else { return Ok(None) };
        let mut last = self.last_list.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, list)) = &*last
            && of.folder == version.folder
            && of.list == version.list
        {
            return Ok(Some(Arc::clone(list)));
        }
        let path = version.folder.join(LIST);
        let remedy =
            || format!("{} is missing or damaged; `mobility load` repairs it", path.display());
        let text = std::fs::read(&path).with_context(remedy)?;
        if format!("{:08x}", crc32fast::hash(&text)) != *list {
            bail!(remedy());
        }
        let list: Arc<FileList> = Arc::new(serde_json::from_slice(&text).with_context(remedy)?);
        *last = Some((version.clone(), Arc::clone(&list)));
        Ok(Some(list))
    }
}

fn refuse(version: &Version, differences: &[Difference]) -> Result<()> {
    match describe(differences) {
        None => Ok(()),
        Some(text) => bail!(
            "{text}, by the list in {}; `mobility load` repairs the warehouse",
            version.folder.join(LIST).display()
        ),
    }
}

/// The files of one folder, hidden ones included, because the engine reads them as well. None if the
/// folder does not exist.
fn files_in(folder: &Path) -> Result<Vec<String>> {
    let context = || format!("cannot list {}", folder.display());
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(context)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(context)?;
        if !entry.file_type().with_context(context)?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// The files below a folder of a version, by their path in the version. `prefix` ends with a slash.
fn files_below(version: &Path, prefix: &str) -> Result<Vec<String>> {
    let folder = version.join(prefix);
    let mut found: Vec<String> =
        files_in(&folder)?.into_iter().map(|name| format!("{prefix}{name}")).collect();
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(found) };
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        if entry.path().is_dir() {
            let name = entry.file_name().to_string_lossy().into_owned();
            found.extend(files_below(version, &format!("{prefix}{name}/"))?);
        }
    }
    Ok(found)
}

//! Files with the rows of dates in the tables of the stage `movement`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use chrono::NaiveDate;

use crate::config::Data;
use crate::datasets::file_list::{ListedFile, describe};
use crate::datasets::movement::MovementManifest;
use crate::domain::tables::Table;

/// A file with rows of a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedFile {
    pub table: Table,
    pub date: NaiveDate,
    pub path: PathBuf,
    pub listed: ListedFile,
}

impl DatedFile {
    /// Text that is different for files with other rows.
    pub fn sum(&self) -> String {
        format!(
            "{} {} {} {}",
            self.table.name(),
            self.date,
            self.listed.checksum,
            self.listed.bytes
        )
    }
}

/// The files of segments and trips, by their manifest.
///
/// # Errors
/// Files that are not those in the manifest.
pub fn movement_files(data: &Data) -> Result<Vec<DatedFile>> {
    let Some(manifest) = MovementManifest::read(data) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (date, of_date) in &manifest.dates {
        if let Some(text) = describe(&manifest.differences(data, *date)?) {
            bail!("{text}; `mobility movement` computes such dates again");
        }
        for table in Table::MOVEMENT {
            let folder = data.movement_table(table);
            all.extend(of_date.files(table).files().map(|(name, listed)| DatedFile {
                table,
                date: *date,
                path: folder.join(name),
                listed: listed.clone(),
            }));
        }
    }
    Ok(all)
}

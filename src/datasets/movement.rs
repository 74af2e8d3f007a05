//! The manifest of the tables `segments` and `trips`: their files by date, and what these were computed from.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::file_list::{Difference, FileList, ListedFile};
use super::presence;
use crate::config::Data;
use crate::domain::tables::Table;

/// Version of the format of the manifest and of the files it describes.
const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovementManifest {
    version: u32,
    pub dates: BTreeMap<NaiveDate, MovementDate>,
}

/// The files of a date, by their path below the folder of their table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovementDate {
    /// Fingerprint of everything that the rows depend on.
    pub fingerprint: String,
    pub segments: FileList,
    pub trips: FileList,
    /// Zeros if an earlier version of the program wrote the manifest.
    #[serde(default)]
    pub totals: MovementTotals,
}

/// Sums over the devices of a date, from which its quality is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovementTotals {
    /// Time of all devices by state, µs.
    pub stay_us: u64,
    pub pass_us: u64,
    pub move_us: u64,
    pub unknown_us: u64,
    /// Trips that leave on the date.
    pub trips: u64,
    /// Those of them that are followed by the way back: if it leaves on the same date, and if on the next one.
    pub returning_trips: u64,
    pub returning_trips_next_date: u64,
}

impl MovementTotals {
    /// Adds the sums over other devices.
    pub fn add(&mut self, other: &MovementTotals) {
        self.stay_us += other.stay_us;
        self.pass_us += other.pass_us;
        self.move_us += other.move_us;
        self.unknown_us += other.unknown_us;
        self.trips += other.trips;
        self.returning_trips += other.returning_trips;
        self.returning_trips_next_date += other.returning_trips_next_date;
    }
}

impl MovementDate {
    /// The files of a table of the date.
    pub fn files(&self, table: Table) -> &FileList {
        if table == Table::Trips { &self.trips } else { &self.segments }
    }

    /// The number of rows of both tables.
    pub fn rows(&self) -> u64 {
        self.segments.rows() + self.trips.rows()
    }
}

impl Default for MovementManifest {
    fn default() -> Self {
        MovementManifest { version: VERSION, dates: BTreeMap::new() }
    }
}

impl MovementManifest {
    /// The manifest; `None` before the first run, or if another version of the program wrote it.
    pub fn read(data: &Data) -> Option<Self> {
        let text = std::fs::read_to_string(data.movement_manifest()).ok()?;
        let manifest: MovementManifest = serde_json::from_str(&text).ok()?;
        (manifest.version == VERSION).then_some(manifest)
    }

    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, data: &Data) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        crate::storage::atomic::write_file(&data.movement_manifest(), text.as_bytes())
            .context("the manifest of segments and trips")
    }

    /// How the files of a date differ from the list.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn differences(&self, data: &Data, date: NaiveDate) -> Result<Vec<Difference>> {
        let Some(of_date) = self.dates.get(&date) else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for table in Table::MOVEMENT {
            let folder = data.movement_table(table);
            let found = presence::files_of(&folder, date)?;
            let names =
                found.iter().map(|path| presence::name_below(&folder, path)).collect::<Vec<_>>();
            all.extend(of_date.files(table).differences(&folder, "", names));
        }
        Ok(all)
    }
}

/// Lists the files of a date below a folder.
///
/// # Errors
/// Files that cannot be read.
pub fn listed(folder: &Path, date: NaiveDate) -> Result<FileList> {
    let mut files = FileList::default();
    for path in presence::files_of(folder, date)? {
        files.insert(presence::name_below(folder, &path), ListedFile::of(&path)?);
    }
    Ok(files)
}

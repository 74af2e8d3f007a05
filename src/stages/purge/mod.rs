//! `purge`: removes the dates before a boundary from raw copies and from the outputs of the stages, and
//! keeps the boundary, so that no later run computes them again. The warehouse removes them itself.
//!
//! Every step can be repeated. The boundary is written first and the manifest before the files that it
//! lists, so that a run that is killed leaves nothing that another command would take for complete, and
//! the next run completes the work.

mod outputs;
mod raw_copies;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;
use chrono::NaiveDate;

use crate::config::{Columns, Config, Data, Extract, Time};
use crate::events::retention;
use crate::storage::lock;

/// The sections of the configuration that the stage uses.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    pub data: &'a Data,
    pub extract: &'a Extract,
    pub columns: &'a Columns,
    pub time: &'a Time,
}

impl<'a> From<&'a Config> for Settings<'a> {
    fn from(config: &'a Config) -> Self {
        Settings {
            data: &config.data,
            extract: &config.extract,
            columns: &config.columns,
            time: &config.time,
        }
    }
}

/// What there is of the dates before a boundary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expired {
    /// Dates in the outputs of the stages.
    pub dates: BTreeSet<NaiveDate>,
    /// Files of these dates, and rows of the quality tables.
    pub files: u64,
    pub quality_rows: u64,
    /// Copies made by `extract` whose rows are all of these dates.
    pub copies: Vec<PathBuf>,
    /// Copies with rows of other dates as well, which stay.
    pub mixed_copies: Vec<PathBuf>,
    /// Other inputs with rows of these dates; they belong to those who provide them, and stay.
    pub foreign: Vec<PathBuf>,
}

impl Expired {
    /// True if nothing is left that this program wrote.
    pub fn is_empty(&self) -> bool {
        self.dates.is_empty()
            && self.files == 0
            && self.quality_rows == 0
            && self.copies.is_empty()
            && self.mixed_copies.is_empty()
    }
}

/// Searches for the dates before `before`.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn find(settings: Settings, before: NaiveDate) -> Result<Expired> {
    let mut expired = Expired::default();
    outputs::find(settings.data, before, &mut expired)?;
    raw_copies::find(settings, before, &mut expired)?;
    Ok(expired)
}

/// Removes the dates before `before`, as far as they are outside the warehouse. Returns what was found.
///
/// # Errors
/// Another run that uses the folders; a file that cannot be read or removed. The next run continues.
pub fn run(settings: Settings, before: NaiveDate) -> Result<Expired> {
    let lock = lock::to_write(&settings.data.processed)?;
    let before = retention::advance(&settings.data.retention(), before)?;
    let expired = find(settings, before)?;
    lock.ensure_held()?;
    raw_copies::remove(settings.extract, &expired.copies)?;
    outputs::remove(settings.data, before)?;
    Ok(expired)
}

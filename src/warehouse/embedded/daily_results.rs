//! Results of views by day, kept day by day: a new day is computed, and the others are taken from the
//! load before.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};

use super::Embedded;
use super::session::Memory;
use super::versions::Version;
use super::view_results;
use crate::datasets::presence;
use crate::datasets::presence::PresenceDay;
use crate::domain::ids::hex;
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;
use crate::storage::atomic::adopt;
use crate::views::View;
use crate::warehouse::Rows;

/// The folder of the results of days, among the others.
pub(super) const DAYS: &str = "days";
/// Characters of a mark that are enough to tell results apart.
const MARK: usize = 16;

impl Embedded {
    /// The files with the result of each day of the loaded period, in order; `path` is where that
    /// of all days goes. What is there already is not computed again, unless `refresh` is set.
    ///
    /// # Errors
    /// A view that the engine refuses: file, line and reason.
    pub(super) fn days_of(
        &self,
        version: &Version,
        view: &View,
        path: &Path,
        (memory, refresh): (Memory, bool),
    ) -> Result<Vec<PathBuf>> {
        // beside the result as a whole, which is elsewhere where the warehouse cannot be written
        let folder = path.parent().unwrap_or(Path::new("")).join(DAYS);
        let before = self.store.before(version);
        let mut files = Vec::new();
        for (date, mark) in self.marks_of_days(version, view)? {
            let name = format!("{}.{date}.{mark}.parquet", view.view);
            let file = folder.join(&name);
            let there = || !refresh && view_results::describe(&file).is_some();
            let earlier =
                before.as_ref().map(|v| v.results().join(DAYS).join(&name)).filter(|f| f.exists());
            if !refresh
                && !there()
                && let Some(earlier) = earlier
            {
                std::fs::create_dir_all(&folder)
                    .with_context(|| format!("cannot create {}", folder.display()))?;
                adopt(&earlier, &file)?;
            }
            if !there() {
                view_results::store(&file, [self.compute_day(version, view, Some(date), memory)])?;
            }
            files.push(file);
        }
        Ok(files)
    }

    /// For each day a mark that changes with what the view shows of it.
    fn marks_of_days(&self, version: &Version, view: &View) -> Result<Vec<(NaiveDate, String)>> {
        let places = [Table::CellPlan, Table::Lau].map(|table| version.table(table.name()));
        let places = places.map(|path| checksum::stated(&path).unwrap_or_default());
        let shared = [self.mark(view)?, places.join(" ")].join(" ");
        let mark = |day: PresenceDay| {
            let mark = hex(&Sha256::digest(format!("{shared} {}", day.fingerprint)));
            (day.date, mark[..MARK].to_owned())
        };
        Ok(presence::days(&version.events())?.into_iter().map(mark).collect())
    }
}

/// Rows of a stored result.
pub fn stored(path: &Path) -> Result<Rows> {
    let context = || format!("{}", path.display());
    let file = File::open(path).with_context(context)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.build());
    Ok(Box::new(reader.with_context(context)?))
}

//! Results of views that are computed day by day: only new days are computed, and the results of other
//! days are linked from the previous version.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use arrow::array::RecordBatchIterator;
use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::Embedded;
use super::day_batches::{DaySize, batches};
use super::session::Memory;
use super::versions::Version;
use super::view_results;
use crate::datasets::presence;
use crate::datasets::presence::PresenceDay;
use crate::domain::ids::hex;
use crate::domain::tables::Table;
use crate::formats::parquet::checksum;
use crate::storage::atomic::{
    AtomicFile, create_folder, link_or_copy, remove_leftovers, sync_folder,
};
use crate::views::View;
use crate::warehouse::Rows;

/// Name of the folder with daily results, in the folder of results.
pub(super) const DAYS: &str = "days";
/// Characters of a fingerprint that are used in file names.
const FINGERPRINT_CHARS: usize = 16;

/// A loaded day, with a fingerprint of everything that the result of a view for it depends on.
struct Day {
    size: DaySize,
    fingerprint: String,
}

impl Embedded {
    /// The files with the results of the loaded days, ordered by date; `path` is the file of the result
    /// for all days. Existing results are reused unless `refresh` is set.
    ///
    /// # Errors
    /// A view that the engine rejects, with file, line and reason.
    pub(super) fn daily_results(
        &self,
        version: &Version,
        view: &View,
        path: &Path,
        (memory, refresh): (Memory, bool),
    ) -> Result<Vec<PathBuf>> {
        // next to the result for all days, which is outside the warehouse if that is read-only
        let folder = path.parent().unwrap_or(Path::new("")).join(DAYS);
        let previous = self.store.previous(version);
        create_folder(&folder)?;
        remove_leftovers(&folder, ".", false);
        let mut files = Vec::new();
        // consecutive days without a result
        let mut missing: Vec<Vec<DaySize>> = vec![Vec::new()];
        for Day { size, fingerprint } in self.daily_fingerprints(version, view)? {
            let name = format!("{}.{}.{fingerprint}.parquet", view.view, size.date);
            let file = folder.join(&name);
            let exists = || !refresh && view_results::describe(&file).is_some();
            let earlier = previous
                .as_ref()
                .map(|v| v.results().join(DAYS).join(&name))
                .filter(|f| f.exists());
            if !refresh
                && !exists()
                && let Some(earlier) = earlier
            {
                link_or_copy(&earlier, &file)?;
            }
            let is_missing = !exists();
            files.push((size.date, file));
            match missing.last_mut().filter(|_| is_missing) {
                Some(days) => days.push(size),
                None => missing.push(Vec::new()),
            }
        }
        let by_date: HashMap<NaiveDate, &PathBuf> = files.iter().map(|(d, f)| (*d, f)).collect();
        for days in missing.iter().flat_map(|days| batches(days)) {
            let days: Vec<(NaiveDate, &Path)> =
                days.iter().map(|day| (day.date, by_date[&day.date].as_path())).collect();
            self.store_days(version, view, &days, memory)?;
        }
        Ok(files.into_iter().map(|(_, file)| file).collect())
    }

    /// Computes and stores the results of consecutive days, together if that is possible.
    fn store_days(
        &self,
        version: &Version,
        view: &View,
        days: &[(NaiveDate, &Path)],
        memory: Memory,
    ) -> Result<()> {
        let dates: Vec<NaiveDate> = days.iter().map(|(date, _)| *date).collect();
        let together = match days.len() {
            1 => None,
            _ => self.compute_days(version, view, &dates, memory)?,
        };
        let mut together = together.map(Vec::into_iter);
        for (date, file) in days {
            let rows: Rows = match together.as_mut().and_then(Iterator::next) {
                Some(rows) => {
                    let schema = rows.schema();
                    Box::new(RecordBatchIterator::new([Ok(rows)], schema))
                }
                None => self.compute_day(version, view, Some(*date), memory)?,
            };
            let target = AtomicFile::in_swept_folder(file)?;
            view_results::write(&target, [Ok(rows)])?;
            target.rename()?;
        }
        days.last().map_or(Ok(()), |(_, file)| sync_folder(file))
    }

    /// The loaded days in order.
    fn daily_fingerprints(&self, version: &Version, view: &View) -> Result<Vec<Day>> {
        let places = [Table::CellPlan, Table::Lau].map(|table| version.table(table.name()));
        let places = places.map(|path| checksum::stored(&path).unwrap_or_default());
        let shared = [self.fingerprint(view)?, places.join(" ")].join(" ");
        let describe = |day: PresenceDay| {
            let mut fingerprint = hex(&Sha256::digest(format!("{shared} {}", day.fingerprint)));
            fingerprint.truncate(FINGERPRINT_CHARS);
            let bytes = day.files.iter().filter_map(|file| Some(file.metadata().ok()?.len())).sum();
            Day { size: DaySize { date: day.date, bytes }, fingerprint }
        };
        Ok(presence::days(&version.events())?.into_iter().map(describe).collect())
    }
}

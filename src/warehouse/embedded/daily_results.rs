//! Results of views that are computed day by day: only new days are computed, and the results of other
//! days are linked from the previous version.

use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::NaiveDate;
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
use crate::storage::atomic::{create_folder, link_or_copy};
use crate::views::View;

/// Name of the folder with daily results, in the folder of results.
pub(super) const DAYS: &str = "days";
/// Characters of a fingerprint that are used in file names.
const FINGERPRINT_CHARS: usize = 16;

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
        let mut files = Vec::new();
        for (date, fingerprint) in self.daily_fingerprints(version, view)? {
            let name = format!("{}.{date}.{fingerprint}.parquet", view.view);
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
                create_folder(&folder)?;
                link_or_copy(&earlier, &file)?;
            }
            if !exists() {
                view_results::store(&file, [self.compute_day(version, view, Some(date), memory)])?;
            }
            files.push(file);
        }
        Ok(files)
    }

    /// For each day, a fingerprint of everything that the result of the view for that day depends on.
    fn daily_fingerprints(
        &self,
        version: &Version,
        view: &View,
    ) -> Result<Vec<(NaiveDate, String)>> {
        let places = [Table::CellPlan, Table::Lau].map(|table| version.table(table.name()));
        let places = places.map(|path| checksum::stored(&path).unwrap_or_default());
        let shared = [self.fingerprint(view)?, places.join(" ")].join(" ");
        let fingerprint = |day: PresenceDay| {
            let fingerprint = hex(&Sha256::digest(format!("{shared} {}", day.fingerprint)));
            (day.date, fingerprint[..FINGERPRINT_CHARS].to_owned())
        };
        Ok(presence::days(&version.events())?.into_iter().map(fingerprint).collect())
    }
}

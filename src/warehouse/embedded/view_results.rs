//! Stored results of views: which periods are there, and which have to be computed.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use super::parquet_files::ResultFile;
use super::periods::Periods;
use super::stored_results::{Period, Piece, StoredResults};
use super::versions::Version;
use super::{Embedded, temporary_results};
use crate::formats::parquet::checksum;
use crate::storage::atomic::{create_folder, remove_leftovers, sync_folder};
use crate::views::View;
use crate::warehouse::Rows;
use crate::warehouse::select::DayColumn;

/// How results are brought up to date.
#[derive(Debug, Clone, Copy, Default)]
pub struct Update {
    /// Compute everything again.
    pub refresh: bool,
    /// The warehouse is locked, so that files which are not needed any more can be removed. The caller syncs the
    /// folder with the lists of all views.
    pub exclusive: bool,
}

/// The stored result of a view.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The folder with the lists of all views.
    pub folder: PathBuf,
    pub results: StoredResults,
    /// Nothing had to be computed.
    pub kept: bool,
}

impl Embedded {
    /// The stored result of a view, if it is that of the version.
    ///
    /// # Errors
    /// A view that depends on itself; inputs that cannot be listed; a damaged version.
    pub(super) fn stored(&self, version: &Version, view: &View) -> Result<Option<Stored>> {
        let key = self.key(version, view)?;
        let folders = [Some(self.store.results()), self.temporary.folder()];
        for folder in folders.into_iter().flatten() {
            let mut results = StoredResults::read(&folder, &view.view);
            if results.key != key && view.accumulate.is_some() {
                continue;
            }
            if results.key != key {
                if !self.are_split_sources_current(version, view, &folder)? {
                    continue;
                }
                let periods = Periods::new(self, version, &folder)?.of(view)?;
                let Some(current) = all_of(&results, &periods) else { continue };
                results.current = current;
            }
            if self.damaged_files(&folder, view, &results).is_empty() && !results.current.is_empty()
            {
                return Ok(Some(Stored { folder, results, kept: true }));
            }
        }
        Ok(None)
    }

    /// True if the views in `folder` are current that are computed as a whole and that others see by period, as
    /// far as the view reads them.
    fn are_split_sources_current(
        &self,
        version: &Version,
        view: &View,
        folder: &Path,
    ) -> Result<bool> {
        for source in self.split_sources(view)? {
            if self.stored(version, source)?.is_none_or(|stored| stored.folder != folder) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The views that are computed as a whole and that others see by period, if those have to be current before
    /// the periods of a view are known.
    fn split_sources<'v>(&'v self, view: &'v View) -> Result<Vec<&'v View>> {
        if view.growth.is_none() {
            return Ok(Vec::new());
        }
        let sources = self.views.dependencies(view)?.into_iter();
        Ok(sources.filter(|source| source.split.is_some()).collect())
    }

    /// The stored result of a view; what is missing or outdated is computed first, in a temporary folder if that
    /// of the warehouse is read-only.
    ///
    /// # Errors
    /// A view that the engine rejects, with file, line and reason.
    pub(super) fn result(&self, version: &Version, view: &View) -> Result<Stored> {
        if let Some(stored) = self.stored(version, view)? {
            return Ok(stored);
        }
        let update = Update::default();
        let folder = self.store.results();
        let mut periods = Periods::new(self, version, &folder)?;
        match self.update(version, view, &folder, &mut periods, update) {
            Err(error) if temporary_results::is_read_only(&error) => {
                let folder = self.temporary.create()?;
                let mut periods = Periods::new(self, version, &folder)?;
                self.update(version, view, &folder, &mut periods, update)
            }
            done => done,
        }
    }

    /// Computes the periods of a view that are missing in `folder` or outdated, and those of the views that it
    /// reads.
    ///
    /// # Errors
    /// As [`Embedded::result`]; a folder that cannot be written.
    pub(super) fn update(
        &self,
        version: &Version,
        view: &View,
        folder: &Path,
        periods: &mut Periods,
        update: Update,
    ) -> Result<Stored> {
        let key = self.key(version, view)?;
        let before = StoredResults::read(folder, &view.view);
        let found = if update.refresh { StoredResults::default() } else { before.clone() };
        if found.key == key && !update.refresh && self.are_intact(folder, view, &found) {
            periods.set_current(view);
            return Ok(Stored { folder: folder.to_owned(), results: found, kept: true });
        }
        // the periods of the view follow from their rows
        for source in self.split_sources(view)? {
            if !periods.has_seen(source) && !periods.is_current(source) {
                let nested = Update { refresh: false, ..update };
                self.update(version, source, folder, periods, nested)?;
            }
        }
        let mut known: HashMap<&Period, &Piece> = HashMap::new();
        let damaged = self.damaged_files(folder, view, &found);
        for piece in found.pieces().filter(|piece| !damaged.contains(&piece.file)) {
            known.insert(&piece.of, piece);
        }
        let wanted = match &view.accumulate {
            None => periods.of(view).map(|periods| periods.to_vec()),
            Some(_) => {
                let parts = found.current.iter().map(|piece| &piece.of);
                periods.parts_of_sum(view, parts.filter(|part| known.contains_key(part)))
            }
        };
        let wanted = wanted.map_err(|error| view.placed(error))?;
        let is_missing = |period: &Period| !known.contains_key(period);
        let missing: Vec<Vec<Period>> = wanted
            .chunk_by(|a, b| is_missing(a) && is_missing(b))
            .filter(|run| is_missing(&run[0]))
            .map(<[Period]>::to_vec)
            .collect();
        let mut results = StoredResults { key, files: before.files.clone(), ..Default::default() };
        let mut computed: HashMap<Period, Piece> = HashMap::new();
        if !missing.is_empty() {
            let own = folder.join(&view.view);
            create_folder(&own)?;
            remove_leftovers(&own, ".", update.exclusive);
            // the results that the periods read
            for source in self.views.sources(view) {
                if periods.is_current(source) {
                    continue;
                }
                let nested = Update { refresh: false, ..update };
                self.update(version, source, folder, periods, nested)?;
            }
            for (piece, file) in self.compute(version, view, folder, &missing)? {
                results.files.insert(piece.file.clone(), file);
                computed.insert(piece.of.clone(), piece);
            }
        }
        results.current = wanted
            .iter()
            .filter_map(|period| {
                computed.get(period).or_else(|| known.get(period).copied()).cloned()
            })
            .collect();
        let current: HashSet<&Piece> = results.current.iter().collect();
        let is_earlier =
            |piece: &&Piece| !current.contains(piece) && !damaged.contains(&piece.file);
        results.earlier = before.current.iter().filter(is_earlier).cloned().collect();
        if let Some(column) = &view.accumulate {
            let sum = found.sum.as_ref().filter(|sum| {
                let files = sum.members.iter().map(|piece| &piece.file).chain([&sum.file]);
                // with another SQL, none of the pieces is left
                files.into_iter().all(|file| !damaged.contains(file))
                    && sum.members.iter().any(|piece| current.contains(piece))
            });
            self.add_up(folder, (view, column), &mut results, sum)?;
        }
        results.retire_files(&before.retired, &folder.join(&view.view), update.exclusive);
        results.write(folder, &view.view)?;
        if !update.exclusive {
            sync_folder(&folder.join(&view.view))?;
        }
        periods.set_current(view);
        Ok(Stored { folder: folder.to_owned(), results, kept: missing.is_empty() })
    }

    /// Stores the rows of a view that were computed elsewhere, as a whole. The caller syncs the folder.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub(super) fn store_whole(
        &self,
        version: &Version,
        view: &View,
        folder: &Path,
        rows: Rows,
    ) -> Result<()> {
        let key = self.key(version, view)?;
        let before = StoredResults::read(folder, &view.view);
        let name = new_file_name();
        let path = folder.join(&view.view).join(&name);
        let day = day_column(view, &rows.schema());
        let mut file = ResultFile::create(&path)?;
        let range = file.add(rows, day.as_deref())?;
        let of = Period { start: None, fingerprint: key.clone(), reads: None };
        let piece = Piece { of, file: name.clone(), range };
        let mut files = before.files.clone();
        files.insert(name, file.finish(&path)?);
        sync_folder(&path)?;
        let earlier = before.current;
        let current = vec![piece];
        let mut results = StoredResults { key, files, current, earlier, ..Default::default() };
        results.retire_files(&before.retired, &folder.join(&view.view), true);
        results.write(folder, &view.view)
    }

    fn are_intact(&self, folder: &Path, view: &View, found: &StoredResults) -> bool {
        self.damaged_files(folder, view, found).is_empty()
    }

    /// The files that are missing or damaged. Only files that seem to be changed are read.
    fn damaged_files(&self, folder: &Path, view: &View, found: &StoredResults) -> HashSet<String> {
        let is_damaged = |name: &&str| {
            let path = folder.join(&view.view).join(name);
            found.files.get(name).is_none_or(|file| match file.time_differs(&path) {
                true => {
                    file.difference(&path).is_some() || !checksum::is_valid(&path).unwrap_or(false)
                }
                false => false,
            })
        };
        found.used_files().into_iter().filter(is_damaged).map(str::to_owned).collect()
    }
}

/// The pieces of all periods, if there are all.
fn all_of(results: &StoredResults, periods: &Rc<Vec<Period>>) -> Option<Vec<Piece>> {
    let known: HashMap<&Period, &Piece> =
        results.pieces().map(|piece| (&piece.of, piece)).collect();
    periods.iter().map(|period| known.get(period).copied().cloned()).collect()
}

/// A name that no other file of the view ever had.
pub fn new_file_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let (number, process) = (NEXT.fetch_add(1, Ordering::Relaxed), std::process::id());
    format!("{now:x}-{process:x}-{number}.parquet")
}

/// The column by whose days the rows of a view are found.
pub fn day_column(view: &View, schema: &arrow::datatypes::Schema) -> Option<String> {
    match DayColumn::of(schema) {
        Some(DayColumn::Date(column) | DayColumn::Time(column)) => Some(column),
        None => view.period.clone(),
    }
}

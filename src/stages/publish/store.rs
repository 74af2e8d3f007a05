//! Writes a release into the store: first its tables and its ledger, which nobody reads before the list of released
//! tables names them, and at last the list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::bytes::parquet;
use super::decide::ReleasedView;
use super::{Request, Settings};
use crate::datasets::published::{
    ALL_DATES, LedgerRow, Published, PublishedView, Release, ReleasedView as ViewOfRelease, Store,
};
use crate::formats::rows::to_batch;
use crate::storage::atomic::{create_folder, write_file};
use crate::storage::folder_update::FolderUpdate;
use crate::storage::sha256::{self, of_bytes};

/// The files of a release in the store, and its ID.
pub struct NewRelease {
    pub id: String,
    text: String,
    /// By view and period.
    tables: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    lau: Option<Vec<u8>>,
    cells: Option<Vec<u8>>,
}

/// Tables of places that are released with the views, as GeoParquet.
#[derive(Debug, Default)]
pub struct Places {
    pub lau: Option<Vec<u8>>,
    pub cells: Option<Vec<u8>>,
}

impl NewRelease {
    /// `files` are the sums of the files of the release folder, and `released` the dates of the release with events.
    ///
    /// # Errors
    /// Rows that cannot be written.
    pub fn new(
        views: &[ReleasedView],
        files: &BTreeMap<String, String>,
        (places, nuts, released): (Places, Option<String>, BTreeSet<NaiveDate>),
        (settings, request): (&Settings, &Request),
    ) -> Result<Self> {
        let (mut tables, mut of_views) = (BTreeMap::new(), BTreeMap::new());
        for view in views {
            let mut of_view = BTreeMap::new();
            for (start, rows) in view.rows.by_period()? {
                of_view.insert(period_name(start), parquet(&rows, None)?);
            }
            let periods = of_view.iter().map(|(period, bytes)| (period.clone(), of_bytes(bytes)));
            let described = ViewOfRelease {
                name: view.classified.view.name.clone(),
                title: view.classified.view.title.clone(),
                rows: view.rows.rows.num_rows() as u64,
                periods: periods.collect(),
            };
            of_views.insert(view.table.view.clone(), described);
            tables.insert(view.table.view.clone(), of_view);
        }
        let dates = || views.iter().filter_map(|view| view.rows.dates);
        let (from, to) = request.range;
        let release = Release {
            from,
            to,
            detail: (&settings.publish).into(),
            nuts,
            first: dates().map(|(first, _)| first).min(),
            last: dates().map(|(_, last)| last).max(),
            dates: released,
            thresholds: settings.publish.thresholds(),
            views: of_views,
            lau: places.lau.as_deref().map(of_bytes),
            cells: places.cells.as_deref().map(of_bytes),
            files: files.clone(),
        };
        let text = serde_json::to_string_pretty(&release)? + "\n";
        let id = of_bytes(text.as_bytes())[..16].to_owned();
        Ok(NewRelease { id, text, tables, lau: places.lau, cells: places.cells })
    }

    /// Writes everything but the list of released tables.
    ///
    /// # Errors
    /// A folder that is not writable.
    pub fn write(&self, store: &Store, views: &[ReleasedView]) -> Result<()> {
        let tables = store.tables();
        create_folder(&tables)?;
        for (view, periods) in &self.tables {
            let update = FolderUpdate::create(&tables.join(view))?;
            for (period, bytes) in periods {
                write_synced(&update.path().join(self.file_name(period)), bytes)?;
            }
            update.commit(|_| false)?;
        }
        for (name, bytes) in [("lau", &self.lau), ("cell_plan", &self.cells)] {
            if let Some(bytes) = bytes {
                write_file(&tables.join(self.file_name(name)), bytes)?;
            }
        }
        let update = FolderUpdate::create(&store.release(&self.id))?;
        let ledger = to_batch(&self.ledger(views), &LedgerRow::schema())?;
        write_synced(&update.path().join("published.parquet"), &parquet(&ledger, None)?)?;
        write_synced(&update.path().join("release.json"), self.text.as_bytes())?;
        update.commit(|_| false)
    }

    /// Replaces the list of released tables.
    ///
    /// # Errors
    /// A folder that is not writable.
    pub fn publish(
        &self,
        store: &Store,
        views: &[ReleasedView],
        settings: &Settings,
    ) -> Result<()> {
        let thresholds = settings.publish.thresholds();
        let mut published = store.read()?.unwrap_or_else(|| Published::new(thresholds));
        published.thresholds = thresholds;
        published.newest.clone_from(&self.id);
        published.releases.push(self.id.clone());
        if self.lau.is_some() {
            published.lau = Some(self.file_name("lau"));
        }
        published.cells = self.cells.as_ref().map(|_| self.file_name("cell_plan"));
        for view in views {
            let listed = published.views.entry(view.table.view.clone()).or_default();
            let mut files = std::mem::take(&mut listed.files);
            for period in self.tables[&view.table.view].keys() {
                files.insert(period.clone(), self.file_name(period));
            }
            *listed = PublishedView {
                keys: view.table.keys.columns.clone(),
                measures: view.table.measures.iter().map(|m| m.column.clone()).collect(),
                is_complete: view.table.keys.are_complete(),
                files,
            };
        }
        published.sums = sums(store, &published)?;
        let text = serde_json::to_string_pretty(&published)? + "\n";
        write_file(&store.list(), text.as_bytes())
    }

    fn file_name(&self, stem: &str) -> String {
        format!("{stem}.{}.parquet", self.id)
    }

    fn ledger(&self, views: &[ReleasedView]) -> Vec<LedgerRow> {
        let mut rows: Vec<LedgerRow> = views
            .iter()
            .flat_map(|view| {
                view.shown.iter().map(|(period, key, measure, value)| LedgerRow {
                    release: self.id.clone(),
                    view: view.table.view.clone(),
                    period: *period,
                    key: key.clone(),
                    measure: measure.clone(),
                    value: *value,
                })
            })
            .collect();
        rows.sort();
        rows
    }
}

/// Removes files that the list does not name: those that a release has replaced, and those of releases that were
/// killed before they became known. The store must be locked, and the newest release known.
///
/// # Errors
/// A folder that is not writable.
pub fn remove_unnamed(store: &Store) -> Result<()> {
    let Some(published) = store.read()? else { return Ok(()) };
    let named = store.files(&published);
    for top in [store.tables(), store.folder().join("releases")] {
        for folder in std::iter::once(top.clone()).chain(entries(&top)?) {
            for path in entries(&folder)?.into_iter().filter(|path| path.is_file()) {
                if !named.contains(&store.name_of(&path)) {
                    fs::remove_file(&path)
                        .with_context(|| format!("cannot remove {}", path.display()))?;
                }
            }
            // one with files stays
            let _ = fs::remove_dir(&folder);
        }
    }
    Ok(())
}

/// The paths in a folder without hidden ones, which are being written; none of a file.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let context = || format!("cannot list {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

/// The sums of all files that the list names. Those that are known already stay, so that a changed file does not
/// get another one.
fn sums(store: &Store, published: &Published) -> Result<BTreeMap<String, String>> {
    let mut sums = BTreeMap::new();
    for name in store.files(published) {
        let sum = match published.sums.get(&name) {
            Some(sum) => sum.clone(),
            None => {
                let path = store.folder().join(&name);
                sha256::of_file(&path).with_context(|| {
                    format!(
                        "cannot read {}; restore the folder from a copy, or publish its dates again",
                        path.display()
                    )
                })?
            }
        };
        sums.insert(name, sum);
    }
    Ok(sums)
}

/// The name of a period in names of files.
fn period_name(start: Option<NaiveDate>) -> String {
    start.map_or_else(|| ALL_DATES.to_owned(), |start| start.to_string())
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    fs::write(path, bytes).with_context(context)?;
    fs::File::open(path).and_then(|file| file.sync_all()).with_context(context)
}

/// Batches of tables of places in the order of their keys.
pub fn geoparquet(rows: &RecordBatch, epsg: u32, types: &[&str]) -> Result<Vec<u8>> {
    parquet(rows, Some(crate::formats::geoparquet::metadata(epsg, types, None)?))
}

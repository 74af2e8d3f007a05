//! The folder that is handed over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use arrow::array::RecordBatch;
use chrono::NaiveDate;

use super::decide::ReleasedView;
use super::manifest::{MANIFEST, Manifest, ManifestView, SUMS, sums_text};
use super::period::Times;
use super::readme::readme;
use super::{Request, Settings};
use crate::datasets::published::Detail;
use crate::domain::tables::Table;
use crate::errors::UsageError;
use crate::storage::atomic::AtomicFolder;
use crate::storage::sha256::of_bytes;
use crate::warehouse::Relation;

/// The formats of the files of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    Csv,
    Parquet,
    Geojson,
}

/// Writes rows of a relation into a new file.
pub type WriteFile<'a> = &'a dyn Fn(Relation, FileFormat, &RecordBatch, &Path) -> Result<()>;

impl FileFormat {
    pub fn extension(self) -> &'static str {
        match self {
            FileFormat::Csv => "csv",
            FileFormat::Parquet => "parquet",
            FileFormat::Geojson => "geojson",
        }
    }
}

/// A release folder that is complete, but does not have its name yet.
pub struct NewFolder {
    pub folder: AtomicFolder,
    /// SHA-256 of all files, by name.
    pub files: BTreeMap<String, String>,
}

/// Writes all files of a release folder. `dates` are those of the release with events.
///
/// # Errors
/// Files that cannot be written.
pub fn write(
    dir: &Path,
    views: &[ReleasedView],
    cells: Option<&RecordBatch>,
    (settings, request): (&Settings, &Request),
    dates: &BTreeSet<NaiveDate>,
    write_file: WriteFile,
) -> Result<NewFolder> {
    let folder = AtomicFolder::create(dir)?;
    let mut files = BTreeMap::new();
    let mut of_views = BTreeMap::new();
    for view in views {
        let relation = Relation::View(view.classified.view);
        let all = &view.rows.rows;
        let mut names = Vec::new();
        for format in [FileFormat::Csv, FileFormat::Parquet, FileFormat::Geojson] {
            let newest;
            let rows = match format {
                FileFormat::Geojson if !has_map(all) => continue,
                FileFormat::Geojson => {
                    newest = view.rows.newest()?;
                    &newest
                }
                _ => all,
            };
            let name = format!("{}.{}", view.classified.view.name, format.extension());
            write_file(relation, format, rows, &folder.path().join(&name))?;
            names.push(name);
        }
        add(&folder, &names, &mut files)?;
        of_views.insert(view.table.view.clone(), ManifestView::new(view, names));
    }
    if let Some(cells) = cells {
        let mut names = Vec::new();
        for format in [FileFormat::Csv, FileFormat::Parquet, FileFormat::Geojson] {
            let name = format!("{}.{}", Table::CellPlan.name(), format.extension());
            let path = folder.path().join(&name);
            write_file(Relation::Table(Table::CellPlan), format, cells, &path)?;
            names.push(name);
        }
        add(&folder, &names, &mut files)?;
    }
    let thresholds = settings.publish.thresholds();
    let detail = Detail::from(&settings.publish);
    let text = readme(request, (detail, thresholds), &of_views);
    add_text(&folder, "README.md", &text, &mut files)?;
    let times = Times {
        night: settings.night,
        day: Some(settings.day),
        window: settings.window,
        dates: dates.clone(),
    };
    let manifest =
        Manifest::new(request.range, (detail, thresholds), times, of_views, files.clone());
    add_text(&folder, MANIFEST, &manifest.text()?, &mut files)?;
    let text = sums_text(&files);
    add_text(&folder, SUMS, &text, &mut files)?;
    Ok(NewFolder { folder, files })
}

/// True for rows of areas. With an hour each, the boundaries would be there once for each hour.
fn has_map(rows: &RecordBatch) -> bool {
    let has = |column| rows.column_by_name(column).is_some();
    has("lau_id") && !has("hour")
}

fn add_text(
    folder: &AtomicFolder,
    name: &str,
    text: &str,
    files: &mut BTreeMap<String, String>,
) -> Result<()> {
    let path = folder.path().join(name);
    fs::write(&path, text)
        .with_context(|| format!("cannot write {name} for {}", folder.target().display()))?;
    add(folder, &[name.to_owned()], files)
}

/// Syncs files and adds their sums.
fn add(
    folder: &AtomicFolder,
    names: &[String],
    files: &mut BTreeMap<String, String>,
) -> Result<()> {
    for name in names {
        let path = folder.path().join(name);
        let context = || format!("cannot write {name} for {}", folder.target().display());
        fs::File::open(&path).and_then(|file| file.sync_all()).with_context(context)?;
        files.insert(name.clone(), of_bytes(&fs::read(&path).with_context(context)?));
    }
    Ok(())
}

/// Refuses a folder that holds something else than a release, before any work is done.
///
/// # Errors
/// [`UsageError`].
pub fn refuse_other(dir: &Path) -> Result<()> {
    let is_there = dir.symlink_metadata().is_ok();
    match is_there && !dir.join(MANIFEST).is_file() {
        true => bail!(UsageError(format!(
            "{} exists and is no release; name a folder that does not exist yet",
            dir.display()
        ))),
        false => Ok(()),
    }
}

/// True if the folder holds exactly these files; false if it does not exist.
///
/// # Errors
/// [`UsageError`] for a folder with another release.
pub fn is_there(dir: &Path, files: &BTreeMap<String, String>) -> Result<bool> {
    if dir.symlink_metadata().is_err() {
        return Ok(false);
    }
    let context = || format!("cannot list {}", dir.display());
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(dir).with_context(context)? {
        names.insert(entry.with_context(context)?.file_name().to_string_lossy().into_owned());
    }
    let is_same = names.len() == files.len()
        && files.iter().all(|(name, expected)| {
            fs::read(dir.join(name)).is_ok_and(|bytes| of_bytes(&bytes) == *expected)
        });
    match is_same {
        true => Ok(true),
        false => bail!(UsageError(format!(
            "{} exists and holds another release; name a folder that does not exist yet, since a release that \
             others may have is not replaced",
            dir.display()
        ))),
    }
}

//! The lists of the stored results of views, one for each view: which rows of which files are the result for
//! which period, and a fingerprint of everything that they were computed from. A new version of the tables
//! uses what it finds there, so that a load adds the results of periods that changed and leaves all others
//! where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files_table::Part;
use super::parquet_files::Range;
use crate::datasets::file_list::{FileList, ListedFile};
use crate::domain::ids::hex;
use crate::storage::atomic::{create_folder, remove_leftovers, sync_folder, write_in_swept_folder};
use crate::views::{Registry, View};

/// A file that is there while a run changes the results, and after one that was interrupted. No view has a name
/// that begins with a dot.
const RUNNING: &str = ".running";

/// The stored results of a view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredResults {
    /// Fingerprint of the version and the view for which `current` is the whole result.
    pub key: String,
    /// The files, in the folder of the view.
    pub files: FileList,
    /// The result, in order of the periods.
    pub current: Vec<Piece>,
    /// What readers of the previous version may still need.
    pub earlier: Vec<Piece>,
    /// Files that are not needed any more. Queries may still read them, so that they are removed later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<String>,
    /// The sum of pieces of an accumulated view that has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<Sum>,
}

/// The sum of the pieces of an accumulated view. Pieces that changed since the file was written are added to it
/// or taken away when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub file: String,
    /// The pieces that are in the file.
    pub members: Vec<Piece>,
    /// Rows of the result.
    pub rows: u64,
}

/// The result for one period.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Row", into = "Row")]
pub struct Piece {
    pub of: Period,
    pub file: String,
    pub range: Range,
}

/// A period of a view, with a fingerprint of everything that its rows depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Period {
    /// The first date; `None` for the result as a whole.
    pub start: Option<NaiveDate>,
    pub fingerprint: String,
    /// The first and the last date that the rows depend on; `None` for all dates.
    pub reads: Option<(NaiveDate, NaiveDate)>,
}

/// The first dates of the first and the last period that are computed, and the dates that they read.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub periods: (NaiveDate, NaiveDate),
    pub reads: (NaiveDate, NaiveDate),
}

impl Span {
    /// The span of consecutive periods; `None` if they are the result as a whole.
    pub fn of(periods: &[Period]) -> Option<Self> {
        let (first, last) = (periods.first()?, periods.last()?);
        let (from, to) = (first.reads?, last.reads?);
        Some(Span { periods: (first.start?, last.start?), reads: (from.0, to.1) })
    }
}

/// A piece as it is written.
type Row = (
    Option<NaiveDate>,
    String,
    Option<(NaiveDate, NaiveDate)>,
    String,
    u64,
    u64,
    Option<(i32, i32)>,
);

impl From<Row> for Piece {
    fn from((start, fingerprint, reads, file, first, rows, days): Row) -> Self {
        let own = start.map(|date| (date, date));
        let of = Period { start, fingerprint, reads: reads.or(own) };
        let day = start.map(|date| date.to_epoch_days());
        let days = days.or(day.map(|day| (day, day)));
        Piece { of, file, range: Range { start: first, rows, days } }
    }
}

impl From<Piece> for Row {
    fn from(Piece { of, file, range }: Piece) -> Self {
        // most pieces have the rows of one date
        let own = of.start.map(|date| (date, date));
        let day = of.start.map(|date| (date.to_epoch_days(), date.to_epoch_days()));
        let reads = of.reads.filter(|reads| Some(*reads) != own);
        // an empty range needs no days
        let days = range.days.filter(|days| Some(*days) != day);
        (of.start, of.fingerprint, reads, file, range.start, range.rows, days)
    }
}

impl StoredResults {
    /// The stored results of a view; none if the list is missing or damaged.
    pub fn read(folder: &Path, view: &str) -> Self {
        let read = || {
            let text = std::fs::read_to_string(list_path(folder, view)).ok()?;
            let (sum, json) = text.split_once('\n')?;
            let is_intact = sum == format!("{:08x}", crc32fast::hash(json.as_bytes()));
            is_intact.then(|| serde_json::from_str(json).ok())?
        };
        read().unwrap_or_default()
    }

    /// Writes the list, after the files in it. The caller syncs the folder, once for several lists.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn write(&self, folder: &Path, view: &str) -> Result<()> {
        let json = serde_json::to_string(self)?;
        let text = format!("{:08x}\n{json}", crc32fast::hash(json.as_bytes()));
        write_in_swept_folder(&list_path(folder, view), text.as_bytes())
    }

    pub fn rows(&self) -> u64 {
        if let Some(sum) = &self.sum {
            return sum.rows;
        }
        self.current.iter().map(|piece| piece.range.rows).sum()
    }

    /// All pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        let members = self.sum.iter().flat_map(|sum| &sum.members);
        self.current.iter().chain(&self.earlier).chain(members)
    }

    /// The names of all files that are needed.
    pub fn used_files(&self) -> BTreeSet<&str> {
        let of_sum = self.sum.iter().map(|sum| sum.file.as_str());
        self.pieces().map(|piece| piece.file.as_str()).chain(of_sum).collect()
    }

    /// The names of the files of the current result.
    pub fn current_files(&self) -> BTreeSet<&str> {
        self.current.iter().map(|piece| piece.file.as_str()).collect()
    }

    /// Retires the files without pieces. If the warehouse is locked, those are removed from the folder of the
    /// view that were retired `before`.
    pub fn retire_files(&mut self, before: &[String], own: &Path, exclusive: bool) {
        let used = self.used_files();
        let unused: Vec<String> =
            self.files.names().filter(|name| !used.contains(name)).map(str::to_owned).collect();
        unused.iter().for_each(|name| self.files.remove(name));
        self.retired = unused;
        for name in before {
            if exclusive {
                let _ = std::fs::remove_file(own.join(name));
            } else {
                self.retired.push(name.clone());
            }
        }
    }

    /// The current result as parts of files, restricted to periods that are chosen by their first dates.
    pub fn parts(
        &self,
        folder: &Path,
        view: &View,
        is_chosen: impl Fn(NaiveDate) -> bool,
    ) -> Vec<Part> {
        let folder = folder.join(&view.view);
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let mut paths: BTreeMap<&str, Arc<PathBuf>> = BTreeMap::new();
        let mut parts = Vec::new();
        for piece in self.current.iter().filter(|piece| piece.of.start.is_none_or(&is_chosen)) {
            let Some(ListedFile { bytes, rows, .. }) = self.files.get(&piece.file) else {
                continue;
            };
            let path =
                paths.entry(&piece.file).or_insert_with(|| Arc::new(folder.join(&piece.file)));
            parts.push(Part {
                path: Arc::clone(path),
                bytes: *bytes,
                file_rows: *rows,
                range: piece.range,
                date: None,
            });
        }
        parts
    }
}

impl Piece {
    /// True if its rows may depend on dates before `before`.
    fn reads_before(&self, before: NaiveDate) -> bool {
        self.of.reads.is_none_or(|(first, _)| first < before)
    }
}

/// A fingerprint of 16 hexadecimal digits.
pub fn shortened(hash: Sha256) -> String {
    hex(&hash.finalize()[..8])
}

fn list_path(folder: &Path, view: &str) -> PathBuf {
    folder.join(format!("{view}.json"))
}

/// The views with stored results.
fn stored_views(folder: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot list {}", folder.display()))?,
    };
    let mut views = BTreeSet::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            views.insert(name.strip_suffix(".json").unwrap_or(&name).to_owned());
        }
    }
    Ok(views.into_iter().collect())
}

/// Prepares the folder for a run that changes it alone: removes what an interrupted run left, and the results
/// of views that are not there any more. Returns the file that tells until the end that the run is unfinished.
///
/// # Errors
/// A folder that cannot be written.
pub fn begin(folder: &Path, views: &Registry) -> Result<PathBuf> {
    create_folder(folder)?;
    remove_leftovers(folder, ".", true);
    let unfinished = folder.join(RUNNING);
    for view in stored_views(folder)? {
        if views.by_sql_name(&view).is_none() {
            let _ = std::fs::remove_file(list_path(folder, &view));
            let _ = std::fs::remove_dir_all(folder.join(&view));
        } else if unfinished.exists() {
            remove_other_files(folder, &view, &StoredResults::read(folder, &view))?;
        }
    }
    std::fs::write(&unfinished, "")
        .with_context(|| format!("cannot write {}", unfinished.display()))?;
    Ok(unfinished)
}

/// Adds the dates before `before` for which there are results by date.
///
/// # Errors
/// A folder that cannot be listed.
pub fn dates_before(
    folder: &Path,
    before: NaiveDate,
    dates: &mut BTreeSet<NaiveDate>,
) -> Result<()> {
    for view in stored_views(folder)? {
        let stored = StoredResults::read(folder, &view);
        dates.extend(stored.pieces().filter_map(|piece| {
            let (first, last) = piece.of.reads?;
            (piece.of.start == Some(first) && first == last && first < before).then_some(first)
        }));
    }
    Ok(())
}

/// Removes all results that may depend on dates before `before`, with the files that contain any of them.
///
/// # Errors
/// A folder that cannot be written.
pub fn remove_before(folder: &Path, before: NaiveDate) -> Result<()> {
    for view in stored_views(folder)? {
        let mut stored = StoredResults::read(folder, &view);
        stored.key = String::new();
        stored.earlier.clear();
        let outdated: BTreeSet<String> = stored
            .pieces()
            .filter(|piece| piece.reads_before(before))
            .map(|piece| piece.file.clone())
            .collect();
        stored.current.retain(|piece| !outdated.contains(&piece.file));
        stored.sum = stored.sum.take().filter(|sum| {
            sum.members.iter().all(|piece| !outdated.contains(&piece.file))
                && sum.members.iter().all(|piece| !piece.reads_before(before))
        });
        stored.retire_files(&[], folder, false);
        stored.retired.clear();
        stored.write(folder, &view)?;
        sync_folder(&list_path(folder, &view))?;
        remove_other_files(folder, &view, &stored)?;
    }
    Ok(())
}

/// Removes the files in the folder of a view that are not in its list.
///
/// # Errors
/// A file that cannot be removed.
fn remove_other_files(folder: &Path, view: &str, stored: &StoredResults) -> Result<()> {
    let folder = folder.join(view);
    for entry in std::fs::read_dir(&folder).into_iter().flatten() {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        if stored.files.get(&entry.file_name().to_string_lossy()).is_none() {
            let path = entry.path();
            std::fs::remove_file(&path)
                .with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    if folder.is_dir() { sync_folder(&folder.join("any")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(start: &str, reads: (&str, &str), days: Option<(i32, i32)>) -> Piece {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        Piece {
            of: Period {
                start: Some(day(start)),
                fingerprint: "0123456789abcdef".to_owned(),
                reads: Some((day(reads.0), day(reads.1))),
            },
            file: "a.parquet".to_owned(),
            range: Range { start: 3, rows: 24, days },
        }
    }

    #[test]
    fn list_is_read_as_it_was_written_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let day = 19_997;
        let stored = StoredResults {
            key: "k".to_owned(),
            current: vec![
                piece("2024-10-01", ("2024-10-01", "2024-10-01"), Some((day, day))),
                piece("2024-09-30", ("2024-09-30", "2024-10-06"), Some((day - 1, day + 5))),
            ],
            ..StoredResults::default()
        };
        stored.write(folder.path(), "v").unwrap();
        assert_eq!(StoredResults::read(folder.path(), "v"), stored);
        let path = list_path(folder.path(), "v");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace(",24", ",25")).unwrap();
        assert_eq!(StoredResults::read(folder.path(), "v"), StoredResults::default());
        assert_eq!(StoredResults::read(folder.path(), "none"), StoredResults::default());
    }
}

//! Merges small files with results, of which each load adds one for each view, so that a query over many dates
//! opens few files. What is merged is bounded, and so is what it costs.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use anyhow::Result;

use super::Embedded;
use super::parquet_files::{ResultFile, read};
use super::stored_results::{Piece, StoredResults};
use super::view_results::new_file_name;
use crate::storage::atomic::sync_folder;
use crate::views::View;

/// Files of a view above which small ones are merged.
const MANY: usize = 48;
/// Size below which a file is small.
const SMALL: u64 = 1 << 20;
/// Size up to which files are merged into one.
const MAX_BYTES: u64 = 4 << 20;

impl Embedded {
    /// Merges the small files of the view that has the most, if these are many; `small_files` are the numbers of
    /// them by view. The caller syncs the folder with the lists.
    ///
    /// # Errors
    /// A damaged file; a folder that cannot be written.
    pub(super) fn merge_small_files(
        &self,
        folder: &Path,
        small_files: &HashMap<&str, usize>,
    ) -> Result<()> {
        // sums are merged by themselves
        let views = self.views.views().iter().filter(|view| view.growth.is_some());
        let views = views.filter(|view| view.accumulate.is_none());
        let counted = views.map(|view| (small_files.get(view.view.as_str()), view));
        match counted.max_by_key(|(files, _)| *files) {
            Some((Some(files), view)) if *files > MANY => merge(folder, view),
            _ => Ok(()),
        }
    }
}

impl StoredResults {
    fn is_small(&self, piece: &Piece) -> bool {
        self.files.get(&piece.file).is_some_and(|file| file.bytes < SMALL)
    }

    /// The number of small files of the current result.
    pub(super) fn small_files(&self) -> usize {
        let names: BTreeSet<&str> = self
            .current
            .iter()
            .filter(|piece| self.is_small(piece))
            .map(|piece| piece.file.as_str())
            .collect();
        names.len()
    }
}

fn merge(folder: &Path, view: &View) -> Result<()> {
    let mut results = StoredResults::read(folder, &view.view);
    let own = folder.join(&view.view);
    let mut current = Vec::new();
    for run in batches(&results) {
        let is_one_file = run.windows(2).all(|pair| pair[0].file == pair[1].file);
        if is_one_file {
            current.extend(run.iter().cloned());
            continue;
        }
        let name = new_file_name();
        let path = own.join(&name);
        let mut file = ResultFile::create(&path)?;
        let mut pieces = Vec::new();
        for piece in run {
            let rows = read(&own.join(&piece.file), piece.range)?;
            let mut range = file.add(rows, None)?;
            range.days = piece.range.days;
            pieces.push(Piece { of: piece.of.clone(), file: name.clone(), range });
        }
        results.files.insert(name, file.finish(&path)?);
        current.extend(pieces);
    }
    sync_folder(&own.join("any"))?;
    results.current = current;
    let retired = std::mem::take(&mut results.retired);
    results.retire_files(&retired, &own, false);
    results.write(folder, &view.view)
}

/// Consecutive pieces that are merged into one file, and those that stay where they are.
fn batches(results: &StoredResults) -> Vec<Vec<Piece>> {
    let mut batches: Vec<Vec<Piece>> = Vec::new();
    let mut bytes = u64::MAX;
    for piece in &results.current {
        let file = results.files.get(&piece.file);
        let share = file.map_or(0, |file| file.bytes * piece.range.rows / file.rows.max(1));
        let fits = results.is_small(piece) && bytes.saturating_add(share) <= MAX_BYTES;
        match batches.last_mut().filter(|_| fits) {
            Some(batch) => {
                batch.push(piece.clone());
                bytes += share;
            }
            None => {
                batches.push(vec![piece.clone()]);
                // nothing joins a large file
                bytes = if results.is_small(piece) { share } else { u64::MAX };
            }
        }
    }
    batches
}

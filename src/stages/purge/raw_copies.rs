//! Raw events: the copies that `extract` made are removed; inputs of others are only listed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use chrono::NaiveDate;

use super::{Expired, Settings};
use crate::config::Extract;
use crate::datasets::copies::CompletedCopies;
use crate::datasets::manifest::{Manifest, RecordedInput};
use crate::domain::time::LocalHour;
use crate::events;
use crate::events::raw::timestamps;
use crate::storage::Location;
use crate::storage::atomic::sync_folder;
use crate::storage::inputs::{InputFile, folder_date};
use crate::storage::lock;

/// Rows that are read at a time.
const BATCH_ROWS: usize = 1 << 16;

/// Adds the event files with rows of dates before `before`.
///
/// # Errors
/// A file that cannot be read.
pub fn find(settings: Settings, before: NaiveDate, expired: &mut Expired) -> Result<()> {
    let to = &settings.extract.to;
    let copies = CompletedCopies::read(to)?;
    let copies: BTreeSet<PathBuf> = copies.events().map(|name| to.join(name)).collect();
    let known = known_dates(settings);
    let is_old = |dates: &BTreeSet<NaiveDate>| dates.first().is_some_and(|first| *first < before);
    for path in copies.iter().filter(|path| path.exists()) {
        let input = InputFile::local(path.clone())?;
        let dates = match known.get(path.as_path()) {
            Some(dates) => dates.clone(),
            None => dates_of(settings, input)?,
        };
        match dates.last() {
            Some(last) if *last < before => expired.copies.push(path.clone()),
            Some(_) if is_old(&dates) => expired.mixed_copies.push(path.clone()),
            _ => {}
        }
    }
    // inputs that cannot be listed are reported by the stages that need them
    let inputs = events::list_files(&settings.data.events).unwrap_or_default();
    for input in inputs.files {
        let path = input.location.as_path();
        let is_copy = matches!(&input.location, Location::Local(path) if copies.contains(path));
        let by_name = || folder_date(path).is_some_and(|date| date < before);
        if !is_copy && known.get(path).map_or_else(by_name, is_old) {
            expired.foreign.push(path.to_owned());
        }
    }
    Ok(())
}

/// The dates of the inputs that the latest run of `compress` read, if they did not change since.
fn known_dates(settings: Settings) -> BTreeMap<PathBuf, BTreeSet<NaiveDate>> {
    let manifest = Manifest::read_unverified(&settings.data.compressed_events());
    let inputs = manifest.into_iter().flat_map(|manifest| manifest.inputs);
    let is_unchanged = |recorded: &RecordedInput| {
        InputFile::local(recorded.path.clone()).is_ok_and(|now| recorded.is_unchanged(&now))
    };
    inputs
        // the dates that a purge took from the list are no longer known
        .filter(|input| !input.dates.is_empty() && !input.has_purged_rows)
        .filter(|input| input.etag.is_some() || is_unchanged(input))
        .map(|input| (input.path, input.dates.into_keys().collect()))
        .collect()
}

/// Reads the dates of the rows of a file; the date of its folder, if none of its rows has a time stamp.
fn dates_of(settings: Settings, input: InputFile) -> Result<BTreeSet<NaiveDate>> {
    let mut dates = BTreeSet::new();
    let by_folder = folder_date(input.location.as_path());
    let files = events::open(settings.columns, vec![input])?;
    for file in &files {
        let parts: Vec<_> = (0..file.parts()).map(|part| (file, part)).collect();
        let ahead = events::prefetch(parts.iter().copied())?;
        let mut times = file.times(settings.time.tz())?;
        for (turn, (file, part)) in parts.into_iter().enumerate() {
            for batch in file.read_arrays(ahead.take(turn)?, part, BATCH_ROWS)? {
                let [_, _, time] = batch.with_context(|| file.place(part))?;
                let times = timestamps(&time, &mut times).with_context(|| file.place(part))?;
                let of_batch: BTreeSet<_> =
                    times.iter().flatten().map(|us| LocalHour::of(us).date()).collect();
                dates.extend(of_batch.into_iter().filter_map(|date| date.calendar()));
            }
        }
    }
    if dates.is_empty() {
        dates.extend(by_folder);
    }
    Ok(dates)
}

/// Removes copies. They stay in the list of copies as purged, so that `extract` does not copy them again.
///
/// # Errors
/// Another run of `extract`; a file that cannot be removed.
pub fn remove(extract: &Extract, paths: &[PathBuf]) -> Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    let _lock = lock::to_write(&extract.to)?;
    let mut copies = CompletedCopies::read(&extract.to)?;
    for path in paths {
        copies.mark_purged(path.strip_prefix(&extract.to).unwrap_or(path));
    }
    copies.write(&extract.to)?;
    for path in paths {
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
        sync_folder(path)?;
    }
    Ok(())
}

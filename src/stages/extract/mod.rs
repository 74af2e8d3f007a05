//! `extract`: copies input files and LAU boundaries to this machine.
//!
//! A file is copied under a hidden name that contains a fingerprint of the source's version, so an
//! interrupted copy is resumed by the next run, and two versions are never mixed.

mod copy;
mod sources;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::config::Extract;
use crate::datasets::copies::CompletedCopies;
use crate::formats::boundaries;
use crate::progress::Progress;
use crate::runtime::parallel::{Tasks, on_threads};
use crate::storage::lock;
use sources::PlannedCopy;

/// How often the list of completed copies is saved.
const SAVE_INTERVAL: Duration = Duration::from_secs(2);

/// Result of a run.
#[derive(Debug, Clone, Default)]
pub struct Extracted {
    pub files: u64,
    pub bytes: u64,
    /// Files that were copied by an earlier run.
    pub already_present: u64,
    pub elapsed: Duration,
    pub warnings: Vec<String>,
}

/// Copies the files that are not present yet; with `force`, all files.
///
/// # Errors
/// Sources that cannot be listed or read, or whose content differs from the listing; a folder that
/// cannot be written. Completed copies are kept, and the next run resumes the others.
pub fn run(config: &Extract, progress: &Progress, force: bool) -> Result<Extracted> {
    let started = Instant::now();
    let to = &config.to;
    let bar = progress.spinner("extract", "listing sources");
    let copies = sources::copies(config)?;
    bar.finish();
    let _lock = lock::to_write(to)?;
    // without the list, copies are recognised by their size
    let completed = CompletedCopies::read(to).unwrap_or_default();
    let before = completed.clone();
    let (present, missing): (Vec<PlannedCopy>, Vec<PlannedCopy>) = copies
        .into_iter()
        .partition(|copy| !force && completed.contains(&copy.name, &copy.input, to));
    let bytes = missing.iter().map(|copy| copy.input.bytes).sum();
    let bar = progress.bar("extract", bytes);
    let shared = Mutex::new((completed, Instant::now()));
    let etags_are_md5 = AtomicBool::new(true);
    let tasks = Tasks::new(&missing);
    let threads = missing.len().min(config.connections as usize);
    let copied = on_threads(threads, || {
        tasks.each(|copy| {
            progress.detail(&format!("extract: {}", copy.name.display()));
            copy::copy(copy, &to.join(&copy.name), force, (&etags_are_md5, &bar))?;
            let mut shared = shared.lock().unwrap_or_else(|e| e.into_inner());
            shared.0.add(&copy.name, &copy.input);
            if shared.1.elapsed() > SAVE_INTERVAL {
                shared.1 = Instant::now();
                shared.0.write(to)?;
            }
            Ok(())
        })
    });
    bar.finish();
    let (mut completed, _) = shared.into_inner().unwrap_or_else(|e| e.into_inner());
    for copy in &present {
        completed.add_if_missing(&copy.name, &copy.input);
    }
    if completed != before {
        completed.write(to)?;
    }
    copied?;
    Ok(Extracted {
        files: missing.len() as u64,
        bytes,
        already_present: present.len() as u64,
        warnings: other_boundaries(to, missing.iter().chain(&present)),
        elapsed: started.elapsed(),
    })
}

/// Warnings about boundary files beside the copied ones, because geojoin reads all of them.
fn other_boundaries<'a>(to: &Path, copies: impl Iterator<Item = &'a PlannedCopy>) -> Vec<String> {
    let copied: BTreeSet<PathBuf> =
        copies.filter(|copy| copy.is_lau).map(|copy| to.join(&copy.name)).collect();
    let Some(folder) = copied.first().and_then(|path| path.parent()) else { return Vec::new() };
    let is_boundary = |path: &PathBuf| {
        boundaries::EXTENSIONS.iter().any(|ending| crate::storage::ends_with(path, ending))
    };
    let is_hidden =
        |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let others = entries.flatten().map(|entry| entry.path());
    others
        .filter(|path| is_boundary(path) && !is_hidden(path) && !copied.contains(path))
        .map(|path| {
            format!(
                "{} is in the same folder as the copied boundaries, and geojoin reads all files of \
                 a folder; remove one of them, or name the file to use in data.lau",
                path.display()
            )
        })
        .collect()
}

//! `extract`: inputs as copies on this machine, for those who want them local.
//!
//! A file is written under a hidden name that tells which edition of which source it is a part of,
//! so a copy that broke off goes on where it ended, whatever ended it, and never mixes two editions.

mod copy;
mod noted;
mod plan;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::config::Config;
use crate::formats::boundaries;
use crate::progress::Progress;
use crate::runtime::parallel::{Tasks, on_threads};
use crate::storage::lock;
use noted::Notes;
use plan::Copy;

/// How often it is noted which copies are complete.
const NOTED_EVERY: Duration = Duration::from_secs(2);

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct Extracted {
    pub files: u64,
    pub bytes: u64,
    /// Files that were there already.
    pub there: u64,
    pub elapsed: Duration,
    /// What the reader should look at.
    pub remarks: Vec<String>,
}

/// Copies what is not there yet; all of it with `force`.
///
/// # Errors
/// Sources that cannot be listed or read, bytes that are not those that were listed, a folder that
/// cannot be written. Copies that are complete stay, and others go on next time.
pub fn run(config: &Config, progress: &Progress, force: bool) -> Result<Extracted> {
    let started = Instant::now();
    let to = &config.extract.to;
    let bar = progress.spinner("extract", "looking at what there is");
    let copies = plan::copies(config)?;
    bar.finish();
    let _lock = lock::to_write(to)?;
    let notes = Notes::read(to);
    let before = notes.clone();
    let (there, missing): (Vec<Copy>, Vec<Copy>) =
        copies.into_iter().partition(|copy| !force && notes.has(copy, to));
    let mut done = Extracted { there: there.len() as u64, ..Extracted::default() };
    let bar = progress.bar("extract", missing.iter().map(|copy| copy.input.bytes).sum());
    let shared = Mutex::new((notes, Instant::now()));
    let tags_are_digests = AtomicBool::new(true);
    let tasks = Tasks::new(&missing);
    let threads = missing.len().min(config.extract.connections as usize);
    let copied = on_threads(threads, || {
        tasks.each(|copy| {
            progress.detail(&format!("extract: {}", copy.name.display()));
            copy::copy(copy, &to.join(&copy.name), force, (&tags_are_digests, &bar))?;
            let mut shared = shared.lock().unwrap_or_else(|e| e.into_inner());
            shared.0.add(copy);
            if shared.1.elapsed() > NOTED_EVERY {
                shared.1 = Instant::now();
                shared.0.write(to)?;
            }
            Ok(())
        })
    });
    bar.finish();
    let (mut notes, _) = shared.into_inner().unwrap_or_else(|e| e.into_inner());
    for copy in &there {
        notes.keep(copy);
    }
    if notes != before {
        notes.write(to)?;
    }
    copied?;
    done.files = missing.len() as u64;
    done.bytes = missing.iter().map(|copy| copy.input.bytes).sum();
    done.remarks = others(to, missing.iter().chain(&there));
    done.elapsed = started.elapsed();
    Ok(done)
}

/// Boundaries beside those that were copied: geojoin would read both.
fn others<'a>(to: &Path, copies: impl Iterator<Item = &'a Copy>) -> Vec<String> {
    let ours: BTreeSet<PathBuf> =
        copies.filter(|copy| copy.is_lau).map(|copy| to.join(&copy.name)).collect();
    let Some(folder) = ours.first().and_then(|path| path.parent()) else { return Vec::new() };
    let is_boundary = |path: &PathBuf| {
        boundaries::EXTENSIONS.iter().any(|ending| crate::storage::ends_with(path, ending))
    };
    let hidden =
        |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let others = entries.flatten().map(|entry| entry.path());
    others
        .filter(|path| is_boundary(path) && !hidden(path) && !ours.contains(path))
        .map(|path| {
            format!(
                "{} lies beside the boundaries that were copied, and geojoin reads all files of a folder; remove one, or name the other in data.lau",
                path.display()
            )
        })
        .collect()
}

//! The note beside the compressed events: what they were made from, and the counts.
//!
//! It lies beside the folder and not in it, because some readers refuse a data set with other
//! files among the Parquet. The parts name their inputs as well, so a note that does not belong to
//! the folder beside it is found out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::io::presence;
use crate::io::provenance::made_from;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of inputs and settings.
    pub fingerprint: String,
    pub rows_in: u64,
    pub rows_rejected: u64,
    /// Rows written, by date.
    pub dates: BTreeMap<String, u64>,
    pub notes: Vec<String>,
}

impl Manifest {
    /// Presence rows written.
    pub fn rows_out(&self) -> u64 {
        self.dates.values().sum()
    }

    /// The manifest of the compressed events in `folder`; `None` where there is none, or one that
    /// tells of other files than lie there.
    pub fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(beside(folder)).ok()?;
        let manifest: Manifest = serde_json::from_str(&text).ok()?;
        let files = presence::files(folder).ok()?;
        let first: BTreeMap<String, &Path> =
            files.iter().rev().map(|f| (f.date.to_string(), f.path.as_path())).collect();
        let of_inputs = |date: &String| {
            let made = first.get(date).and_then(|path| made_from(path));
            made.is_some_and(|m| m.inputs == manifest.fingerprint)
        };
        manifest.dates.keys().all(of_inputs).then_some(manifest)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        crate::io::atomic::write_file(&beside(folder), text.as_bytes())
            .context("the manifest of the compressed events")
    }
}

/// `compressed_events.json` for `compressed_events`.
fn beside(folder: &Path) -> PathBuf {
    folder.with_extension("json")
}

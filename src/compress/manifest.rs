//! The note that lies with the compressed events: what they were made from, and the counts.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Readers of Parquet folders pass over names that begin with an underscore.
const FILE: &str = "_manifest.json";

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

    /// The manifest in `folder`; `None` where there is none, or none that can be read.
    pub fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join(FILE)).ok()?;
        serde_json::from_str(&text).ok()
    }

    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        crate::io::atomic::write_file(
            &folder.join(FILE),
            serde_json::to_string_pretty(self)?.as_bytes(),
        )
        .context("the manifest of the compressed events")
    }
}

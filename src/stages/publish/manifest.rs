//! The manifest of a release folder: what the views are, and the sums of the files. An outsider needs nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::decide::ReleasedView;
use super::period::Times;
use super::table::Table;
use crate::datasets::published::Detail;
use crate::publication::Thresholds;
use crate::views::publication::{
    Keys, Publication, RowsOf, counts, links, needs, total_text, totals,
};

/// Version of the form of release folders.
const VERSION: u32 = 1;
pub const MANIFEST: &str = "manifest.json";
pub const SUMS: &str = "SHA256SUMS";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    version: u32,
    /// The dates that were asked for.
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    #[serde(flatten)]
    pub detail: Detail,
    pub thresholds: Thresholds,
    #[serde(flatten)]
    pub times: Times,
    /// By SQL name.
    pub views: BTreeMap<String, ManifestView>,
    /// SHA-256 of the files, by name.
    pub files: BTreeMap<String, String>,
}

/// What an outsider may know about a view: in the words of its header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestView {
    pub name: String,
    pub title: String,
    pub description: String,
    /// The columns that are no numbers, and those of them that tell the rows apart.
    pub keys: Vec<String>,
    pub identity: Vec<String>,
    /// Every key has a row, and withheld numbers are null. Else rows with withheld numbers are left out.
    pub every_key: bool,
    /// Rows of which any number is shown are there, and their withheld numbers are null.
    #[serde(default)]
    pub any_number: bool,
    pub counts: Vec<String>,
    /// Sums that are not released, and that other views refer to.
    #[serde(default)]
    pub totals: Vec<String>,
    pub sums: Vec<String>,
    pub linked: Vec<String>,
    /// Relations that follow from others.
    #[serde(default)]
    pub follows: Vec<String>,
    /// Counts from which all numbers are computed too.
    #[serde(default)]
    pub needs: Vec<String>,
    pub rows: u64,
    pub files: Vec<String>,
}

impl ManifestView {
    pub fn new(view: &ReleasedView, files: Vec<String>) -> Self {
        let ReleasedView { classified, table, rows, .. } = view;
        let Table { keys, identity, publication, .. } = table;
        ManifestView {
            name: classified.view.name.clone(),
            title: classified.view.title.clone(),
            description: classified.view.description.clone(),
            keys: keys.columns.clone(),
            identity: identity.iter().map(|key| keys.columns[*key].clone()).collect(),
            every_key: keys.are_complete(),
            any_number: keys.rows == RowsOf::AnyNumber,
            counts: publication.counts.iter().flatten().map(ToString::to_string).collect(),
            totals: publication.totals.iter().map(total_text).collect(),
            follows: publication.follows.iter().map(ToString::to_string).collect(),
            needs: publication.needs.iter().map(ToString::to_string).collect(),
            sums: publication.sums.iter().map(ToString::to_string).collect(),
            linked: publication.linked.iter().map(ToString::to_string).collect(),
            rows: rows.rows.num_rows() as u64,
            files,
        }
    }

    /// What the header says.
    ///
    /// # Errors
    /// Words that no header has.
    pub fn publication(&self) -> Result<Publication> {
        Ok(Publication {
            counts: Some(match self.counts.is_empty() {
                true => Vec::new(),
                false => counts(&self.counts.join(", "))?,
            }),
            keys: Some(Keys { columns: self.keys.clone(), rows: self.rows_of() }),
            totals: totals(&self.totals.join("; "))?,
            sums: links("sums", &self.sums.join("; "))?,
            linked: links("linked", &self.linked.join("; "))?,
            follows: links("sums", &self.follows.join("; "))?,
            needs: needs(&self.needs.join("; "))?,
            largest: Vec::new(),
        })
    }

    /// Which keys have a row.
    pub fn rows_of(&self) -> RowsOf {
        match (self.every_key, self.any_number) {
            (true, _) => RowsOf::EveryKey,
            (false, true) => RowsOf::AnyNumber,
            (false, false) => RowsOf::Devices,
        }
    }
}

impl Manifest {
    pub fn new(
        (from, to): (Option<NaiveDate>, Option<NaiveDate>),
        (detail, thresholds): (Detail, Thresholds),
        times: Times,
        views: BTreeMap<String, ManifestView>,
        files: BTreeMap<String, String>,
    ) -> Self {
        Manifest { version: VERSION, from, to, detail, thresholds, times, views, files }
    }

    /// # Errors
    /// Never in practice.
    pub fn text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The manifest of a release folder.
    ///
    /// # Errors
    /// A folder without one, or with one of another version.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("{} cannot be read; is {} a release?", path.display(), folder.display())
        })?;
        let manifest: Manifest = serde_json::from_str(&text)
            .with_context(|| format!("{} is not the manifest of a release", path.display()))?;
        if manifest.version != VERSION {
            bail!(
                "{} has the version {}, and this program knows {VERSION}; use a newer version of mobility",
                path.display(),
                manifest.version
            );
        }
        Ok(manifest)
    }
}

/// The file with the sums, as `sha256sum --check` reads it.
pub fn sums_text(files: &BTreeMap<String, String>) -> String {
    files.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect()
}

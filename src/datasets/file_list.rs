//! Lists of Parquet files with their checksums, by which missing, additional and changed files are found
//! without reading the data.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::Metadata;
use std::ops::Bound;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::formats::parquet::{checksum, footer};
use crate::runtime::parallel::in_chunks;

/// Fewer files than these are compared by one thread.
const MIN_CHUNK: usize = 128;

/// Files by their path relative to a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileList(BTreeMap<String, ListedFile>);

/// A file as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedFile {
    pub rows: u64,
    pub bytes: u64,
    /// The checksum in the footer.
    pub checksum: String,
    /// Time of its last change when it was listed, nanoseconds since 1970. A file with the same size and time
    /// is not opened to compare its checksum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_ns: Option<i128>,
}

/// How a file differs from a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Missing,
    Additional,
    Changed,
}

/// A file that differs from a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub path: PathBuf,
    pub change: Change,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = match self.change {
            Change::Missing => "is missing",
            Change::Additional => "does not belong there",
            Change::Changed => "is not the file that was written",
        };
        write!(f, "{} {change}", self.path.display())
    }
}

/// The first differences as text; `None` if there are none.
pub fn describe<'a>(differences: impl IntoIterator<Item = &'a Difference>) -> Option<String> {
    let mut differences = differences.into_iter();
    let first = differences.next()?;
    Some(match differences.count() {
        0 => first.to_string(),
        more => format!("{first}, and so on for {more} more"),
    })
}

impl ListedFile {
    /// Describes a complete file from its footer.
    ///
    /// # Errors
    /// A file that is not a complete Parquet file.
    pub fn of(path: &Path) -> Result<Self> {
        let context = || format!("cannot read {}", path.display());
        let file = std::fs::File::open(path).with_context(context)?;
        let metadata = footer::read(&file).with_context(context)?;
        let rows = metadata.metadata().file_metadata().num_rows().max(0) as u64;
        ListedFile::with_rows(path, rows)
    }

    /// Describes a file whose number of rows is known.
    ///
    /// # Errors
    /// A file without a checksum.
    pub fn with_rows(path: &Path, rows: u64) -> Result<Self> {
        let stored = checksum::stored(path);
        let parts = stored.as_deref().and_then(|stored| stored.split_once(' '));
        let (checksum, bytes) = parts
            .and_then(|(checksum, bytes)| Some((checksum.to_owned(), bytes.parse().ok()?)))
            .with_context(|| {
                format!("{} has no checksum; recreate it with --force", path.display())
            })?;
        Ok(ListedFile { rows, bytes, checksum, modified_ns: None })
    }

    /// The same with the time of the last change of the file at `path`.
    pub fn with_time_of(self, path: &Path) -> Self {
        let modified_ns = std::fs::metadata(path).ok().map(|meta| time_of(&meta));
        ListedFile { modified_ns, ..self }
    }

    /// True if the file at `path` is missing, or may have been changed since it was listed.
    pub fn time_differs(&self, path: &Path) -> bool {
        std::fs::metadata(path).map_or(true, |meta| {
            meta.len() != self.bytes || self.modified_ns != Some(time_of(&meta))
        })
    }

    /// How the file at `path` differs; `None` if it is this one.
    pub fn difference(&self, path: &Path) -> Option<Difference> {
        if !self.time_differs(path) || self.is_at(path) {
            return None;
        }
        let change = if path.exists() { Change::Changed } else { Change::Missing };
        Some(Difference { path: path.to_owned(), change })
    }

    fn is_at(&self, path: &Path) -> bool {
        let stored = checksum::stored(path);
        stored.is_some_and(|stored| stored == format!("{} {}", self.checksum, self.bytes))
    }
}

fn time_of(meta: &Metadata) -> i128 {
    i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())
}

impl FileList {
    pub fn insert(&mut self, name: String, file: ListedFile) {
        self.0.insert(name, file);
    }

    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The files with their names, in order.
    pub fn files(&self) -> impl Iterator<Item = (&str, &ListedFile)> {
        self.0.iter().map(|(name, file)| (name.as_str(), file))
    }

    pub fn get(&self, name: &str) -> Option<&ListedFile> {
        self.0.get(name)
    }

    /// Rows of all files.
    pub fn rows(&self) -> u64 {
        self.0.values().map(|file| file.rows).sum()
    }

    /// Compares the listed files whose names begin with `prefix` with those that are `found` in
    /// `folder`.
    pub fn differences(
        &self,
        folder: &Path,
        prefix: &str,
        found: impl IntoIterator<Item = String>,
    ) -> Vec<Difference> {
        let difference = |name: &str, change| Difference { path: folder.join(name), change };
        let mut differences = Vec::new();
        let mut left: BTreeMap<&str, &ListedFile> = self
            .0
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .map(|(name, file)| (name.as_str(), file))
            .take_while(|(name, _)| name.starts_with(prefix))
            .collect();
        let mut both = Vec::new();
        for name in found {
            match left.remove(name.as_str()) {
                None => differences.push(difference(&name, Change::Additional)),
                Some(file) => both.push((name, file)),
            }
        }
        let changed = |files: &[(String, &ListedFile)]| -> Vec<Difference> {
            let changed = files.iter().filter(|(name, file)| !file.is_at(&folder.join(name)));
            changed.map(|(name, _)| difference(name, Change::Changed)).collect()
        };
        let of_chunks = in_chunks(&both, MIN_CHUNK, |files| Ok(changed(files)));
        differences.extend(of_chunks.unwrap_or_else(|_| changed(&both)));
        // first, since a missing file explains an additional one
        let missing = left.into_keys().map(|name| difference(name, Change::Missing));
        missing.chain(differences).collect()
    }
}

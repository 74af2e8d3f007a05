//! From what the config names (files, folders, globs, URLs) to a sorted list of files and objects.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, anyhow, bail};
use chrono::NaiveDate;

use crate::domain::ids::hex;

use super::object_store::listing;
use crate::storage::object_store::ObjectUrl;
use crate::storage::{Location, ends_with};

/// One input file or object as it was when listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    pub location: Location,
    pub bytes: u64,
    pub edition: Edition,
}

/// What is another when the content is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edition {
    /// Time of change, nanoseconds since 1970, or 0 where nothing tells it.
    Modified(u128),
    /// The ETag that a store gave the object.
    Tag(String),
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Edition::Modified(ns) => ns.fmt(f),
            Edition::Tag(tag) => tag.fmt(f),
        }
    }
}

/// Lists the files behind `specs`, sorted by path, each once. Folders and prefixes are searched to
/// any depth for the given `extensions`; names that start with `.` or `_` are passed over, as Spark
/// and Hive do. `key` is the config key, for messages.
///
/// # Errors
/// A path that does not exist, a glob that matches nothing, a folder without such a file; a store
/// that gives no listing.
pub fn list(key: &str, specs: &[String], extensions: &[&str]) -> Result<Vec<InputFile>> {
    let mut paths = Vec::new();
    let mut objects = Vec::new();
    let nothing = |spec: &dyn fmt::Display| {
        let endings = extensions.join(" or .");
        anyhow!("{key}: no .{endings} file in {spec}; it is empty or holds other files")
    };
    for spec in specs {
        let before = paths.len();
        if ObjectUrl::is_meant_by(spec) {
            let url = ObjectUrl::parse(spec).with_context(|| key.to_owned())?;
            let found = listing::list(&url, extensions).with_context(|| key.to_owned())?;
            if found.is_empty() {
                return Err(nothing(&url));
            }
            objects.extend(found);
            continue;
        }
        let path = Path::new(spec);
        if path.is_dir() {
            walk(path, extensions, &mut paths)?;
        } else if path.exists() {
            paths.push(path.to_owned());
        } else if spec.contains(['*', '?', '[']) {
            let found =
                glob::glob(spec).with_context(|| format!("{key}: {spec} is not a valid glob"))?;
            for entry in found {
                let entry = entry.with_context(|| format!("{key}: {spec}"))?;
                if entry.is_dir() {
                    walk(&entry, extensions, &mut paths)?;
                } else {
                    paths.push(entry);
                }
            }
        } else {
            bail!(
                "{key}: {spec} does not exist; correct the path, or make data with `mobility synth`"
            );
        }
        if paths.len() == before {
            return Err(nothing(spec));
        }
    }
    paths.sort();
    paths.dedup();
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    objects.dedup();
    Ok(paths
        .into_iter()
        .map(InputFile::local)
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .chain(objects)
        .collect())
}

impl InputFile {
    /// A file on this machine as it is now.
    ///
    /// # Errors
    /// A path that is not there or may not be looked at.
    pub fn local(path: PathBuf) -> Result<Self> {
        let meta =
            fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let modified_ns = meta
            .modified()
            .ok()
            .and_then(|t| t.duration_since(UNIX_EPOCH).ok())
            .map_or(0, |d| d.as_nanos());
        let edition = Edition::Modified(modified_ns);
        Ok(InputFile { location: Location::Local(path), bytes: meta.len(), edition })
    }
}

/// Refuses files that are no more what they were when they were listed. Objects are not asked for
/// again: each range that was read of one came with its ETag.
///
/// # Errors
/// The first that has another size or time, or is gone.
pub fn unchanged(files: &[InputFile]) -> Result<()> {
    for file in files {
        let Location::Local(path) = &file.location else { continue };
        let now = InputFile::local(path.clone());
        if now.as_ref().ok() != Some(file) {
            let what = if now.is_ok() { "changed" } else { "vanished" };
            bail!(
                "{} {what} while it was read; run again when all files are complete",
                file.location
            );
        }
    }
    Ok(())
}

fn walk(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot list the folder {}", folder.display()))?;
    for entry in entries {
        let entry =
            entry.with_context(|| format!("cannot list the folder {}", folder.display()))?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(['.', '_']) {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            walk(&path, extensions, found)?;
        } else if extensions.iter().any(|ending| ends_with(&path, ending)) {
            found.push(path);
        }
    }
    Ok(())
}

/// The date that the folders of a path name: `year=2024/month=10/day=1`, `date=2024-10-01` or
/// `2024-10-01`.
pub fn folder_date(path: &Path) -> Option<NaiveDate> {
    let folders = path.parent()?.iter().map(|f| f.to_string_lossy().into_owned());
    let (mut year, mut month, mut day, mut date) = (None, None, None, None);
    for folder in folders {
        match folder.split_once('=') {
            Some(("year", number)) => year = number.parse().ok(),
            Some(("month", number)) => month = number.parse().ok(),
            Some(("day", number)) => day = number.parse().ok(),
            Some(("date", text)) => date = text.parse().ok(),
            Some(_) => {}
            None => date = folder.parse().ok().or(date),
        }
    }
    date.or_else(|| NaiveDate::from_ymd_opt(year?, month?, day?))
}

/// A text that changes when the files or the `settings` that matter to an output change: the
/// SHA-256, in hex, of version, settings, and each file's place, size and edition.
pub fn fingerprint(files: &[InputFile], settings: &str) -> String {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    hash.update(concat!(env!("CARGO_PKG_VERSION"), "\n"));
    hash.update(settings);
    for file in files {
        hash.update(format!("\n{}\t{}\t{}", file.location, file.bytes, file.edition));
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::folder_date;

    #[test]
    fn folders_name_a_date_in_the_usual_ways() {
        let date = |path: &str| folder_date(Path::new(path)).map(|d| d.to_string());
        let first = Some("2024-10-01".to_owned());
        assert_eq!(date("raw/year=2024/month=10/day=1/a.parquet"), first);
        assert_eq!(date("raw/date=2024-10-01/a.parquet"), first);
        assert_eq!(date("raw/2024-10-01/a.parquet"), first);
        assert_eq!(date("raw/year=2024/month=10/a.parquet"), None);
        assert_eq!(date("raw/year=2024/month=2/day=30/a.parquet"), None);
        assert_eq!(date("2024-10-01.parquet"), None);
    }
}

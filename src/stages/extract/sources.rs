//! Lists the sources to copy and names their copies.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::config::Extract;
use crate::errors::UsageError;
use crate::formats::{boundaries, table};
use crate::storage::inputs::{InputFile, list};
use crate::storage::object_store::ObjectUrl;
use crate::storage::object_store::download;

/// A file or object, and the path of its copy relative to `extract.to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCopy {
    pub input: InputFile,
    pub name: PathBuf,
    pub is_lau: bool,
}

/// Lists the sources.
///
/// # Errors
/// [`UsageError`] if no source is given; a source that cannot be listed; two sources with the same
/// name.
pub fn copies(config: &Extract) -> Result<Vec<PlannedCopy>> {
    if config.events.is_empty() && config.cells.is_empty() && config.lau_year.is_none() {
        bail!(UsageError(
            "nothing to copy; name events and cells with extract.events and extract.cells (or \
             --events, --cells), and a year of LAU boundaries with extract.lau_year (or --lau-year)"
                .to_owned()
        ));
    }
    let tables = table::EXTENSIONS;
    let mut copies = of("extract.events", &config.events, "events", &tables)?;
    copies.extend(of("extract.cells", &config.cells, "cells", &tables)?);
    if let Some(year) = config.lau_year {
        let url = boundaries_url(config, year);
        let found = of("extract.lau_url", &[url], "lau_boundaries", &boundaries::EXTENSIONS);
        let found = found.with_context(|| {
            format!(
                "LAU boundaries of extract.lau_year = {year}, lau_scale = {:?}, lau_crs = {}",
                config.lau_scale, config.lau_crs
            )
        })?;
        copies.extend(found.into_iter().map(|copy| PlannedCopy { is_lau: true, ..copy }));
    }
    let mut names = BTreeMap::new();
    for copy in &copies {
        if let Some(other) = names.insert(&copy.name, &copy.input.location)
            && *other != copy.input.location
        {
            bail!(
                "{other} and {} would both become {}; copy them in separate runs with different extract.to",
                copy.input.location,
                copy.name.display()
            );
        }
    }
    copies.dedup();
    Ok(copies)
}

fn boundaries_url(config: &Extract, year: u16) -> String {
    config
        .lau_url
        .replace("{year}", &year.to_string())
        .replace("{scale}", &config.lau_scale)
        .replace("{crs}", &config.lau_crs.to_string())
}

fn of(key: &str, specs: &[String], folder: &str, endings: &[&str]) -> Result<Vec<PlannedCopy>> {
    let mut copies = Vec::new();
    for spec in specs {
        let (inputs, base) = if ObjectUrl::is_url(spec) {
            let url = ObjectUrl::parse(spec).with_context(|| key.to_owned())?;
            let base = base(Path::new(url.redacted()));
            let inputs = if url.is_http() {
                vec![download::head(&url).with_context(|| key.to_owned())?]
            } else {
                list(key, std::slice::from_ref(spec), endings)?
            };
            (inputs, base)
        } else {
            (list(key, std::slice::from_ref(spec), endings)?, base(Path::new(spec)))
        };
        for input in inputs {
            let name = Path::new(folder).join(name(input.location.as_path(), &base)?);
            copies.push(PlannedCopy { input, name, is_lau: false });
        }
    }
    Ok(copies)
}

/// The leading folders of a source that contain no wildcard.
fn base(spec: &Path) -> PathBuf {
    let plain = |part: &Component| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
    spec.components().take_while(plain).collect()
}

/// The path of a source relative to `base`, which keeps folders that contain a date.
fn name(path: &Path, base: &Path) -> Result<PathBuf> {
    let below = path.strip_prefix(base).unwrap_or(Path::new(""));
    let below = match below.as_os_str().is_empty() {
        true => Path::new(path.file_name().unwrap_or_default()),
        false => below,
    };
    let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || below.as_os_str().is_empty() {
        bail!(
            "cannot derive the name of a copy from {}; specify a file, or a folder that contains it",
            path.display()
        );
    }
    Ok(below.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(spec: &str, path: &str) -> Option<String> {
        let name = name(Path::new(path), &base(Path::new(spec))).ok()?;
        Some(name.to_string_lossy().into_owned())
    }

    #[test]
    fn copy_keeps_the_folders_below_its_source() {
        let hive = "s3://bucket/raw/year=2024/month=10/day=1/a.parquet";
        let below = Some("year=2024/month=10/day=1/a.parquet".to_owned());
        assert_eq!(name_of("s3://bucket/raw", hive), below);
        assert_eq!(name_of("s3://bucket/raw/", hive), below);
        assert_eq!(name_of("s3://bucket/raw/year=*/*/*/*.parquet", hive), below);
        assert_eq!(name_of("s3://bucket/raw/a.csv", "s3://bucket/raw/a.csv"), Some("a.csv".into()));
        assert_eq!(
            name_of("https://host/a/b.json", "https://host/a/b.json"),
            Some("b.json".into())
        );
        assert_eq!(name_of("in/cells", "in/cells/x/y.csv"), Some("x/y.csv".into()));
    }

    #[test]
    fn name_outside_the_target_folder_is_rejected() {
        for path in ["s3://bucket/raw/../../etc/passwd", "s3://bucket/raw/a/../../b"] {
            assert_eq!(name_of("s3://bucket/raw", path), None, "{path}");
        }
        assert_eq!(name_of("https://host/", "https://host/"), Some("host".into()));
    }
}

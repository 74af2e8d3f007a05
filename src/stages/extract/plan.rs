//! What is to be copied, and to where.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::config::{Config, Extract};
use crate::errors::UsageError;
use crate::events::input;
use crate::formats::boundaries;
use crate::storage::inputs::{InputFile, list};
use crate::storage::object_store::ObjectUrl;
use crate::storage::object_store::download;

/// A file or object, and the name of its copy below the folder of all copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    pub input: InputFile,
    pub name: PathBuf,
    pub is_lau: bool,
}

/// Lists the sources.
///
/// # Errors
/// [`UsageError`] where none is named; a source that cannot be listed; two with one name.
pub fn copies(config: &Config) -> Result<Vec<Copy>> {
    let extract = &config.extract;
    if extract.events.is_empty() && extract.cells.is_empty() && extract.lau_year.is_none() {
        bail!(UsageError(
            "nothing to copy; name events and cells with extract.events and extract.cells (or \
             --events, --cells), and a year of LAU boundaries with extract.lau_year (or --lau-year)"
                .to_owned()
        ));
    }
    let tables = input::endings();
    let mut copies = of("extract.events", &extract.events, "events", &tables)?;
    copies.extend(of("extract.cells", &extract.cells, "cells", &tables)?);
    if let Some(year) = extract.lau_year {
        let url = boundaries_url(extract, year);
        let found = of("extract.lau_url", &[url], "lau_boundaries", &boundaries::EXTENSIONS);
        let found = found.with_context(|| {
            format!(
                "LAU boundaries of extract.lau_year = {year}, lau_scale = {:?}, lau_crs = {}",
                extract.lau_scale, extract.lau_crs
            )
        })?;
        copies.extend(found.into_iter().map(|copy| Copy { is_lau: true, ..copy }));
    }
    let mut names = BTreeMap::new();
    for copy in &copies {
        if let Some(other) = names.insert(&copy.name, &copy.input.location)
            && *other != copy.input.location
        {
            bail!(
                "{other} and {} would both become {}; copy them one after the other, with another extract.to",
                copy.input.location,
                copy.name.display()
            );
        }
    }
    copies.dedup();
    Ok(copies)
}

fn boundaries_url(extract: &Extract, year: u16) -> String {
    extract
        .lau_url
        .replace("{year}", &year.to_string())
        .replace("{scale}", &extract.lau_scale)
        .replace("{crs}", &extract.lau_crs.to_string())
}

fn of(key: &str, specs: &[String], folder: &str, endings: &[&str]) -> Result<Vec<Copy>> {
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
            copies.push(Copy { input, name, is_lau: false });
        }
    }
    Ok(copies)
}

/// The folders of a source that hold no wildcard.
fn base(spec: &Path) -> PathBuf {
    let plain = |part: &Component| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
    spec.components().take_while(plain).collect()
}

/// The path of a source below `base`, so that folders that name a date stay.
fn name(path: &Path, base: &Path) -> Result<PathBuf> {
    let below = path.strip_prefix(base).unwrap_or(Path::new(""));
    let below = match below.as_os_str().is_empty() {
        true => Path::new(path.file_name().unwrap_or_default()),
        false => below,
    };
    let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || below.as_os_str().is_empty() {
        bail!("{} gives no name for its copy; name a file, or a folder above it", path.display());
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
    fn a_copy_keeps_the_folders_below_its_source() {
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
    fn a_name_that_leads_elsewhere_is_refused() {
        for path in ["s3://bucket/raw/../../etc/passwd", "s3://bucket/raw/a/../../b"] {
            assert_eq!(name_of("s3://bucket/raw", path), None, "{path}");
        }
        assert_eq!(name_of("https://host/", "https://host/"), Some("host".into()));
    }
}

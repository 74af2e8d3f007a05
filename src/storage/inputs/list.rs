//! From the paths, globs and URLs of the configuration to a sorted list of input files.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::file::InputFile;
use crate::config::known_scheme;
use crate::storage::location::ends_with;
use crate::storage::object_store::{self, ObjectUrl};

/// Lists the files behind `specs`, each once, sorted by path. Folders and prefixes are searched
/// recursively for files with one of the `extensions`; names that start with `.` or `_` are skipped,
/// as Spark and Hive do. `key` is the config key, for messages.
///
/// # Errors
/// A path that does not exist, a glob without a match, a folder without such a file, an object store
/// that cannot be listed.
pub fn list(key: &str, specs: &[String], extensions: &[&str]) -> Result<Vec<InputFile>> {
    let mut paths = Vec::new();
    let mut objects = Vec::new();
    let nothing = |spec: &dyn fmt::Display| {
        let endings = extensions.join(" or .");
        anyhow!("{key}: no .{endings} file in {spec}; it is empty or holds other files")
    };
    for spec in specs {
        if ObjectUrl::is_url(spec) {
            let url = ObjectUrl::parse(spec).with_context(|| key.to_owned())?;
            let found = object_store::list(&url, extensions).with_context(|| key.to_owned())?;
            if found.is_empty() {
                return Err(nothing(&url));
            }
            objects.extend(found);
            continue;
        }
        let found = list_local(key, spec, extensions)?;
        if found.is_empty() {
            return Err(nothing(spec));
        }
        paths.extend(found);
    }
    paths.sort();
    paths.dedup();
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    objects.dedup();
    let mut files = paths.into_iter().map(InputFile::local).collect::<Result<Vec<_>>>()?;
    files.extend(objects);
    Ok(files)
}

/// The paths behind a path or glob.
fn list_local(key: &str, spec: &str, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let path = Path::new(spec);
    if let Some(scheme) = known_scheme(spec).filter(|_| !path.exists()) {
        bail!("{key}: a URL needs a colon and two slashes behind {scheme}");
    }
    let mut paths = Vec::new();
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
        bail!("{key}: {spec} does not exist; correct the path, or make data with `mobility synth`");
    }
    Ok(paths)
}

fn walk(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) -> Result<()> {
    let context = || format!("cannot list the folder {}", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
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

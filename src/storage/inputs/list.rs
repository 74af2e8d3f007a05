//! From the paths, globs and URLs of the configuration to a sorted list of input files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::file::InputFile;
use super::glob;
use super::table_format::refuse_tables;
use super::walk::Found;
use super::wanted::{Wanted, is_glob};
use crate::config::known_scheme;
use crate::storage::Location;
use crate::storage::object_store::{self, ObjectUrl};

/// The files behind the specifications of one input.
#[derive(Debug, Default)]
pub struct Listed {
    /// Each once, sorted by path, objects last.
    pub files: Vec<InputFile>,
    /// A message that names files beside them which are not read, if there are any.
    pub passed_over: Option<String>,
}

/// [`list_all`] without what is passed over.
///
/// # Errors
/// As [`list_all`].
pub fn list(key: &str, specs: &[String], extensions: &[&str]) -> Result<Vec<InputFile>> {
    Ok(list_all(key, specs, extensions, |_| false)?.files)
}

/// Lists the files behind `specs`, each once, sorted by path, even if links lead to it. Folders and
/// prefixes are searched recursively for files with one of the `extensions`; names that start with `.` or
/// `_` are skipped, as Spark and Hive do. Files for which `belongs` is true accompany others. `key` is the
/// config key, for messages.
///
/// # Errors
/// A path that does not exist, a glob without a match, a folder without such a file, a folder that belongs
/// to a table format, a name that is not UTF-8, an object store that cannot be listed.
pub fn list_all(
    key: &str,
    specs: &[String],
    extensions: &[&str],
    belongs: impl Fn(&Location) -> bool,
) -> Result<Listed> {
    let mut found = Found::default();
    let mut objects = Vec::new();
    let mut passed_over = Vec::new();
    let nothing = |spec: &dyn fmt::Display| {
        let endings = extensions.join(" or .");
        anyhow!("{key}: no .{endings} file in {spec}; it is empty or holds other files")
    };
    let wanted = Wanted { extensions };
    for spec in specs {
        if ObjectUrl::is_url(spec) {
            let url = ObjectUrl::parse(spec).with_context(|| key.to_owned())?;
            let listed = object_store::list(&url, &wanted).with_context(|| key.to_owned())?;
            if listed.files.is_empty() {
                return Err(nothing(&url));
            }
            objects.extend(listed.files);
            passed_over.extend(listed.passed_over);
            continue;
        }
        let before = found.files.len();
        add_local(key, spec, &wanted, &mut found)?;
        if found.files.len() == before {
            return Err(nothing(spec));
        }
    }
    // the path that leads over the fewest links comes first
    found.files.sort();
    let mut by_target: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for (_, path) in found.files {
        refuse_not_utf8(key, &path)?;
        let target = found.resolved.resolve(&path).unwrap_or_else(|_| path.clone());
        by_target.entry(target).or_insert(path);
    }
    refuse_tables(by_target.keys().map(PathBuf::as_path), &found.plain_folders)
        .with_context(|| key.to_owned())?;
    let mut paths: Vec<PathBuf> = by_target.into_values().collect();
    paths.sort();
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    objects.dedup();
    let mut files = paths.into_iter().map(InputFile::local).collect::<Result<Vec<_>>>()?;
    files.extend(objects);
    passed_over.extend(found.passed_over.into_iter().map(Location::Local));
    passed_over.sort();
    passed_over.dedup();
    passed_over.retain(|other| !belongs(other) && !files.iter().any(|f| f.location == *other));
    let passed_over = passed_over_message(key, &passed_over, extensions);
    Ok(Listed { files, passed_over })
}

fn passed_over_message(key: &str, all: &[Location], extensions: &[&str]) -> Option<String> {
    let others = match all.len().checked_sub(1)? {
        0 => " is".to_owned(),
        others => format!(" and {others} more are"),
    };
    Some(format!(
        "{key}: {}{others} not read, since only .{} files are; convert what is missing, or move it to \
         another folder",
        all[0],
        extensions.join(" or .")
    ))
}

/// # Errors
/// A path that is not UTF-8: records of inputs, views and reports could not name it.
fn refuse_not_utf8(key: &str, path: &Path) -> Result<()> {
    if path.to_str().is_none() {
        bail!("{key}: the name of the file {path:?} is not UTF-8; rename it");
    }
    Ok(())
}

/// Adds the files behind a path or glob.
fn add_local(key: &str, spec: &str, wanted: &Wanted, found: &mut Found) -> Result<()> {
    let path = Path::new(spec);
    if let Some(scheme) = known_scheme(spec).filter(|_| !path.exists()) {
        bail!("{key}: a URL needs a colon and two slashes behind {scheme}");
    }
    if path.is_dir() {
        return found.walk(path, 0, wanted);
    }
    if path.exists() {
        found.files.push((0, path.to_owned()));
        return Ok(());
    }
    if !is_glob(spec) {
        bail!("{key}: {spec} does not exist; correct the path, or make data with `mobility synth`");
    }
    for entry in glob::matches(spec).with_context(|| key.to_owned())? {
        if entry.is_dir() {
            found.walk(&entry, usize::from(entry.is_symlink()), wanted)?;
        } else if wanted.is_match(path, &entry) {
            found.files.push((usize::from(entry.is_symlink()), entry));
        } else {
            found.pass_over(entry);
        }
    }
    Ok(())
}

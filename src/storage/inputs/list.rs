//! From the paths, globs and URLs of the configuration to a sorted list of input files.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rustix::io::Errno;

use super::file::InputFile;
use super::table_format::refuse_tables;
use super::walk::{Found, Wanted, is_hidden};
use crate::config::known_scheme;
use crate::storage::object_store::{self, ObjectUrl};

/// Lists the files behind `specs`, each once, sorted by path, even if links lead to it. Folders and
/// prefixes are searched recursively for files with one of the `extensions`; names that start with `.` or
/// `_` are skipped, as Spark and Hive do. `key` is the config key, for messages.
///
/// # Errors
/// A path that does not exist, a glob without a match, a folder without such a file, a folder that belongs
/// to a table format, an object store that cannot be listed.
pub fn list(key: &str, specs: &[String], extensions: &[&str]) -> Result<Vec<InputFile>> {
    let mut found = Found::default();
    let mut objects = Vec::new();
    let nothing = |spec: &dyn fmt::Display| {
        let endings = extensions.join(" or .");
        anyhow!("{key}: no .{endings} file in {spec}; it is empty or holds other files")
    };
    for spec in specs {
        if ObjectUrl::is_url(spec) {
            let url = ObjectUrl::parse(spec).with_context(|| key.to_owned())?;
            let listed = object_store::list(&url, extensions).with_context(|| key.to_owned())?;
            if listed.is_empty() {
                return Err(nothing(&url));
            }
            objects.extend(listed);
            continue;
        }
        let before = found.files.len();
        add_local(key, spec, extensions, &mut found)?;
        if found.files.len() == before {
            return Err(nothing(spec));
        }
    }
    // the path that leads over the fewest links comes first
    found.files.sort();
    let mut by_target: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for (_, path) in found.files {
        let target = path.canonicalize().unwrap_or_else(|_| path.clone());
        by_target.entry(target).or_insert(path);
    }
    refuse_tables(by_target.keys().map(PathBuf::as_path)).with_context(|| key.to_owned())?;
    let mut paths: Vec<PathBuf> = by_target.into_values().collect();
    paths.sort();
    objects.sort_by(|a, b| a.location.cmp(&b.location));
    objects.dedup();
    let mut files = paths.into_iter().map(InputFile::local).collect::<Result<Vec<_>>>()?;
    files.extend(objects);
    Ok(files)
}

/// A message that names files of local folders which [`list`] does not read, if there are any.
///
/// # Errors
/// A folder that cannot be listed.
pub fn passed_over(key: &str, specs: &[String], extensions: &[&str]) -> Result<Option<String>> {
    let mut found = Found::default();
    for spec in specs.iter().filter(|spec| !ObjectUrl::is_url(spec)) {
        add_local(key, spec, extensions, &mut found)?;
    }
    found.passed_over.sort();
    found.passed_over.dedup();
    found.passed_over.retain(|path| !found.files.iter().any(|(_, read)| read == path));
    let Some(first) = found.passed_over.first() else { return Ok(None) };
    let others = match found.passed_over.len() - 1 {
        0 => " is".to_owned(),
        others => format!(" and {others} more are"),
    };
    Ok(Some(format!(
        "{key}: {}{others} not read, since only .{} files are; convert what is missing, or move it to \
         another folder",
        first.display(),
        extensions.join(" or .")
    )))
}

/// Adds the files behind a path or glob.
fn add_local(key: &str, spec: &str, extensions: &[&str], found: &mut Found) -> Result<()> {
    let path = Path::new(spec);
    if let Some(scheme) = known_scheme(spec).filter(|_| !path.exists()) {
        bail!("{key}: a URL needs a colon and two slashes behind {scheme}");
    }
    let wanted = Wanted { extensions };
    if path.is_dir() {
        return found.walk(path, 0, &wanted);
    }
    if path.exists() {
        found.files.push((0, path.to_owned()));
        return Ok(());
    }
    if !spec.contains(['*', '?', '[']) {
        bail!("{key}: {spec} does not exist; correct the path, or make data with `mobility synth`");
    }
    let matches = glob::glob(spec).with_context(|| format!("{key}: {spec} is not a valid glob"))?;
    for entry in matches {
        let entry = entry.with_context(|| format!("{key}: {spec}"))?;
        // `**` follows a cycle of links until the system refuses to
        let is_cycle = entry
            .canonicalize()
            .is_err_and(|e| e.raw_os_error() == Some(Errno::LOOP.raw_os_error()));
        if is_cycle || is_hidden_match(path, &entry) {
            continue;
        }
        if entry.is_dir() {
            found.walk(&entry, usize::from(entry.is_symlink()), &wanted)?;
        } else if wanted.names(&entry) || has_ending_of(path, &entry) {
            found.files.push((usize::from(entry.is_symlink()), entry));
        } else {
            found.pass_over(entry);
        }
    }
    Ok(())
}

/// True if a glob matches a path with a hidden name that the glob does not spell out.
fn is_hidden_match(glob: &Path, path: &Path) -> bool {
    let is_literal = |part: &&OsStr| !part.to_string_lossy().contains(['*', '?', '[']);
    let literal: PathBuf = glob.iter().take_while(is_literal).collect();
    let first = |name: &OsStr| name.as_encoded_bytes().first().copied();
    let is_spelled = |name: &OsStr| {
        glob.iter().skip(literal.iter().count()).any(|part| first(part) == first(name))
    };
    let below = path.strip_prefix(&literal).unwrap_or(path);
    below.iter().any(|name| is_hidden(name) && !is_spelled(name))
}

/// True if the glob ends with the extension of the path, as `*.dat` does.
fn has_ending_of(glob: &Path, path: &Path) -> bool {
    let ending = |path: &Path| path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let is_plain = |ending: &String| !ending.contains(['*', '?', '[']);
    ending(glob).filter(is_plain).is_some_and(|wanted| ending(path) == Some(wanted))
        // parts of Hive's tables have no extension
        || path.extension().is_none()
}

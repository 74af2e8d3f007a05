//! Globs over local files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use glob::{MatchOptions, Pattern};
use rustix::io::Errno;

use super::wanted::{is_hidden_match, literal_folders};

/// A star matches within one name.
const WITHIN_NAMES: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// The paths that match, without hidden ones that the glob does not spell out.
///
/// # Errors
/// An invalid glob; a folder that cannot be read; a path that would match if its name were UTF-8.
pub fn matches(spec: &str) -> Result<Vec<PathBuf>> {
    let glob = Path::new(spec);
    let mut found = Vec::new();
    let matches = ::glob::glob(spec).with_context(|| format!("{spec} is not a valid glob"))?;
    for entry in matches {
        let entry = entry.with_context(|| spec.to_owned())?;
        // `**` follows a cycle of links until the system refuses to
        let is_cycle = entry
            .canonicalize()
            .is_err_and(|e| e.raw_os_error() == Some(Errno::LOOP.raw_os_error()));
        if !is_cycle && !is_hidden_match(glob, &entry) {
            found.push(entry);
        }
    }
    refuse_not_utf8(spec)?;
    Ok(found)
}

/// The library skips names that are not UTF-8.
fn refuse_not_utf8(spec: &str) -> Result<()> {
    let pattern = Pattern::new(spec).with_context(|| format!("{spec} is not a valid glob"))?;
    let glob = Path::new(spec);
    let literal = literal_folders(glob);
    let is_recursive = spec.contains("**");
    let depth = if is_recursive { usize::MAX } else { glob.iter().count() };
    let base = if literal.as_os_str().is_empty() { PathBuf::from(".") } else { literal.clone() };
    let mut folders = vec![(literal.iter().count(), base)];
    while let Some((level, folder)) = folders.pop() {
        // what cannot be listed was reported before
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = literal_child(&literal, &folder, &entry.file_name());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if path.to_str().is_some() {
                if is_folder && level + 1 < depth {
                    folders.push((level + 1, path));
                }
                continue;
            }
            // inside of a folder, a file may match
            let text = path.to_string_lossy();
            let is_match = pattern.matches_with(&text, WITHIN_NAMES)
                || is_folder && (is_recursive || level + 1 < depth);
            if is_match && !is_hidden_match(glob, &path) {
                bail!("the name of the file {path:?} is not UTF-8; rename it");
            }
        }
    }
    Ok(())
}

/// A child of a folder, written as the glob would write it.
fn literal_child(literal: &Path, folder: &Path, name: &std::ffi::OsStr) -> PathBuf {
    match literal.as_os_str().is_empty() && folder == Path::new(".") {
        true => PathBuf::from(name),
        false => folder.join(name),
    }
}

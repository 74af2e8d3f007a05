//! Globs over local files.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use glob::Pattern;
use rustix::io::Errno;

use super::wanted::{is_hidden_match, literal_folders};

/// The part of a glob that stands for any number of folders.
const ANY_FOLDERS: &str = "**";

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
    let glob = Path::new(spec);
    let parts: Vec<String> = glob.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    // whether the glob matches a name at this depth, as far as that part of the glob decides it
    let is_match = |depth: usize, name: &OsStr| {
        let behind_any_folders = parts.iter().take(depth + 1).any(|part| part == ANY_FOLDERS);
        let pattern = parts.get(depth).and_then(|part| Pattern::new(part).ok());
        behind_any_folders
            || pattern.is_some_and(|pattern| pattern.matches(&name.to_string_lossy()))
    };
    let is_last = |depth: usize| depth + 1 >= parts.len();
    let literal = literal_folders(glob);
    let base = if literal.as_os_str().is_empty() { Path::new(".") } else { &literal };
    let mut folders = vec![(literal.iter().count(), base.to_owned())];
    while let Some((depth, folder)) = folders.pop() {
        // what cannot be listed was reported before
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let path = folder.join(&name);
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let ends_here = is_last(depth) || parts.iter().any(|part| part == ANY_FOLDERS);
            if !is_match(depth, &name) || !is_folder && !ends_here {
                continue;
            }
            let is_hidden = is_hidden_match(glob, path.strip_prefix("./").unwrap_or(&path));
            match name.to_str() {
                None if !is_hidden => {
                    bail!("the name of the file {path:?} is not UTF-8; rename it")
                }
                Some(_) if is_folder => folders.push((depth + 1, path)),
                _ => {}
            }
        }
    }
    Ok(())
}

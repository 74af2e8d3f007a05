//! Which names are those of wanted files, for local folders and object stores alike.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::storage::location::ends_with;

/// Endings of files that accompany data: check sums and notes.
const COMPANIONS: [&str; 8] = ["crc", "md5", "sha1", "sha256", "sha512", "md", "toml", "sql"];

/// Names, without extension, of files that describe data.
const NOTES: [&str; 5] = ["readme", "license", "licence", "changelog", "makefile"];

/// The files that are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub extensions: &'a [&'a str],
}

impl Wanted<'_> {
    /// True for a file of a folder that is wanted.
    pub fn names(&self, path: &Path) -> bool {
        self.extensions.iter().any(|ending| ends_with(path, ending))
    }

    /// True for a file that a glob matches and that is wanted.
    pub fn is_match(&self, glob: &Path, path: &Path) -> bool {
        self.names(path) || has_ending_of(glob, path)
    }
}

/// True for the name of a file that may hold data, though its extension is another.
pub fn may_hold_data(path: &Path) -> bool {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase());
    let is_note = stem.is_some_and(|stem| NOTES.contains(&stem.as_str()));
    !is_note && !COMPANIONS.iter().any(|ending| ends_with(path, ending))
}

/// True for a text that has to be expanded.
pub fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The leading folders of a glob that contain no wildcard.
pub fn literal_folders(glob: &Path) -> PathBuf {
    glob.iter().take_while(|part| !is_glob(&part.to_string_lossy())).collect()
}

/// True for names that Spark and Hive skip.
pub fn is_hidden(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b"_") || name.starts_with(b".") && name != b"." && name != b".."
}

/// True if a glob matches a path with a hidden name that the glob does not spell out.
pub fn is_hidden_match(glob: &Path, path: &Path) -> bool {
    let literal = literal_folders(glob);
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
    let is_plain = |ending: &String| !is_glob(ending);
    ending(glob).filter(is_plain).is_some_and(|wanted| ending(path) == Some(wanted))
        // parts of Hive's tables have no extension
        || path.extension().is_none()
}

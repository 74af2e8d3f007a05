//! The place of an input, as a person writes and reads it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::storage::object_store::ObjectUrl;

/// A path on this machine, or a URL. It is displayed without secrets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    Local(PathBuf),
    Remote(ObjectUrl),
}

impl Location {
    /// The path; the URL without its secrets where it is one. Folders and endings of names can be
    /// read off either.
    pub fn as_path(&self) -> &Path {
        match self {
            Location::Local(path) => path,
            Location::Remote(url) => Path::new(url.shown()),
        }
    }

    /// True of a name with that ending (`csv`, `csv.gz`), whatever the case of its letters.
    pub fn ends_with(&self, ending: &str) -> bool {
        ends_with(self.as_path(), ending)
    }

    /// The text under which outputs remember the place.
    pub fn text(&self) -> String {
        self.as_path().to_string_lossy().into_owned()
    }
}

/// True of a path whose last part has that ending, whatever the case of its letters.
pub fn ends_with(path: &Path, ending: &str) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase());
    name.is_some_and(|n| n.strip_suffix(ending).is_some_and(|stem| stem.ends_with('.')))
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_path().display().fmt(f)
    }
}

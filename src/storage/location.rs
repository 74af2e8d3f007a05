//! The location of an input.

use std::fmt;
use std::path::{Path, PathBuf};

use super::object_store::ObjectUrl;

/// A local path or a URL. It is displayed without secrets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    Local(PathBuf),
    Remote(ObjectUrl),
}

impl Location {
    /// The path, or the URL without its secrets. Names of folders and files can be taken from either.
    pub fn as_path(&self) -> &Path {
        match self {
            Location::Local(path) => path,
            Location::Remote(url) => Path::new(url.redacted()),
        }
    }

    /// True if the file name has this extension (`csv`, `csv.gz`) in upper or lower case.
    pub fn ends_with(&self, extension: &str) -> bool {
        ends_with(self.as_path(), extension)
    }

    /// The text that outputs record.
    pub fn text(&self) -> String {
        self.as_path().to_string_lossy().into_owned()
    }
}

/// True if the file name has this extension in upper or lower case.
pub fn ends_with(path: &Path, extension: &str) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase());
    name.is_some_and(|n| n.strip_suffix(extension).is_some_and(|stem| stem.ends_with('.')))
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_path().display().fmt(f)
    }
}

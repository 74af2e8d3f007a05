//! One input file or object, as it was when it was listed.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::domain::ids::hex;
use crate::storage::Location;

/// An input file or object, as it was when it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    pub location: Location,
    pub bytes: u64,
    pub version: FileVersion,
}

/// Differs between two contents of the same location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileVersion {
    /// Modification time, nanoseconds since 1970; 0 if it is unknown.
    Modified(u128),
    /// The ETag that an object store assigned.
    Tag(String),
}

impl fmt::Display for FileVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileVersion::Modified(ns) => ns.fmt(f),
            FileVersion::Tag(tag) => tag.fmt(f),
        }
    }
}

impl InputFile {
    /// A local file in its current state.
    ///
    /// # Errors
    /// A path that does not exist or is not readable.
    pub fn local(path: PathBuf) -> Result<Self> {
        let meta =
            fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let modified_ns = meta
            .modified()
            .ok()
            .and_then(|t| t.duration_since(UNIX_EPOCH).ok())
            .map_or(0, |d| d.as_nanos());
        let version = FileVersion::Modified(modified_ns);
        Ok(InputFile { location: Location::Local(path), bytes: meta.len(), version })
    }
}

/// Checks that files are still as they were when they were listed. Objects are not requested again:
/// every range that was read came with the object's ETag.
///
/// # Errors
/// The first file whose size or modification time differs, or that no longer exists.
pub fn ensure_unchanged(files: &[InputFile]) -> Result<()> {
    for file in files {
        let Location::Local(path) = &file.location else { continue };
        let now = InputFile::local(path.clone());
        if now.as_ref().ok() != Some(file) {
            let what = if now.is_ok() { "changed" } else { "vanished" };
            bail!(
                "{} {what} while it was read; run again when all files are complete",
                file.location
            );
        }
    }
    Ok(())
}

/// A text that changes when the files or the `settings` that affect an output change: the SHA-256,
/// in hexadecimal, of the program's version, `settings`, and each file's location, size and version.
pub fn fingerprint(files: &[InputFile], settings: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(concat!(env!("CARGO_PKG_VERSION"), "\n"));
    hash.update(settings);
    for file in files {
        hash.update(format!("\n{}\t{}\t{}", file.location, file.bytes, file.version));
    }
    hex(&hash.finalize())
}

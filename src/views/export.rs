//! Writes the view files that are built into the program, as a start for files of the user.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::builtin;
use crate::storage::atomic::{create_folder, write_file};

/// Writes every built-in view file into a folder, which is created if it is missing. Files that are the
/// same already are left alone. Returns the paths of the others.
///
/// # Errors
/// A file of that name with another text, in which case nothing is written; a folder that cannot be
/// written.
pub fn export(folder: &Path) -> Result<Vec<PathBuf>> {
    create_folder(folder)?;
    let mut missing = Vec::new();
    for (name, text) in builtin::files() {
        let path = folder.join(name);
        match std::fs::read(&path) {
            Ok(bytes) if bytes == text.as_bytes() => {}
            Ok(_) => bail!(
                "{} exists and differs from the view that is built into the program; nothing was written: \
                 export into another folder, or move this file away",
                path.display()
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                missing.push((path, text));
            }
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", path.display()));
            }
        }
    }
    for (path, text) in &missing {
        write_file(path, text.as_bytes())?;
    }
    Ok(missing.into_iter().map(|(path, _)| path).collect())
}

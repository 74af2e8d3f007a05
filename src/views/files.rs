//! The view files: those that are built into the program, and those of the user.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::builtin;
use crate::config::Views;
use crate::runtime::text_file;

/// The text of a view file.
pub struct ViewFile {
    pub path: PathBuf,
    pub text: String,
}

/// The files that are built into the program, by name; none if `views.builtin` is false.
pub fn of_program(settings: &Views) -> Vec<ViewFile> {
    if !settings.builtin {
        return Vec::new();
    }
    let file = |(name, text)| ViewFile { path: Path::new("built-in").join(name), text };
    builtin::files().into_iter().map(file).collect()
}

/// The files of `views.dir`, by name.
///
/// # Errors
/// A folder or file that cannot be read; no files at all, while those of the program are left out.
pub fn of_user(settings: &Views) -> Result<Vec<ViewFile>> {
    let files = match &settings.dir {
        Some(folder) => files_in(folder)?,
        None => Vec::new(),
    };
    if files.is_empty() && !settings.builtin {
        match &settings.dir {
            Some(folder) => bail!("views.dir: no .sql file in {}", folder.display()),
            None => bail!(
                "views.builtin = false leaves no views: put view files into sql/views next to the \
                 config, or name their folder in views.dir"
            ),
        }
    }
    Ok(files)
}

fn files_in(folder: &Path) -> Result<Vec<ViewFile>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| {
            format!(
                "views.dir: the folder {} cannot be read; correct the path, or remove \
                 views.dir to use the built-in views alone",
                folder.display()
            )
        })?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| is_view_file(path))
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = text_file::read(&path)
            .with_context(|| format!("view file {} cannot be read", path.display()))?;
        Ok(ViewFile { path, text })
    };
    paths.into_iter().map(read).collect()
}

/// Files that editors keep beside the one that is being edited begin with a dot.
fn is_view_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let is_sql = path.extension().is_some_and(|e| e.eq_ignore_ascii_case(OsStr::new("sql")));
    is_sql && !name.to_string_lossy().starts_with('.')
}

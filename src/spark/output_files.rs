//! Lists the files of a table that Spark wrote.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The Parquet files of a table, in the order of its rows.
///
/// # Errors
/// A folder without Parquet files.
pub fn output_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("output of Spark in {}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if path.extension().is_some_and(|e| e == "parquet") {
            files.push(path);
        }
    }
    ensure!(
        !files.is_empty(),
        "{}: no Parquet file; check that the workers can access this folder",
        context()
    );
    files.sort();
    Ok(files)
}

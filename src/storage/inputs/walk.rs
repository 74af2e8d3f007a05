//! The files below a local folder.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::resolved_paths::ResolvedPaths;
use super::table_format::may_be_log;
use super::wanted::{Wanted, is_hidden, may_hold_data};

/// What was found, in no particular order.
#[derive(Default)]
pub struct Found {
    /// Wanted files, each with the number of symbolic links on the way to it.
    pub files: Vec<(usize, PathBuf)>,
    /// Other files that may hold data.
    pub passed_over: Vec<PathBuf>,
    pub resolved: ResolvedPaths,
    /// Resolved folders without any entry of a table format.
    pub plain_folders: HashSet<PathBuf>,
}

impl Found {
    /// Adds a file that is not wanted, unless it is known to hold no data.
    pub fn pass_over(&mut self, path: PathBuf) {
        if may_hold_data(&path) {
            self.passed_over.push(path);
        }
    }

    /// Adds the files below a folder, to which `links` symbolic links lead. Symbolic links are followed
    /// last, and no folder is entered twice, so that cycles end.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn walk(&mut self, folder: &Path, links: usize, wanted: &Wanted) -> Result<()> {
        let mut entered = HashSet::new();
        let mut folders = vec![(links, folder.to_owned())];
        let mut behind_links = Vec::new();
        while let Some((links, folder)) = folders.pop().or_else(|| behind_links.pop()) {
            let context = || format!("cannot list the folder {}", folder.display());
            let target = self.resolved.resolve(&folder).with_context(context)?;
            if !entered.insert(target.clone()) {
                continue;
            }
            let mut is_plain = true;
            for entry in fs::read_dir(&folder).with_context(context)? {
                let entry = entry.with_context(context)?;
                is_plain &= !may_be_log(&entry.file_name());
                if is_hidden(&entry.file_name()) {
                    continue;
                }
                let path = entry.path();
                let kind = entry.file_type().with_context(context)?;
                let is_link = kind.is_symlink();
                let links = links + usize::from(is_link);
                match if is_link { path.is_dir() } else { kind.is_dir() } {
                    true if is_link => behind_links.push((links, path)),
                    true => folders.push((links, path)),
                    false if wanted.names(&path) => self.files.push((links, path)),
                    false => self.pass_over(path),
                }
            }
            if is_plain {
                self.plain_folders.insert(target);
            }
        }
        Ok(())
    }
}

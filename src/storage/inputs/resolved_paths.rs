//! Paths without symbolic links.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// Resolves paths. The system looks at each folder on the way to a path, so folders that are known are kept.
#[derive(Debug, Default)]
pub struct ResolvedPaths {
    folders: HashMap<PathBuf, PathBuf>,
}

impl ResolvedPaths {
    /// The path without symbolic links.
    ///
    /// # Errors
    /// A link that leads nowhere, or a folder that cannot be read.
    pub fn resolve(&mut self, path: &Path) -> io::Result<PathBuf> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return path.canonicalize();
        };
        if path.symlink_metadata()?.is_symlink() {
            return path.canonicalize();
        }
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        if let Some(known) = self.folders.get(folder) {
            return Ok(known.join(name));
        }
        let target = self.resolve(folder)?;
        self.folders.insert(folder.to_owned(), target.clone());
        Ok(target.join(name))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn paths_are_those_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "").unwrap();
        symlink(root.join("a"), root.join("link")).unwrap();
        symlink("b/file", root.join("a/relative")).unwrap();
        symlink("nowhere", root.join("broken")).unwrap();
        let mut paths = ResolvedPaths::default();
        for name in [
            "a/b/file",
            "link/b/file",
            "link/relative",
            "a/../a/b",
            "a/./b",
            "broken",
            "none/x",
            ".",
        ] {
            let path = root.join(name);
            let found = paths.resolve(&path);
            assert_eq!(found.ok(), path.canonicalize().ok(), "{name}");
        }
        let current = Path::new("Cargo.toml");
        assert_eq!(paths.resolve(current).unwrap(), current.canonicalize().unwrap());
    }
}

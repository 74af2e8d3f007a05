//! Who may read what the program writes: new files and folders by the umask of the process, which child
//! processes inherit, and existing ones by their mode.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::Mode;
use rustix::process::umask;

use crate::config::OutputMode;

/// The bits that files and folders of the program do not have.
static UMASK: AtomicU32 = AtomicU32::new(0o077);

/// Applies to everything that this process and its children create from now on, whatever the umask was
/// that the process started with.
pub fn restrict(mode: OutputMode) {
    UMASK.store(mode.umask(), Ordering::Relaxed);
    umask(Mode::from_raw_mode(mode.umask()));
}

/// Takes from a file or folder the access that new ones do not have. Used for files that another program
/// wrote or that an earlier version of this program left; without the right to change them they stay as
/// they are, and `mobility check` reports them.
pub fn tighten(path: &Path) {
    if let Some(tight) = tight_mode(path) {
        let _ = fs::set_permissions(path, Permissions::from_mode(tight));
    }
}

/// Tightens a folder and everything in it, as far as others can reach it.
pub fn tighten_below(folder: &Path) {
    let mut folders = vec![folder.to_owned()];
    while let Some(path) = folders.pop() {
        let Some(tight) = tight_mode(&path) else { continue };
        let entries = fs::read_dir(&path);
        folders.extend(entries.into_iter().flatten().flatten().map(|entry| entry.path()));
        let _ = fs::set_permissions(&path, Permissions::from_mode(tight));
    }
}

/// The mode that a file or folder should have; `None` if it has it, or is a link.
fn tight_mode(path: &Path) -> Option<u32> {
    let metadata = fs::symlink_metadata(path).ok().filter(|m| !m.is_symlink())?;
    let mode = metadata.permissions().mode() & 0o7777;
    let tight = mode & !UMASK.load(Ordering::Relaxed);
    (tight != mode).then_some(tight)
}

/// Files and folders that others can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenToOthers {
    /// Their number, and the first of them.
    pub count: u64,
    pub first: PathBuf,
}

/// Searches a folder, and everything in it, for what others can use; `None` if there is nothing. What is
/// in a folder that others cannot enter is out of their reach, whatever its own mode.
pub fn open_to_others(folder: &Path) -> Option<OpenToOthers> {
    let mut found: Option<OpenToOthers> = None;
    let mut folders = vec![folder.to_owned()];
    while let Some(path) = folders.pop() {
        if tight_mode(&path).is_none() {
            continue;
        }
        let first = found.get_or_insert_with(|| OpenToOthers { count: 0, first: path.clone() });
        first.count += 1;
        let Ok(entries) = fs::read_dir(&path) else { continue };
        folders.extend(entries.flatten().map(|entry| entry.path()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_behind_a_closed_folder_are_out_of_reach() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str, mode: u32| {
            let path = folder.path().join(name);
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        fs::create_dir(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("inner/file"), "").unwrap();
        mode("inner/file", 0o644);
        mode("inner", 0o755);
        mode("", 0o700);
        assert_eq!(open_to_others(folder.path()), None);
        mode("", 0o750);
        let found = open_to_others(folder.path()).unwrap();
        assert_eq!((found.count, found.first), (3, folder.path().to_owned()));
        tighten_below(folder.path());
        assert_eq!(open_to_others(folder.path()), None);
        assert_eq!(open_to_others(&folder.path().join("inner")), None);
        assert_eq!(open_to_others(&folder.path().join("inner/file")), None);
    }
}

//! A file to which whole lines are appended, such as a log that must not lose any.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::OFlags;

/// Appends lines to a file that only its owner can read. The file may be renamed or removed between
/// two lines, as log rotation does; the next line then goes to a new file.
#[derive(Debug)]
pub struct AppendFile {
    path: PathBuf,
    file: Mutex<File>,
}

impl AppendFile {
    /// Opens the file, and creates it if necessary.
    ///
    /// # Errors
    /// A folder that is missing or not writable; a symbolic link.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(AppendFile { path: path.to_owned(), file: Mutex::new(open(path)?) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line and waits until the disk has it.
    ///
    /// # Errors
    /// A file that cannot be opened, written or synced. It may then end with a part of the line; the
    /// next line starts behind a line break.
    pub fn append(&self, line: &str) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_current(&file, &self.path) {
            *file = open(&self.path)?;
        }
        let start = if ends_within_line(&file)? { "\n" } else { "" };
        // one call, so that lines of several processes are not mixed
        file.write_all(format!("{start}{line}\n").as_bytes())?;
        file.sync_data()
    }
}

fn open(path: &Path) -> Result<File> {
    // without NONBLOCK, opening a named pipe would wait for a reader; it cannot be synced
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let mut options = OpenOptions::new();
    options.read(true).append(true).custom_flags(flags).mode(0o600);
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            file.sync_all()?;
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
            Ok(file)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            options.open(path).map_err(|error| match error.raw_os_error() {
                Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => Error::other(
                    "it is a symbolic link, which is not followed; name the file itself",
                ),
                _ => error,
            })
        }
        Err(error) => Err(error),
    }
}

/// True if the path still names the open file.
fn is_current(file: &File, path: &Path) -> bool {
    let id = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(open), Ok(named)) => id(open) == id(named),
        _ => false,
    }
}

/// True if the last line is incomplete, because the disk was full or a process was killed.
fn ends_within_line(file: &File) -> Result<bool> {
    let Some(last) = file.metadata()?.len().checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    Ok(file.read_at(&mut byte, last)? == 1 && byte != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn lines_are_appended_and_only_the_owner_can_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let (one, other) = (AppendFile::open(&path).unwrap(), AppendFile::open(&path).unwrap());
        one.append("first").unwrap();
        other.append("second").unwrap();
        one.append("third").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\nthird\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    }

    #[test]
    fn renamed_file_is_replaced_by_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("audit.jsonl"), folder.path().join("audit.1"));
        let file = AppendFile::open(&path).unwrap();
        file.append("first").unwrap();
        fs::rename(&path, &rotated).unwrap();
        file.append("second").unwrap();
        assert_eq!(fs::read_to_string(&rotated).unwrap(), "first\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "second\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        // emptied in place
        File::create(&path).unwrap();
        file.append("third").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "third\n");
    }

    #[test]
    fn line_after_an_incomplete_one_starts_on_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        fs::write(&path, "{\"half").unwrap();
        AppendFile::open(&path).unwrap().append("whole").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"half\nwhole\n");
    }

    #[test]
    fn symbolic_links_and_what_cannot_keep_lines_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("audit.jsonl"), folder.path().join("target"));
        std::os::unix::fs::symlink(&target, &path).unwrap();
        let error = AppendFile::open(&path).unwrap_err().to_string();
        assert!(error.contains("symbolic link") && !target.exists(), "{error}");
        fs::write(&target, "").unwrap();
        let error = AppendFile::open(&path).unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "");
        // a link that takes the place of the file later
        fs::remove_file(&path).unwrap();
        let file = AppendFile::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        file.append("line").unwrap_err();
        assert_eq!(fs::read_to_string(&target).unwrap(), "");
        for device in ["/dev/full", "/dev/null"] {
            let written = AppendFile::open(Path::new(device)).and_then(|file| file.append("line"));
            assert!(written.is_err(), "{device}");
        }
        AppendFile::open(folder.path()).unwrap_err();
    }
}

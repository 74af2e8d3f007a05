//! A file that contains a token.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::OFlags;

use crate::config::Secret;

/// Bytes of the largest file.
const MAX_BYTES: u64 = 4_096;

/// Reads the token; the line break at the end does not belong to it.
///
/// # Errors
/// A file that cannot be read, that others than its owner can read, or that belongs to somebody else.
pub fn read(path: &Path) -> Result<Secret> {
    let shown = path.display();
    // without NONBLOCK, opening a named pipe would wait for a writer
    let flags = OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.with_context(|| format!("token_file {shown} cannot be opened"))?;
    // of the open file, which nobody can exchange any more
    let metadata = file.metadata().with_context(|| format!("token_file {shown}"))?;
    if !metadata.is_file() {
        bail!("token_file {shown} is not a regular file");
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        bail!(
            "token_file {shown} is open to others than its owner (mode {mode:04o}); run `chmod 600 \
             {shown}`, and replace the token if others may have read it"
        );
    }
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user && owner != 0 {
        bail!(
            "token_file {shown} belongs to the user with the id {owner}; it has to belong to the \
             user that runs the server ({user}) or to root"
        );
    }
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("token_file {shown} cannot be read"))?;
    if text.len() as u64 > MAX_BYTES {
        bail!("token_file {shown} has more than {MAX_BYTES} bytes; it contains the token alone");
    }
    Ok(Secret::new(text.trim_end_matches(['\n', '\r'])))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_a_file_of_its_owner_alone_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "0123456789abcdef\n").unwrap();
        let chmod = |mode| fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        for mode in [0o600, 0o400] {
            chmod(mode);
            assert_eq!(read(&path).unwrap().reveal(), "0123456789abcdef", "{mode:o}");
        }
        for mode in [0o640, 0o604, 0o620, 0o601, 0o644] {
            chmod(mode);
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("chmod 600") && !error.contains("0123"), "{error}");
        }
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not a regular file"), "{error}");
    }
}

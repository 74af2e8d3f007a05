//! A file that contains a token.

use std::path::Path;

use anyhow::{Result, bail};

use super::private_file;
use crate::config::Secret;

/// Bytes of the largest file.
const MAX_BYTES: u64 = 4_096;

/// Reads the token; the line break at the end does not belong to it.
///
/// # Errors
/// A file that cannot be read, that others than its owner can read, or that belongs to somebody else.
pub fn read(path: &Path) -> Result<Secret> {
    let bytes = private_file::read("token_file", path, MAX_BYTES)?;
    // the error of the conversion would contain the token
    let Ok(text) = String::from_utf8(bytes) else {
        bail!("token_file {} is not text in UTF-8", path.display());
    };
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

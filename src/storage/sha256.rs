//! SHA-256 of files that are never changed, each computed once per process.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::domain::ids::hex;

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;

/// Device, inode, size, and modification time in seconds and nanoseconds.
type Identity = [i128; 5];

/// The sums of files that were read.
static KNOWN: LazyLock<Mutex<HashMap<Identity, String>>> = LazyLock::new(Mutex::default);

/// The SHA-256 in hexadecimal.
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of a file in hexadecimal. A file that looks as it did is not read again.
///
/// # Errors
/// A file that cannot be read.
pub fn of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let identity = identity(&file.metadata()?);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sum) = known().get(&identity) {
        return Ok(sum.clone());
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            bytes => hash.update(&buffer[..bytes]),
        }
    }
    let sum = hex(&hash.finalize());
    known().insert(identity, sum.clone());
    Ok(sum)
}

fn identity(file: &Metadata) -> Identity {
    [
        file.dev().into(),
        file.ino().into(),
        file.len().into(),
        file.mtime().into(),
        file.mtime_nsec().into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_is_that_of_the_standard_and_follows_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-2, appendix B.1
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((of_file(&path).unwrap().as_str(), of_bytes(b"abc").as_str()), (abc, abc));
        std::fs::write(&path, "abcd").unwrap();
        assert_ne!(of_file(&path).unwrap(), abc);
        assert!(of_file(&folder.path().join("y")).is_err());
    }
}

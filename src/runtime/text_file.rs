//! Small text files that people write: the configuration and the views.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Longer files are refused, since they are not what their place is for.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a text file of at most 1 MiB.
///
/// # Errors
/// A file that cannot be read, is longer, or is not UTF-8.
pub fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        let message = format!("longer than {} MiB; is it the right file?", MAX_BYTES >> 20);
        return Err(Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

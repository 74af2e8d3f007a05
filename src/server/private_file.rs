//! Files with secrets, which nobody but their owner may be able to read.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::OFlags;

/// Reads a file; `key` names the setting that it belongs to.
///
/// # Errors
/// A file that cannot be read or is larger, that others than its owner can read, or that belongs to
/// somebody else.
pub fn read(key: &str, path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    let shown = path.display();
    // without NONBLOCK, opening a named pipe would wait for a writer
    let flags = OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.with_context(|| format!("{key} {shown} cannot be opened"))?;
    // of the open file, which nobody can exchange any more
    let metadata = file.metadata().with_context(|| format!("{key} {shown}"))?;
    if !metadata.is_file() {
        bail!("{key} {shown} is not a regular file");
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        bail!(
            "{key} {shown} is open to others than its owner (mode {mode:04o}); run `chmod 600 \
             {shown}`, and replace its content if others may have read it"
        );
    }
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user && owner != 0 {
        bail!(
            "{key} {shown} belongs to the user with the id {owner}; it has to belong to the \
             user that runs the server ({user}) or to root"
        );
    }
    let mut bytes = Vec::new();
    file.take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{key} {shown} cannot be read"))?;
    if bytes.len() as u64 > max_bytes {
        bail!("{key} {shown} has more than {max_bytes} bytes");
    }
    Ok(bytes)
}

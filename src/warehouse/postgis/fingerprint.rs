//! Fingerprint of the rows in Parquet files, to recognise rows that an earlier load has loaded.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::domain::ids::hex;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// SHA-256 over the pages of the files, in hexadecimal. Footers are left out, because they name the
/// inputs of the run that wrote the file and change although the rows do not.
///
/// # Errors
/// A file that cannot be read.
pub fn fingerprint(files: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    for path in files {
        let context = || format!("{}", path.display());
        let mut file = File::open(path).with_context(context)?;
        let length = file.metadata().with_context(context)?.len();
        let mut tail = [0u8; 8];
        file.seek(SeekFrom::End(-8))
            .and_then(|_| file.read_exact(&mut tail))
            .with_context(context)?;
        let footer = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
        let pages = length.saturating_sub(8 + u64::from(footer));
        file.rewind().with_context(context)?;
        let mut buffer = vec![0; CHUNK];
        let mut rest = file.take(pages);
        loop {
            let read = rest.read(&mut buffer).with_context(context)?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
        }
        hash.update(pages.to_le_bytes());
    }
    Ok(hex(&hash.finalize()))
}

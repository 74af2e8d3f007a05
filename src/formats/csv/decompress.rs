//! Bytes as they were before they were compressed.

use std::io::{BufReader, Read};

use anyhow::Result;
use flate2::read::MultiGzDecoder;

use crate::storage::inputs::InputFile;
use crate::storage::{ByteSource, Location};

/// True of a file that has to be read from its beginning.
pub fn is_compressed(location: &Location) -> bool {
    location.ends_with("gz") || location.ends_with("zst")
}

/// Reads an input from the beginning; what its name calls `.gz` or `.zst` is decompressed.
///
/// # Errors
/// A file that cannot be opened.
pub fn decoded(input: &InputFile) -> Result<Box<dyn Read>> {
    let plain = ByteSource::open(input)?.reader()?;
    Ok(if input.location.ends_with("gz") {
        // a file can be of several members, as of parallel or appending writers
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 18, plain)))
    } else if input.location.ends_with("zst") {
        Box::new(zstd::Decoder::new(plain)?)
    } else {
        Box::new(plain)
    })
}

/// Reads an input from a position in the decompressed text on.
///
/// # Errors
/// A file that cannot be opened, or not be read up to there.
pub fn decoded_from(input: &InputFile, position: u64) -> Result<Box<dyn Read>> {
    let mut from = decoded(input)?;
    std::io::copy(&mut from.by_ref().take(position), &mut std::io::sink())?;
    Ok(from)
}

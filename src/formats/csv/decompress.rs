//! Decompression of text files.

use std::io::{BufReader, Read};

use anyhow::Result;
use flate2::read::MultiGzDecoder;

use crate::storage::inputs::InputFile;
use crate::storage::{ByteSource, Location};

/// True for a file that can only be read from its beginning.
pub fn is_compressed(location: &Location) -> bool {
    location.ends_with("gz") || location.ends_with("zst")
}

/// Reads an input from its beginning, decompressed if its name ends with `.gz` or `.zst`.
///
/// # Errors
/// A file that cannot be opened.
pub fn decoded(input: &InputFile) -> Result<Box<dyn Read>> {
    let bytes = ByteSource::open(input)?.reader()?;
    Ok(if input.location.ends_with("gz") {
        // parallel and appending writers create files of several members
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 18, bytes)))
    } else if input.location.ends_with("zst") {
        Box::new(zstd::Decoder::new(bytes)?)
    } else {
        Box::new(bytes)
    })
}

/// Reads an input from a position in the decompressed text.
///
/// # Errors
/// A file that cannot be opened, or that cannot be read up to the position.
pub fn decoded_from(input: &InputFile, position: u64) -> Result<Box<dyn Read>> {
    let mut from = decoded(input)?;
    std::io::copy(&mut from.by_ref().take(position), &mut std::io::sink())?;
    Ok(from)
}

//! Decompression of text files.

use std::io::{BufRead, BufReader, Read};

use anyhow::Result;
use flate2::read::MultiGzDecoder;

use crate::formats::content::{Content, START_BYTES, is_text};
use crate::storage::inputs::InputFile;
use crate::storage::{ByteSource, Location};

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 18;

/// The text of an input.
pub struct Decoded {
    from: Box<dyn Read>,
    /// True if the file can only be read from its beginning.
    pub is_compressed: bool,
}

impl Read for Decoded {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.from.read(into)
    }
}

enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// The compression by the first bytes, whatever the name says. A file that is neither compressed nor
    /// text is damaged, and its name decides which decoder says so.
    fn of(start: &[u8], location: &Location) -> Self {
        match Content::of(start) {
            Some(Content::Gzip) => Compression::Gzip,
            Some(Content::Zstd) => Compression::Zstd,
            _ if start.is_empty() || is_text(&start[..start.len().min(START_BYTES)]) => {
                Compression::None
            }
            _ if location.ends_with("gz") => Compression::Gzip,
            _ if location.ends_with("zst") => Compression::Zstd,
            _ => Compression::None,
        }
    }
}

/// Reads an input from its beginning, decompressed if its first bytes are those of gzip or zstd.
///
/// # Errors
/// A file that cannot be opened.
pub fn decoded(input: &InputFile) -> Result<Decoded> {
    let bytes = ByteSource::open(input)?.reader()?;
    let mut bytes = BufReader::with_capacity(READ_BYTES, bytes);
    let compression = Compression::of(bytes.fill_buf()?, &input.location);
    let is_compressed = !matches!(compression, Compression::None);
    let from: Box<dyn Read> = match compression {
        Compression::None => Box::new(bytes),
        // parallel and appending writers create files of several members
        Compression::Gzip => Box::new(MultiGzDecoder::new(bytes)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(bytes)?),
    };
    Ok(Decoded { from, is_compressed })
}

/// Reads an input from a position in the decompressed text.
///
/// # Errors
/// A file that cannot be opened, or that cannot be read up to the position.
pub fn decoded_from(input: &InputFile, position: u64) -> Result<Box<dyn Read>> {
    let mut from = decoded(input)?;
    std::io::copy(&mut from.by_ref().take(position), &mut std::io::sink())?;
    Ok(from.from)
}

//! Random access to the bytes of an input, local or in an object store.

use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};

use super::inputs::InputFile;
use super::location::Location;
use super::object_store::{Object, ObjectBytes, ObjectReader};

/// The bytes of an input. Several threads can read them from any position.
#[derive(Debug, Clone)]
pub enum ByteSource {
    /// An open local file.
    Local(Arc<File>),
    /// An object, with some of its bytes in memory.
    Remote(ObjectBytes),
}

impl ByteSource {
    /// Opens an input. Each call opens a local file again, because clones of a source share one file
    /// position. No request is made to an object store yet.
    ///
    /// # Errors
    /// A file that cannot be opened; the caller adds its name.
    pub fn open(input: &InputFile) -> Result<Self> {
        match &input.location {
            Location::Local(path) => {
                let file = File::open(path).context("it cannot be opened")?;
                Ok(ByteSource::Local(Arc::new(file)))
            }
            Location::Remote(url) => {
                Ok(ByteSource::Remote(ObjectBytes::new(Object::new(url, input)?)))
            }
        }
    }

    /// Loads these ranges of an object into memory, in place of others, so that reading them cannot
    /// fail. A local file stays as it is.
    ///
    /// # Errors
    /// An object store that cannot be reached or denies access; an object that changed.
    pub fn with_ranges(self, ranges: Vec<Range<u64>>) -> Result<Self> {
        match self {
            ByteSource::Remote(object) => object.with_ranges(ranges).map(ByteSource::Remote),
            local @ ByteSource::Local(_) => Ok(local),
        }
    }

    /// Loads all bytes of a small object into memory.
    ///
    /// # Errors
    /// As [`ByteSource::with_ranges`].
    pub fn in_memory(self) -> Result<Self> {
        let bytes = self.len();
        self.with_ranges(std::iter::once(0..bytes).collect())
    }

    /// Reads from the first byte.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn reader(&self) -> ParquetResult<ByteReader> {
        self.get_read(0)
    }
}

impl Length for ByteSource {
    fn len(&self) -> u64 {
        match self {
            ByteSource::Local(file) => Length::len(file.as_ref()),
            ByteSource::Remote(object) => object.len(),
        }
    }
}

impl ChunkReader for ByteSource {
    type T = ByteReader;

    fn get_read(&self, start: u64) -> ParquetResult<ByteReader> {
        match self {
            ByteSource::Local(file) => file.get_read(start).map(ByteReader::Local),
            ByteSource::Remote(object) => Ok(ByteReader::Remote(object.get_read(start))),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self {
            ByteSource::Local(file) => file.get_bytes(start, length),
            ByteSource::Remote(object) => object.get_bytes(start, length),
        }
    }
}

/// Reads a [`ByteSource`] sequentially.
#[derive(Debug)]
pub enum ByteReader {
    Local(BufReader<File>),
    Remote(ObjectReader),
}

impl Read for ByteReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            ByteReader::Local(file) => file.read(into),
            ByteReader::Remote(object) => object.read(into),
        }
    }

    fn read_to_end(&mut self, into: &mut Vec<u8>) -> std::io::Result<usize> {
        match self {
            ByteReader::Local(file) => file.read_to_end(into),
            ByteReader::Remote(object) => object.read_to_end(into),
        }
    }
}

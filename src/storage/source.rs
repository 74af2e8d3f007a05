//! Where the bytes of an input come from, whatever it is an input of.

use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};

use super::Location;
use super::inputs::InputFile;
use super::object_store::object::Object;
use super::object_store::remote::Held;
use super::object_store::{Remote, RemoteReader};

/// Bytes that can be read from any place on, by several threads at a time.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file on this machine, open.
    Local(Arc<File>),
    /// An object in a store, with some of its bytes in memory.
    Remote(Remote),
}

impl Source {
    /// Opens an input. A local file is opened anew each time, so that readers of one file do not
    /// share a reading place; one `Source` and its clones do. Nothing is asked of a store yet.
    ///
    /// # Errors
    /// A file that cannot be opened, named by the caller.
    pub fn open(input: &InputFile) -> Result<Self> {
        match &input.location {
            Location::Local(path) => {
                let file = File::open(path).context("it cannot be opened")?;
                Ok(Source::Local(Arc::new(file)))
            }
            Location::Remote(url) => {
                Ok(Source::Remote(Remote::new(Object::new(url, input)?, Held::default())))
            }
        }
    }

    /// The same with these bytes of an object in memory, in place of others; a local file stays as
    /// it is. Reading those bytes then meets no error of a store.
    ///
    /// # Errors
    /// A store that cannot be reached or gives no access; an object that changed.
    pub fn holding(self, ranges: Vec<Range<u64>>) -> Result<Self> {
        match self {
            Source::Remote(remote) => remote.holding(ranges).map(Source::Remote),
            local @ Source::Local(_) => Ok(local),
        }
    }

    /// The same with all bytes of an object in memory: for small ones.
    ///
    /// # Errors
    /// As [`Source::holding`].
    pub fn whole(self) -> Result<Self> {
        let bytes = self.len();
        self.holding(std::iter::once(0..bytes).collect())
    }

    /// Reads from the first byte on.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn reader(&self) -> ParquetResult<SourceReader> {
        self.get_read(0)
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        match self {
            Source::Local(file) => Length::len(file.as_ref()),
            Source::Remote(remote) => remote.object.bytes,
        }
    }
}

impl ChunkReader for Source {
    type T = SourceReader;

    fn get_read(&self, start: u64) -> ParquetResult<SourceReader> {
        match self {
            Source::Local(file) => file.get_read(start).map(SourceReader::Local),
            Source::Remote(remote) => Ok(SourceReader::Remote(remote.get_read(start))),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self {
            Source::Local(file) => file.get_bytes(start, length),
            Source::Remote(remote) => remote.get_bytes(start, length),
        }
    }
}

/// Reads on from one place of a [`Source`].
#[derive(Debug)]
pub enum SourceReader {
    Local(BufReader<File>),
    Remote(RemoteReader),
}

impl Read for SourceReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            SourceReader::Local(file) => file.read(into),
            SourceReader::Remote(object) => object.read(into),
        }
    }

    fn read_to_end(&mut self, into: &mut Vec<u8>) -> std::io::Result<usize> {
        match self {
            SourceReader::Local(file) => file.read_to_end(into),
            SourceReader::Remote(object) => object.read_to_end(into),
        }
    }
}

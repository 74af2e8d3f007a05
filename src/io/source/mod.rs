//! Where the bytes of an input come from, whatever it is an input of.

mod location;
mod url;

use std::fs::File;
use std::io::{BufReader, Read};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};

pub use location::Location;
pub use url::ObjectUrl;

use super::inputs::InputFile;

/// Bytes that can be read from any place on, by several threads at a time.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file on this machine, open.
    Local(Arc<File>),
}

impl Source {
    /// Opens an input. A local file is opened anew each time, so that readers of one file do not
    /// share a reading place; one `Source` and its clones do.
    ///
    /// # Errors
    /// A file that cannot be opened, named by the caller.
    pub fn open(input: &InputFile) -> Result<Self> {
        match &input.location {
            Location::Local(path) => {
                let file = File::open(path).context("it cannot be opened")?;
                Ok(Source::Local(Arc::new(file)))
            }
            Location::Remote(url) => bail!("{url} is not on this machine"),
        }
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
        }
    }
}

impl ChunkReader for Source {
    type T = SourceReader;

    fn get_read(&self, start: u64) -> ParquetResult<SourceReader> {
        match self {
            Source::Local(file) => file.get_read(start).map(SourceReader::Local),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        match self {
            Source::Local(file) => file.get_bytes(start, length),
        }
    }
}

/// Reads on from one place of a [`Source`].
#[derive(Debug)]
pub enum SourceReader {
    Local(BufReader<File>),
}

impl Read for SourceReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            SourceReader::Local(file) => file.read(into),
        }
    }

    fn read_to_end(&mut self, into: &mut Vec<u8>) -> std::io::Result<usize> {
        match self {
            SourceReader::Local(file) => file.read_to_end(into),
        }
    }
}

//! The bytes of an object: loaded ranges in memory, and other ranges on demand.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use anyhow::{Result, anyhow};
use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result as ParquetResult};
use tokio::sync::OwnedSemaphorePermit;

use super::object::{LoadedRange, Object};
use super::runtime::{block_on, spawn};

/// Bytes that a sequential reader requests at a time. It holds two blocks.
const BLOCK_BYTES: u64 = 8 << 20;

/// An object, with some of its bytes in memory.
#[derive(Debug, Clone)]
pub struct ObjectBytes {
    object: Arc<Object>,
    loaded: Arc<Loaded>,
}

#[derive(Debug, Default)]
struct Loaded {
    ranges: Vec<LoadedRange>,
    /// The share of memory that the ranges use, held until they are dropped.
    _permit: Option<OwnedSemaphorePermit>,
}

impl ObjectBytes {
    pub fn new(object: Object) -> Self {
        ObjectBytes { object: Arc::new(object), loaded: Arc::default() }
    }

    /// An object with ranges in memory, and the permit to hold them there.
    pub fn loaded(
        object: Object,
        ranges: Vec<LoadedRange>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        ObjectBytes {
            object: Arc::new(object),
            loaded: Arc::new(Loaded { ranges, _permit: permit }),
        }
    }

    /// The same object with these ranges in memory.
    ///
    /// # Errors
    /// As [`Object::read_ranges`].
    pub fn with_ranges(&self, ranges: Vec<Range<u64>>) -> Result<Self> {
        let object = Arc::clone(&self.object);
        let ranges = block_on(async move { object.read_ranges(&ranges).await })?;
        let loaded = Arc::new(Loaded { ranges, _permit: None });
        Ok(ObjectBytes { object: Arc::clone(&self.object), loaded })
    }

    pub fn len(&self) -> u64 {
        self.object.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes from `start` to the end of the loaded range around it.
    fn loaded_from(&self, start: u64) -> Option<Bytes> {
        self.loaded.ranges.iter().find_map(|range| {
            let offset = usize::try_from(start.checked_sub(range.start)?).ok()?;
            (offset < range.bytes.len()).then(|| range.bytes.slice(offset..))
        })
    }

    pub fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if let Some(bytes) = self.loaded_from(start)
            && bytes.len() >= length
        {
            return Ok(bytes.slice(..length));
        }
        let end = start.saturating_add(length as u64);
        if end > self.len() {
            let message = format!("bytes up to {end} of {} are requested", self.len());
            return Err(ParquetError::EOF(message));
        }
        let object = Arc::clone(&self.object);
        block_on(async move { object.read_range(start..end).await })
            .map_err(|error| ParquetError::External(Box::new(io_error(&error))))
    }

    pub fn get_read(&self, start: u64) -> ObjectReader {
        match self.loaded_from(start) {
            Some(bytes) => ObjectReader { object: None, position: 0, block: bytes, next: None },
            None => ObjectReader {
                object: Some(Arc::clone(&self.object)),
                position: start,
                block: Bytes::new(),
                next: None,
            },
        }
    }
}

/// Reads an object sequentially. Without an object it ends with the loaded bytes.
#[derive(Debug)]
pub struct ObjectReader {
    object: Option<Arc<Object>>,
    /// Position of the next block to request.
    position: u64,
    block: Bytes,
    next: Option<Receiver<Result<Bytes>>>,
}

impl ObjectReader {
    fn request_next(&mut self) -> Result<()> {
        let Some(object) = &self.object else { return Ok(()) };
        if self.position >= object.bytes {
            return Ok(());
        }
        let range = self.position..object.bytes.min(self.position + BLOCK_BYTES);
        self.position = range.end;
        let object = Arc::clone(object);
        self.next = Some(spawn(async move { object.read_range(range).await })?);
        Ok(())
    }

    fn advance(&mut self) -> Result<()> {
        if self.next.is_none() {
            self.request_next()?;
        }
        let Some(next) = self.next.take() else { return Ok(()) };
        self.block =
            next.recv().map_err(|_| anyhow!("a request to an object store was aborted"))??;
        // it arrives while this block is processed
        self.request_next()
    }
}

impl Read for ObjectReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.block.is_empty() {
            self.advance().map_err(|error| io_error(&error))?;
        }
        let bytes = into.len().min(self.block.len());
        self.block.copy_to_slice(&mut into[..bytes]);
        Ok(bytes)
    }
}

/// An error for interfaces that accept only I/O errors; the text has the whole chain.
fn io_error(error: &anyhow::Error) -> std::io::Error {
    std::io::Error::other(anyhow!("{error:#}"))
}

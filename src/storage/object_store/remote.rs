//! An object as a source: the bytes that were fetched for a purpose, and others on demand.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use anyhow::{Result, anyhow};
use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result as ParquetResult};
use tokio::sync::OwnedSemaphorePermit;

use super::object::{Object, Piece, io_error};
use super::runtime::{begin, wait};

/// Bytes that a reader from the first byte on asks for at a time; it holds two such blocks.
const BLOCK: u64 = 8 << 20;

/// An object, with some of its bytes in memory.
#[derive(Debug, Clone)]
pub struct Remote {
    pub object: Arc<Object>,
    held: Arc<Held>,
}

/// Bytes in memory, and the room that they take.
#[derive(Debug, Default)]
pub struct Held {
    pub pieces: Vec<Piece>,
    pub room: Option<OwnedSemaphorePermit>,
}

impl Remote {
    pub fn new(object: Object, held: Held) -> Self {
        Remote { object: Arc::new(object), held: Arc::new(held) }
    }

    /// The same with these bytes in memory.
    ///
    /// # Errors
    /// As [`Object::ranges`].
    pub fn holding(&self, ranges: Vec<Range<u64>>) -> Result<Self> {
        let object = Arc::clone(&self.object);
        let pieces = wait(async move { object.ranges(&ranges).await })?;
        let held = Arc::new(Held { pieces, room: None });
        Ok(Remote { object: Arc::clone(&self.object), held })
    }

    /// The bytes from `start` to the end of the piece in memory that holds them.
    fn from(&self, start: u64) -> Option<Bytes> {
        self.held.pieces.iter().find_map(|(at, bytes)| {
            let into = usize::try_from(start.checked_sub(*at)?).ok()?;
            (into < bytes.len()).then(|| bytes.slice(into..))
        })
    }

    pub fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if let Some(bytes) = self.from(start)
            && bytes.len() >= length
        {
            return Ok(bytes.slice(..length));
        }
        let end = start.saturating_add(length as u64);
        if end > self.object.bytes {
            let wanted = format!("bytes up to {end} of {}", self.object.bytes);
            return Err(ParquetError::EOF(wanted));
        }
        let object = Arc::clone(&self.object);
        wait(async move { object.range(start..end).await })
            .map_err(|error| ParquetError::External(Box::new(io_error(&error))))
    }

    pub fn get_read(&self, start: u64) -> RemoteReader {
        match self.from(start) {
            Some(bytes) => RemoteReader { object: None, at: 0, block: bytes, next: None },
            None => RemoteReader {
                object: Some(Arc::clone(&self.object)),
                at: start,
                block: Bytes::new(),
                next: None,
            },
        }
    }
}

/// Reads on from one place. Without an object it ends with the bytes in memory.
#[derive(Debug)]
pub struct RemoteReader {
    object: Option<Arc<Object>>,
    /// Where the next block that nobody asked for yet begins.
    at: u64,
    block: Bytes,
    next: Option<Receiver<Result<Bytes>>>,
}

impl RemoteReader {
    fn ask(&mut self) -> Result<()> {
        let Some(object) = &self.object else { return Ok(()) };
        if self.at >= object.bytes {
            return Ok(());
        }
        let range = self.at..object.bytes.min(self.at + BLOCK);
        self.at = range.end;
        let object = Arc::clone(object);
        self.next = Some(begin(async move { object.range(range).await })?);
        Ok(())
    }

    fn advance(&mut self) -> Result<()> {
        if self.next.is_none() {
            self.ask()?;
        }
        let Some(next) = self.next.take() else { return Ok(()) };
        self.block = next.recv().map_err(|_| anyhow!("a request to a store broke down"))??;
        // while this block is worked on
        self.ask()
    }
}

impl Read for RemoteReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.block.is_empty() {
            self.advance().map_err(|error| io_error(&error))?;
        }
        let some = into.len().min(self.block.len());
        self.block.copy_to_slice(&mut into[..some]);
        Ok(some)
    }
}

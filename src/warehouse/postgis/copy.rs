//! Sends encoded rows to a `COPY ... FROM STDIN (FORMAT binary)`.

use std::io::Write;

use anyhow::{Result, anyhow};
use postgres::{CopyInWriter, GenericClient};

use super::encode::{Encoder, HEADER, TRAILER};
use super::server_errors::failed;

/// Bytes sent at a time.
pub const CHUNK: usize = 1 << 20;

/// A running COPY. Dropping it cancels the COPY.
pub struct CopyIn<'a> {
    writer: CopyInWriter<'a>,
    pub rows: Encoder,
}

impl<'a> CopyIn<'a> {
    /// Starts the COPY statement `sql`.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn start<C: GenericClient>(client: &'a mut C, sql: &str) -> Result<Self> {
        let mut rows = Self::buffer();
        rows.bytes.reserve(CHUNK + (1 << 12));
        Self::start_with(client, sql, rows)
    }

    /// Starts the COPY statement `sql` with rows that were encoded before.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn start_with<C: GenericClient>(
        client: &'a mut C,
        sql: &str,
        rows: Encoder,
    ) -> Result<Self> {
        Ok(CopyIn { writer: client.copy_in(sql).map_err(failed)?, rows })
    }

    /// A buffer for rows of a later COPY.
    pub fn buffer() -> Encoder {
        Encoder { bytes: HEADER.to_vec() }
    }

    /// True if a buffer has no rows.
    pub fn is_empty(buffer: &Encoder) -> bool {
        buffer.bytes.len() == HEADER.len()
    }

    /// Sends the encoded rows if they fill a chunk.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn send_full(&mut self) -> Result<()> {
        if self.rows.bytes.len() < CHUNK {
            return Ok(());
        }
        self.send()
    }

    /// Sends rows of another buffer, which has no header, after those of the own one.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn send_rows(&mut self, rows: &Encoder) -> Result<()> {
        if !self.rows.bytes.is_empty() {
            self.send()?;
        }
        self.writer.write_all(&rows.bytes).map_err(write_failed)
    }

    fn send(&mut self) -> Result<()> {
        self.writer.write_all(&self.rows.bytes).map_err(write_failed)?;
        self.rows.bytes.clear();
        Ok(())
    }

    /// Completes the COPY; returns the number of rows that the server received.
    ///
    /// # Errors
    /// Errors of the server.
    pub fn finish(mut self) -> Result<u64> {
        self.rows.bytes.extend_from_slice(TRAILER);
        self.send()?;
        self.writer.finish().map_err(failed)
    }
}

/// The error of the server behind a failed write.
fn write_failed(error: std::io::Error) -> anyhow::Error {
    let text = error.to_string();
    match error.into_inner().and_then(|e| e.downcast::<postgres::Error>().ok()) {
        Some(error) => failed(*error),
        None => anyhow!("{text}"),
    }
}

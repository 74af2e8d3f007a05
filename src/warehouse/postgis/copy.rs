//! Sending encoded rows to a `COPY ... FROM STDIN (FORMAT binary)`.

use std::io::Write;

use anyhow::{Result, anyhow};
use postgres::{CopyInWriter, GenericClient};

use super::encode::{Encoder, HEADER, TRAILER};
use super::server_errors::failed;

/// Bytes that are sent at a time.
const CHUNK: usize = 1 << 20;

/// A copy under way. Dropping it takes it back.
pub struct CopyIn<'a> {
    writer: CopyInWriter<'a>,
    pub rows: Encoder,
}

impl<'a> CopyIn<'a> {
    /// Begins the copy that `sql` names.
    ///
    /// # Errors
    /// What the server says.
    pub fn start<C: GenericClient>(client: &'a mut C, sql: &str) -> Result<Self> {
        let writer = client.copy_in(sql).map_err(failed)?;
        let mut rows = Encoder { bytes: Vec::with_capacity(CHUNK + (1 << 12)) };
        rows.bytes.extend_from_slice(HEADER);
        Ok(CopyIn { writer, rows })
    }

    /// Sends what was encoded, if that is enough to be worth it.
    ///
    /// # Errors
    /// What the server says.
    pub fn send_full(&mut self) -> Result<()> {
        if self.rows.bytes.len() < CHUNK {
            return Ok(());
        }
        self.send()
    }

    fn send(&mut self) -> Result<()> {
        self.writer.write_all(&self.rows.bytes).map_err(lost)?;
        self.rows.bytes.clear();
        Ok(())
    }

    /// Ends the copy; returns the rows that arrived.
    ///
    /// # Errors
    /// What the server says.
    pub fn finish(mut self) -> Result<u64> {
        self.rows.bytes.extend_from_slice(TRAILER);
        self.send()?;
        self.writer.finish().map_err(failed)
    }
}

/// Writing failed: what the server said about it.
fn lost(error: std::io::Error) -> anyhow::Error {
    let text = error.to_string();
    match error.into_inner().and_then(|e| e.downcast::<postgres::Error>().ok()) {
        Some(said) => failed(*said),
        None => anyhow!("{text}"),
    }
}

//! Columns that are encrypted although the footer is not: their chunks look damaged to the library, which
//! skips the fields of the footer that tell.

use anyhow::{Result, bail};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::ChunkReader;

use super::super::content::REMEDY_FOR_ENCRYPTION;

/// Structures inside each other in a footer; the format has fewer.
const MAX_DEPTH: usize = 32;
/// The length of the footer and the magic bytes, at the end of a file.
const TAIL_BYTES: u64 = 8;

// fields of the structures FileMetaData, RowGroup and ColumnChunk
const ROW_GROUPS: i16 = 4;
const COLUMNS: i16 = 1;
const CRYPTO_METADATA: i16 = 8;

/// Refuses a file in which one of these leaf columns is encrypted.
///
/// # Errors
/// The first such column.
pub fn refuse_encrypted(
    file: &impl ChunkReader,
    metadata: &ParquetMetaData,
    leaves: impl IntoIterator<Item = usize>,
) -> Result<()> {
    let Some(group) = metadata.row_groups().first() else { return Ok(()) };
    // writers leave out the statistics of an encrypted column
    let mut unsure = leaves.into_iter().filter(|leaf| group.column(*leaf).statistics().is_none());
    let Some(first) = unsure.next() else { return Ok(()) };
    let encrypted = encrypted_leaves(file).unwrap_or_default();
    let is_encrypted = |leaf: &usize| encrypted.get(*leaf).copied().unwrap_or_default();
    if let Some(leaf) = std::iter::once(first).chain(unsure).find(is_encrypted) {
        let name = metadata.file_metadata().schema_descr().column(leaf).path().string();
        bail!("column {name:?} is encrypted; {REMEDY_FOR_ENCRYPTION}");
    }
    Ok(())
}

/// Whether each leaf column of the first row group is encrypted; `None` if the footer cannot be read.
fn encrypted_leaves(file: &impl ChunkReader) -> Option<Vec<bool>> {
    let end = file.len().checked_sub(TAIL_BYTES)?;
    let tail = file.get_bytes(end, 4).ok()?;
    let length = u64::from(u32::from_le_bytes(tail[..4].try_into().ok()?));
    let bytes = file.get_bytes(end.checked_sub(length)?, usize::try_from(length).ok()?).ok()?;
    let mut leaves = Vec::new();
    let mut thrift = Compact { bytes: &bytes };
    thrift.fields(&mut |thrift, id, kind| {
        if id != ROW_GROUPS || kind != LIST {
            return thrift.skip(kind, 0);
        }
        let (groups, kind) = thrift.list()?;
        for number in 0..groups {
            if number > 0 {
                thrift.skip(kind, 0)?;
                continue;
            }
            thrift.fields(&mut |thrift, id, kind| {
                if id != COLUMNS || kind != LIST {
                    return thrift.skip(kind, 0);
                }
                for _ in 0..thrift.list()?.0 {
                    let mut is_encrypted = false;
                    thrift.fields(&mut |thrift, id, kind| {
                        is_encrypted |= id == CRYPTO_METADATA;
                        thrift.skip(kind, 0)
                    })?;
                    leaves.push(is_encrypted);
                }
                Some(())
            })?;
        }
        Some(())
    })?;
    Some(leaves)
}

// types of the compact protocol of Thrift
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// Untrusted bytes in the compact protocol of Thrift.
struct Compact<'a> {
    bytes: &'a [u8],
}

impl Compact<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn advance(&mut self, bytes: u64) -> Option<()> {
        self.bytes = self.bytes.get(usize::try_from(bytes).ok()?..)?;
        Some(())
    }

    /// Number of elements and their type.
    fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let elements = match head >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        Some((elements, head & 0x0f))
    }

    /// Calls `on_field` with number and type of each field of a structure; it has to read the value.
    fn fields(&mut self, on_field: &mut dyn FnMut(&mut Self, i16, u8) -> Option<()>) -> Option<()> {
        let mut id: i16 = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            id = match head >> 4 {
                0 => {
                    let zigzag = self.varint()?;
                    i16::try_from((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)).ok()?
                }
                delta => id.checked_add(delta.into())?,
            };
            on_field(self, id, head & 0x0f)?;
        }
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match kind {
            TRUE | FALSE => Some(()),
            BYTE => self.advance(1),
            I16..=I64 => self.varint().map(drop),
            DOUBLE => self.advance(8),
            BINARY => {
                let length = self.varint()?;
                self.advance(length)
            }
            LIST | SET => {
                let (elements, kind) = self.list()?;
                (0..elements).try_for_each(|_| self.skip_element(kind, depth + 1))
            }
            MAP => {
                let entries = self.varint()?;
                let kinds = if entries == 0 { 0 } else { self.byte()? };
                (0..entries).try_for_each(|_| {
                    self.skip_element(kinds >> 4, depth + 1)?;
                    self.skip_element(kinds & 0x0f, depth + 1)
                })
            }
            STRUCT => self.fields(&mut |thrift, _, kind| thrift.skip(kind, depth + 1)),
            _ => None,
        }
    }

    /// Outside of structures, a truth value takes a byte.
    fn skip_element(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            TRUE | FALSE => self.advance(1),
            kind => self.skip(kind, depth),
        }
    }
}

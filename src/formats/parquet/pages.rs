//! Reads a column page by page, without building an array.
//!
//! Ids of 32 bytes per row are most of an event file. Each value of a dictionary is visited once
//! instead of once per row, and other values are visited in the page without copying them.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use super::panic::catch_parquet_panic;
use super::rle_bit_packed::RleBitPackedReader;
use crate::storage::ByteSource;

/// The position of a value in the bytes of its page; empty for a null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    length: u32,
}

impl Span {
    const NULL: Span = Span { start: 0, length: 0 };

    /// The value.
    #[inline]
    pub fn of(self, page: &[u8]) -> &[u8] {
        // the span was created for this page
        &page[self.start as usize..][..self.length as usize]
    }
}

/// A null in [`PagePart::Indices`].
pub const NULL_INDEX: u32 = u32::MAX;

/// The next rows of the column, or the dictionary that they refer to.
#[derive(Debug)]
pub enum PagePart<'a> {
    /// No rows, but the values that the following indices refer to, from 0.
    Dictionary { page: &'a Bytes, values: &'a [Span] },
    /// One index into the dictionary per row.
    Indices(&'a [u32]),
    /// One value per row.
    Values(Values<'a>),
}

/// Values of a page.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    Spans {
        page: &'a [u8],
        values: &'a [Span],
    },
    /// Values of the same length one after the other.
    Fixed {
        bytes: &'a [u8],
        length: usize,
    },
}

impl<'a> Values<'a> {
    /// All values, in order.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let (spans, fixed) = match self {
            Values::Spans { page, values } => (Some(values.iter().map(|v| v.of(page))), None),
            Values::Fixed { bytes, length } => (None, Some(bytes.chunks_exact(length))),
        };
        spans.into_iter().flatten().chain(fixed.into_iter().flatten())
    }
}

/// Reads one column of one row group.
pub struct Pages {
    pages: SerializedPageReader<ByteSource>,
    /// Length of every value, for types of fixed length.
    fixed_length: Option<usize>,
    nullable: bool,
    page: Bytes,
    /// Position of the next plain value in the page.
    position: usize,
    /// Rows left in the page.
    rows_left: usize,
    definition_levels: RleBitPackedReader,
    /// `None` for a page of plain values.
    index_reader: Option<RleBitPackedReader>,
    spans: Vec<Span>,
    indices: Vec<u32>,
    /// Definition levels of the current rows: 1 for a value, 0 for a null.
    levels: Vec<u32>,
}

impl Pages {
    /// Opens the column `leaf` of a row group; `None` if its type or encoding is not supported.
    ///
    /// # Errors
    /// A chunk with an invalid position in the file.
    pub fn open(
        source: &ByteSource,
        metadata: &ParquetMetaData,
        row_group: usize,
        leaf: usize,
    ) -> Result<Option<Self>> {
        let group = metadata.row_group(row_group);
        let chunk = group.column(leaf);
        let Some(fixed_length) = supported(chunk) else { return Ok(None) };
        let rows = usize::try_from(group.num_rows()).context("a negative number of rows")?;
        let pages = SerializedPageReader::new(Arc::new(source.clone()), chunk, rows, None)?;
        Ok(Some(Pages {
            pages,
            fixed_length,
            nullable: chunk.column_descr().max_def_level() == 1,
            page: Bytes::new(),
            position: 0,
            rows_left: 0,
            definition_levels: RleBitPackedReader::default(),
            index_reader: None,
            spans: Vec::new(),
            indices: Vec::new(),
            levels: Vec::new(),
        }))
    }

    /// The next rows, at most `rows` and at most those of the current page; `None` after the last.
    ///
    /// # Errors
    /// Damaged pages.
    pub fn next(&mut self, rows: usize) -> Result<Option<PagePart<'_>>> {
        while self.rows_left == 0 {
            match catch_parquet_panic(|| self.pages.get_next_page())? {
                None => return Ok(None),
                Some(Page::DictionaryPage { buf, num_values, .. }) => {
                    self.page = buf;
                    self.position = 0;
                    self.spans.clear();
                    for _ in 0..num_values {
                        let span = self.next_span()?;
                        self.spans.push(span);
                    }
                    let (page, values) = (&self.page, &self.spans);
                    return Ok(Some(PagePart::Dictionary { page, values }));
                }
                Some(page) => self.open_page(page)?,
            }
        }
        let rows = rows.min(self.rows_left);
        self.rows_left -= rows;
        let has_nulls = self.nullable && self.read_levels(rows)?;
        if self.index_reader.is_some() {
            self.read_indices(rows, has_nulls)?;
            return Ok(Some(PagePart::Indices(&self.indices)));
        }
        if let (false, Some(length)) = (has_nulls, self.fixed_length) {
            let start = self.position;
            let end = start.saturating_add(rows.saturating_mul(length));
            let Some(bytes) = self.page.get(start..end) else {
                bail!("the data of a page ends early");
            };
            self.position = end;
            return Ok(Some(PagePart::Values(Values::Fixed { bytes, length })));
        }
        self.spans.clear();
        for row in 0..rows {
            let is_null = has_nulls && self.levels[row] == 0;
            let span = if is_null { Span::NULL } else { self.next_span()? };
            self.spans.push(span);
        }
        Ok(Some(PagePart::Values(Values::Spans { page: &self.page, values: &self.spans })))
    }

    /// Reads the definition levels of the next rows; false if all are values.
    fn read_levels(&mut self, rows: usize) -> Result<bool> {
        self.levels.clear();
        match self.definition_levels.next_repeated(rows)? {
            Some(1) => return Ok(false),
            Some(level) => self.levels.resize(rows, level),
            None => self.definition_levels.read(rows, &mut self.levels)?,
        }
        Ok(true)
    }

    fn read_indices(&mut self, rows: usize, has_nulls: bool) -> Result<()> {
        self.indices.clear();
        let Some(reader) = &mut self.index_reader else { return Ok(()) };
        if !has_nulls {
            return reader.read(rows, &mut self.indices);
        }
        let count = self.levels.iter().filter(|level| **level == 1).count();
        reader.read(count, &mut self.indices)?;
        // move from the back, so that no index is overwritten before it is moved
        self.indices.resize(rows, NULL_INDEX);
        let mut from = count;
        for row in (0..rows).rev() {
            if self.levels[row] == 1 {
                from -= 1;
                self.indices[row] = self.indices[from];
            } else {
                self.indices[row] = NULL_INDEX;
            }
        }
        Ok(())
    }

    /// The next value of a plain page.
    #[inline]
    fn next_span(&mut self) -> Result<Span> {
        let length = match self.fixed_length {
            Some(length) => length,
            None => {
                let Some(prefix) = self.page.get(self.position..self.position + 4) else {
                    bail!("the data of a page ends early");
                };
                self.position += 4;
                u32::from_le_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]) as usize
            }
        };
        let start = self.position;
        if length > self.page.len() - start.min(self.page.len()) {
            bail!("the data of a page ends early");
        }
        self.position += length;
        Ok(Span { start: start as u32, length: length as u32 })
    }

    fn open_page(&mut self, page: Page) -> Result<()> {
        let (buf, rows, encoding, levels) = match page {
            Page::DataPage { buf, num_values, encoding, def_level_encoding, .. } => {
                let levels = if self.nullable {
                    let prefix = buf.get(..4).context("the data of a page ends early")?;
                    let length = u32::from_le_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]);
                    if def_level_encoding != Encoding::RLE {
                        bail!("levels in encoding {def_level_encoding}");
                    }
                    4..4usize.saturating_add(length as usize)
                } else {
                    0..0
                };
                (buf, num_values, encoding, levels)
            }
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => {
                let start = rep_levels_byte_len as usize;
                let levels = start..start.saturating_add(def_levels_byte_len as usize);
                (buf, num_values, encoding, levels)
            }
            Page::DictionaryPage { .. } => bail!("a second dictionary in one column chunk"),
        };
        if levels.end > buf.len() {
            bail!("the data of a page ends early");
        }
        let values = buf.slice(levels.end..);
        self.definition_levels = RleBitPackedReader::new(buf.slice(levels), 1)?;
        self.rows_left = rows as usize;
        self.position = 0;
        self.index_reader = match encoding {
            Encoding::PLAIN => None,
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY if values.is_empty() => {
                Some(RleBitPackedReader::default())
            }
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                Some(RleBitPackedReader::new(values.slice(1..), values[0])?)
            }
            other => bail!("a page in encoding {other} which the footer does not list"),
        };
        self.page = values;
        Ok(())
    }
}

/// Old writers list `BIT_PACKED` in the footer, for levels that flat columns do not have.
#[expect(deprecated)]
const LEGACY_LEVELS: Encoding = Encoding::BIT_PACKED;

/// The fixed length of the values, or `Some(None)` for values of any length; `None` for a chunk of
/// another type or encoding.
fn supported(chunk: &ColumnChunkMetaData) -> Option<Option<usize>> {
    let column = chunk.column_descr();
    let flat = column.max_rep_level() == 0 && column.max_def_level() <= 1;
    let decodable = chunk.encodings().all(|e| {
        matches!(
            e,
            Encoding::PLAIN
                | Encoding::RLE
                | LEGACY_LEVELS
                | Encoding::RLE_DICTIONARY
                | Encoding::PLAIN_DICTIONARY
        )
    });
    match column.physical_type() {
        _ if !(flat && decodable) => None,
        Type::BYTE_ARRAY => Some(None),
        Type::INT32 => Some(Some(4)),
        Type::INT64 => Some(Some(8)),
        // values without bytes could be more than any memory holds
        Type::FIXED_LEN_BYTE_ARRAY => {
            usize::try_from(column.type_length()).ok().filter(|length| *length > 0).map(Some)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;

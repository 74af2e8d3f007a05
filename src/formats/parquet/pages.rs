//! A column page by page, without making an array of it.
//!
//! Ids of 32 bytes a row are most of an event file. Where a page has a dictionary, each of its
//! values is looked at once and not once a row; where it has none, they are looked at where they
//! lie.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use super::panics::caught;
use super::rle::Hybrid;
use crate::storage::ByteSource;

/// Place of a value in the bytes of its page; nulls are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    length: u32,
}

impl Span {
    const NULL: Span = Span { start: 0, length: 0 };

    /// The value itself.
    #[inline]
    pub fn of(self, page: &[u8]) -> &[u8] {
        // spans are made from the page that they belong to
        &page[self.start as usize..][..self.length as usize]
    }
}

/// Stands for a null among the numbers of [`Piece::Numbers`].
pub const NULL_NUMBER: u32 = u32::MAX;

/// The next rows of the column, or what they refer to.
#[derive(Debug)]
pub enum Piece<'a> {
    /// No rows: the values that the numbers after it count from 0.
    Dictionary { page: &'a [u8], values: &'a [Span] },
    /// One number a row.
    Numbers(&'a [u32]),
    /// One value a row.
    Values { page: &'a [u8], values: &'a [Span] },
}

/// Reads one column of one row group.
pub struct Pages {
    pages: SerializedPageReader<ByteSource>,
    /// Length of every value, where the type states it.
    fixed: Option<usize>,
    nullable: bool,
    page: Bytes,
    at: usize,
    /// Rows left in the page.
    left: usize,
    levels: Hybrid,
    indices: Option<Hybrid>,
    spans: Vec<Span>,
    numbers: Vec<u32>,
    present: Vec<u32>,
}

impl Pages {
    /// Opens the column `leaf` of a row group; `None` where it is none that can be read this way.
    ///
    /// # Errors
    /// A chunk whose place in the file makes no sense.
    pub fn open(
        source: &ByteSource,
        metadata: &ParquetMetaData,
        row_group: usize,
        leaf: usize,
    ) -> Result<Option<Self>> {
        let group = metadata.row_group(row_group);
        let chunk = group.column(leaf);
        let Some(fixed) = readable(chunk) else { return Ok(None) };
        let rows = usize::try_from(group.num_rows()).context("a negative number of rows")?;
        let pages = SerializedPageReader::new(Arc::new(source.clone()), chunk, rows, None)?;
        Ok(Some(Pages {
            pages,
            fixed,
            nullable: chunk.column_descr().max_def_level() == 1,
            page: Bytes::new(),
            at: 0,
            left: 0,
            levels: Hybrid::default(),
            indices: None,
            spans: Vec::new(),
            numbers: Vec::new(),
            present: Vec::new(),
        }))
    }

    /// At most `rows` rows, as many as the page still has; `None` after the last.
    ///
    /// # Errors
    /// Pages that are damaged.
    pub fn next(&mut self, rows: usize) -> Result<Option<Piece<'_>>> {
        while self.left == 0 {
            match caught(|| self.pages.get_next_page())? {
                None => return Ok(None),
                Some(Page::DictionaryPage { buf, num_values, .. }) => {
                    self.page = buf;
                    self.at = 0;
                    self.spans.clear();
                    for _ in 0..num_values {
                        let span = self.next_span()?;
                        self.spans.push(span);
                    }
                    return Ok(Some(Piece::Dictionary { page: &self.page, values: &self.spans }));
                }
                Some(page) => self.open_page(page)?,
            }
        }
        let rows = rows.min(self.left);
        self.left -= rows;
        let nulls = self.nullable && {
            self.present.clear();
            match self.levels.take_same(rows)? {
                Some(1) => false,
                Some(level) => {
                    self.present.resize(rows, level);
                    true
                }
                None => {
                    self.levels.take(rows, &mut self.present)?;
                    true
                }
            }
        };
        if self.indices.is_some() {
            self.take_numbers(rows, nulls)?;
            return Ok(Some(Piece::Numbers(&self.numbers)));
        }
        self.spans.clear();
        for row in 0..rows {
            let span = if nulls && self.present[row] == 0 { Span::NULL } else { self.next_span()? };
            self.spans.push(span);
        }
        Ok(Some(Piece::Values { page: &self.page, values: &self.spans }))
    }

    fn take_numbers(&mut self, rows: usize, nulls: bool) -> Result<()> {
        self.numbers.clear();
        let Some(indices) = &mut self.indices else { return Ok(()) };
        if !nulls {
            return indices.take(rows, &mut self.numbers);
        }
        let count = self.present.iter().filter(|level| **level == 1).count();
        indices.take(count, &mut self.numbers)?;
        // spread from the back, so that nothing is overwritten before it has moved
        self.numbers.resize(rows, NULL_NUMBER);
        let mut from = count;
        for row in (0..rows).rev() {
            if self.present[row] == 1 {
                from -= 1;
                self.numbers[row] = self.numbers[from];
            } else {
                self.numbers[row] = NULL_NUMBER;
            }
        }
        Ok(())
    }

    /// The value at the reading place of a plain page.
    #[inline]
    fn next_span(&mut self) -> Result<Span> {
        let length = match self.fixed {
            Some(length) => length,
            None => {
                let Some(prefix) = self.page.get(self.at..self.at + 4) else {
                    bail!("the data of a page ends too early");
                };
                self.at += 4;
                u32::from_le_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]) as usize
            }
        };
        let start = self.at;
        if length > self.page.len() - start.min(self.page.len()) {
            bail!("the data of a page ends too early");
        }
        self.at += length;
        Ok(Span { start: start as u32, length: length as u32 })
    }

    fn open_page(&mut self, page: Page) -> Result<()> {
        let (buf, rows, encoding, levels) = match page {
            Page::DataPage { buf, num_values, encoding, def_level_encoding, .. } => {
                let levels = if self.nullable {
                    let prefix = buf.get(..4).context("the data of a page ends too early")?;
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
            bail!("the data of a page ends too early");
        }
        let values = buf.slice(levels.end..);
        self.levels = Hybrid::new(buf.slice(levels), 1)?;
        self.left = rows as usize;
        self.at = 0;
        self.indices = match encoding {
            Encoding::PLAIN => None,
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY if values.is_empty() => {
                Some(Hybrid::default())
            }
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                Some(Hybrid::new(values.slice(1..), values[0])?)
            }
            other => bail!("a page in encoding {other} where the footer announced none"),
        };
        self.page = values;
        Ok(())
    }
}

/// `BIT_PACKED` stands in the footers of old writers, for levels that flat columns do not have.
#[expect(deprecated)]
const LEVELS_OF_OLD: Encoding = Encoding::BIT_PACKED;

/// The length of fixed values, or `Some(None)` for any length; `None` for a chunk of another kind.
fn readable(chunk: &ColumnChunkMetaData) -> Option<Option<usize>> {
    let column = chunk.column_descr();
    let flat = column.max_rep_level() == 0 && column.max_def_level() <= 1;
    let plain = chunk.encodings().all(|e| {
        matches!(
            e,
            Encoding::PLAIN
                | Encoding::RLE
                | LEVELS_OF_OLD
                | Encoding::RLE_DICTIONARY
                | Encoding::PLAIN_DICTIONARY
        )
    });
    match column.physical_type() {
        _ if !(flat && plain) => None,
        Type::BYTE_ARRAY => Some(None),
        Type::INT32 => Some(Some(4)),
        Type::INT64 => Some(Some(8)),
        Type::FIXED_LEN_BYTE_ARRAY => usize::try_from(column.type_length()).ok().map(Some),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use arrow::array::{ArrayRef, BinaryArray, FixedSizeBinaryArray, RecordBatch};
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::ParquetMetaDataReader;
    use parquet::file::properties::{WriterProperties, WriterVersion};
    use proptest::prelude::*;

    use super::*;

    /// How a file is written.
    #[derive(Debug, Clone)]
    struct Style {
        dictionary: bool,
        /// Few enough, and the dictionary gives way to plain pages in the middle.
        dictionary_bytes: usize,
        page_rows: usize,
        newer: bool,
    }

    fn styles() -> impl Strategy<Value = Style> {
        (any::<bool>(), 1usize..400, 1usize..50, any::<bool>()).prop_map(
            |(dictionary, dictionary_bytes, page_rows, newer)| Style {
                dictionary,
                dictionary_bytes,
                page_rows,
                newer,
            },
        )
    }

    fn written(ids: ArrayRef, style: &Style) -> File {
        let file = tempfile::tempfile().unwrap();
        let version =
            if style.newer { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
        let properties = WriterProperties::builder()
            .set_writer_version(version)
            .set_dictionary_enabled(style.dictionary)
            .set_dictionary_page_size_limit(style.dictionary_bytes)
            .set_data_page_row_count_limit(style.page_rows)
            .set_write_batch_size(style.page_rows)
            .build();
        let batch = RecordBatch::try_from_iter_with_nullable([("id", ids, true)]).unwrap();
        let mut writer =
            ArrowWriter::try_new(file.try_clone().unwrap(), batch.schema(), Some(properties))
                .unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        file
    }

    /// Reads `rows` at a time; null comes back as an empty id. `None` where the pages are of
    /// another encoding.
    fn read(file: &File, rows: usize) -> Option<Vec<Vec<u8>>> {
        let metadata = ParquetMetaDataReader::new().parse_and_finish(file).unwrap();
        let mut pages =
            Pages::open(&ByteSource::Local(Arc::new(file.try_clone().unwrap())), &metadata, 0, 0)
                .unwrap()?;
        let (mut dictionary, mut ids) = (Vec::new(), Vec::new());
        while let Some(piece) = pages.next(rows).unwrap() {
            match piece {
                Piece::Dictionary { page, values } => {
                    dictionary = values.iter().map(|id| id.of(page).to_vec()).collect();
                }
                Piece::Numbers(numbers) => ids.extend(numbers.iter().map(|n| match *n {
                    NULL_NUMBER => Vec::new(),
                    n => dictionary[n as usize].clone(),
                })),
                Piece::Values { page, values } => {
                    ids.extend(values.iter().map(|id| id.of(page).to_vec()));
                }
            }
        }
        Some(ids)
    }

    proptest! {
        #[test]
        fn pages_give_the_ids_that_were_written(
            ids in prop::collection::vec(prop::option::weighted(0.9, "[a-e]{1,3}"), 1..300),
            style in styles(),
            rows in 1usize..70,
        ) {
            let array = BinaryArray::from_iter(ids.iter().map(|i| i.as_ref().map(String::as_bytes)));
            let file = written(Arc::new(array), &style);
            // the newer version writes plain ids in another encoding, which is left to others
            if let Some(found) = read(&file, rows) {
                let wanted: Vec<Vec<u8>> =
                    ids.into_iter().map(|i| i.unwrap_or_default().into_bytes()).collect();
                prop_assert_eq!(found, wanted);
            } else {
                prop_assert!(style.newer);
            }
        }

        #[test]
        fn ids_of_fixed_length_come_back(
            numbers in prop::collection::vec(prop::option::weighted(0.9, 0u32..40), 1..300),
            style in styles(),
            rows in 1usize..70,
        ) {
            let bytes = numbers.iter().map(|n| n.map(u32::to_be_bytes));
            let array = FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, 4).unwrap();
            if let Some(found) = read(&written(Arc::new(array), &style), rows) {
                let wanted: Vec<Vec<u8>> = numbers
                    .iter()
                    .map(|n| n.map(|n| n.to_be_bytes().to_vec()).unwrap_or_default())
                    .collect();
                prop_assert_eq!(found, wanted);
            } else {
                prop_assert!(style.newer);
            }
        }
    }

    #[test]
    fn both_kinds_of_pages_are_read_in_both_versions() {
        let ids: Vec<Option<Vec<u8>>> =
            (0..500u32).map(|i| Some(i.to_be_bytes().to_vec())).collect();
        let array: ArrayRef = Arc::new(BinaryArray::from_iter(ids.clone()));
        for newer in [false, true] {
            let style = Style { dictionary: true, dictionary_bytes: 1 << 20, page_rows: 33, newer };
            assert_eq!(read(&written(Arc::clone(&array), &style), 50).unwrap().len(), 500);
        }
        let style = Style { dictionary: false, dictionary_bytes: 1, page_rows: 33, newer: false };
        assert_eq!(read(&written(array, &style), 50).unwrap().len(), 500);
    }
}

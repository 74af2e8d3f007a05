//! The three columns of a row group, decoded page by page.

use anyhow::{Context, Result, bail};
use arrow::datatypes::{DataType, TimeUnit};
use bytes::Bytes;

use super::columns::{is_number, is_text};
use super::file::ParquetEvents;
use crate::domain::id_slot::IdSlot;
use crate::domain::ids::user_key_of_text;
use crate::domain::null_words::NullWords;
use crate::domain::time::EventTime;
use crate::domain::time::columns::Times;
use crate::events::batch::{EventBatch, IdEncoder};
use crate::formats::parquet::pages::{NULL_INDEX, PagePart, Pages, Span, Values};
use crate::storage::ByteSource;

/// How user ids are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum UserForm {
    Bytes,
    Text,
    /// Integers, which are the same users as their decimal text.
    Number,
}

impl UserForm {
    fn of(t: &DataType) -> Self {
        match t {
            t if is_text(t) => UserForm::Text,
            t if is_number(t) => UserForm::Number,
            _ => UserForm::Bytes,
        }
    }
}

/// The pages of a row group, with the encoded values of their dictionaries.
pub struct PageColumns {
    pages: [Pages; 3],
    user_form: UserForm,
    cells_are_text: bool,
    unit: TimeUnit,
    nulls: NullWords,
    users: Dictionary<IdSlot>,
    cells: Dictionary<IdSlot>,
    times: Dictionary<EventTime>,
    scratch: Vec<u8>,
}

/// The dictionary of a column.
struct Dictionary<T> {
    page: Bytes,
    values: Vec<Span>,
    /// The values as rows have them; empty if they have to be converted again.
    converted: Vec<T>,
}

impl<T> Default for Dictionary<T> {
    fn default() -> Self {
        Dictionary { page: Bytes::new(), values: Vec::new(), converted: Vec::new() }
    }
}

impl PageColumns {
    /// Opens a row group; `None` if types or encodings require arrays.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(
        file: &ParquetEvents,
        source: &ByteSource,
        row_group: usize,
    ) -> Result<Option<Self>> {
        let Some((pages, unit)) = file.pages(source, row_group)? else { return Ok(None) };
        let [user, cell, _] = file.types();
        Ok(Some(PageColumns {
            pages,
            user_form: UserForm::of(user),
            cells_are_text: is_text(cell),
            unit,
            nulls: file.nulls.clone(),
            users: Dictionary::default(),
            cells: Dictionary::default(),
            times: Dictionary::default(),
            scratch: Vec::new(),
        }))
    }

    /// Appends the next `rows` events to the empty `batch`.
    ///
    /// # Errors
    /// Damaged pages.
    pub fn read(
        &mut self,
        rows: usize,
        ids: &mut impl IdEncoder,
        times: &mut Times,
        batch: &mut EventBatch,
    ) -> Result<()> {
        let [user_pages, cell_pages, time_pages] = &mut self.pages;
        let nulls = &self.nulls;
        let (form, scratch) = (self.user_form, &mut self.scratch);
        fill(user_pages, rows, &mut self.users, IdSlot::MISSING, &mut batch.users, |all, out| {
            match (form, all) {
                (UserForm::Bytes, Values::Fixed { bytes, length }) => {
                    let id = |i: usize| Some(&bytes[i * length..][..length]);
                    ids.users(bytes.len() / length, id, out);
                }
                (UserForm::Bytes, Values::Spans { page, values }) => {
                    ids.users(values.len(), |i| Some(values[i].of(page)), out);
                }
                (form, all) => {
                    for id in all.iter() {
                        let digits;
                        let id = match form {
                            UserForm::Number => {
                                digits = number(id).map(|id| id.to_string());
                                digits.as_deref().unwrap_or_default()
                            }
                            _ => text(id)?,
                        };
                        out.push(match id {
                            id if nulls.is_missing(id.as_bytes()) => IdSlot::MISSING,
                            id => ids.user(user_key_of_text(id, scratch)),
                        });
                    }
                }
            }
            Ok(())
        })?;
        let as_text = self.cells_are_text;
        fill(cell_pages, rows, &mut self.cells, IdSlot::MISSING, &mut batch.cells, |all, out| {
            for id in all.iter() {
                out.push(match (as_text, number(id)) {
                    (false, Some(number)) if !nulls.is_missing_number(number) => {
                        ids.cell_number(number)
                    }
                    (true, _) if !nulls.is_missing(id) => ids.cell(text(id)?),
                    _ => IdSlot::MISSING,
                });
            }
            Ok(())
        })?;
        let (unit, out) = (self.unit, &mut batch.times);
        fill(time_pages, rows, &mut self.times, EventTime::MISSING, out, |all, out| {
            let mut local = |time: Option<i64>| match time {
                Some(time) => times.event_time(time, unit),
                None => EventTime::MISSING,
            };
            match all {
                Values::Fixed { bytes, length: 8 } => {
                    let (all, _) = bytes.as_chunks::<8>();
                    out.extend(all.iter().map(|time| local(Some(i64::from_le_bytes(*time)))));
                }
                all => out.extend(all.iter().map(|time| local(number(time)))),
            }
            Ok(())
        })
    }

    /// The numbers of users that were encoded so far are no longer valid.
    pub fn forget_users(&mut self) {
        self.users.converted.clear();
    }

    /// Checks that no column has further rows.
    ///
    /// # Errors
    /// A column with further rows; damaged pages.
    pub fn finish(&mut self) -> Result<()> {
        for pages in &mut self.pages {
            if pages.next(1)?.is_some() {
                bail!("a column has more rows than the footer promises");
            }
        }
        Ok(())
    }
}

/// Fills `out` with `rows` values. The values of a dictionary are converted once.
fn fill<T: Copy>(
    pages: &mut Pages,
    rows: usize,
    dictionary: &mut Dictionary<T>,
    null: T,
    out: &mut Vec<T>,
    mut convert: impl FnMut(Values, &mut Vec<T>) -> Result<()>,
) -> Result<()> {
    while out.len() < rows {
        let part = pages.next(rows - out.len())?;
        match part.context("a column has fewer rows than the footer promises")? {
            PagePart::Values(values) => convert(values, out)?,
            PagePart::Dictionary { page, values } => {
                dictionary.page = page.clone();
                dictionary.values.clear();
                dictionary.values.extend_from_slice(values);
                dictionary.converted.clear();
            }
            PagePart::Indices(indices) => {
                let Dictionary { page, values, converted } = &mut *dictionary;
                if converted.is_empty() {
                    convert(Values::Spans { page, values }, converted)?;
                }
                for &index in indices {
                    out.push(match converted.get(index as usize) {
                        Some(value) => *value,
                        None if index == NULL_INDEX => null,
                        None => bail!("a value is not in the dictionary of its page"),
                    });
                }
            }
        }
    }
    Ok(())
}

/// A stored integer; `None` for null.
#[inline]
fn number(bytes: &[u8]) -> Option<i64> {
    match bytes.len() {
        8 => bytes.try_into().ok().map(i64::from_le_bytes),
        4 => bytes.try_into().ok().map(|b| i64::from(i32::from_le_bytes(b))),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).context("text that is not UTF-8")
}

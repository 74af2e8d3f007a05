//! The three columns of some events as numbers: from pages where a file allows it, else from
//! arrays.

use anyhow::{Context, Result, bail};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, TimeUnit};

use super::cells::{Cells, NO_CELL};
use super::users::{NO_USER, Users};
use crate::domain::ids::user_key_of_text;
use crate::domain::time::columns::{MISSING, Times};
use crate::events::parquet::{EventFile, is_text};
use crate::formats::parquet::pages::{NULL_NUMBER, Pages, Piece, Span};
use crate::storage::Source;

/// Dense users and cells, and local time in µs; buffers that are used again and again.
#[derive(Default)]
pub struct Columns {
    pub users: Vec<u32>,
    pub cells: Vec<u32>,
    pub local_us: Vec<i64>,
    text: Vec<u8>,
}

/// The pages of a row group, with what their dictionaries mean.
pub struct PageColumns {
    pages: [Pages; 3],
    users_are_text: bool,
    cells_are_text: bool,
    unit: TimeUnit,
    users: Vec<u32>,
    cells: Vec<u32>,
    local_us: Vec<i64>,
}

impl PageColumns {
    /// `None` where the file has to be read in the general way.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(file: &EventFile, source: &Source, row_group: usize) -> Result<Option<Self>> {
        let Some((pages, unit)) = file.pages(source, row_group)? else { return Ok(None) };
        let [user, cell, _] = file.types();
        Ok(Some(PageColumns {
            pages,
            users_are_text: is_text(user),
            cells_are_text: is_text(cell),
            unit,
            users: Vec::new(),
            cells: Vec::new(),
            local_us: Vec::new(),
        }))
    }

    /// Makes sure that every column is at its end.
    ///
    /// # Errors
    /// One that is not; pages that are damaged.
    pub fn finish(mut self) -> Result<()> {
        for pages in &mut self.pages {
            if pages.next(1)?.is_some() {
                bail!("a column has more rows than the footer says");
            }
        }
        Ok(())
    }
}

impl Columns {
    /// The next `rows` events of a row group.
    ///
    /// # Errors
    /// Pages that are damaged.
    pub fn take_pages(
        &mut self,
        from: &mut PageColumns,
        rows: usize,
        users: &mut Users,
        cells: &mut Cells,
        times: &mut Times,
    ) -> Result<()> {
        let [user_pages, cell_pages, time_pages] = &mut from.pages;
        let (as_text, scratch) = (from.users_are_text, &mut self.text);
        fill(user_pages, rows, &mut from.users, NO_USER, &mut self.users, |page, ids, out| {
            if !as_text {
                users.intern_all(ids.len(), |i| Some(ids[i].of(page)), out);
                return Ok(());
            }
            for id in ids {
                out.push(user_of_text(users, text(id.of(page))?, scratch));
            }
            Ok(())
        })?;
        let as_text = from.cells_are_text;
        fill(cell_pages, rows, &mut from.cells, NO_CELL, &mut self.cells, |page, ids, out| {
            for id in ids {
                let id = id.of(page);
                out.push(match (as_text, number(id)) {
                    (false, Some(number)) => cells.intern_number(number),
                    (true, _) if !id.is_empty() => cells.intern(text(id)?),
                    _ => NO_CELL,
                });
            }
            Ok(())
        })?;
        let unit = from.unit;
        fill(time_pages, rows, &mut from.local_us, MISSING, &mut self.local_us, |page, all, out| {
            let local = |time: &Span| match number(time.of(page)) {
                Some(time) => times.local_us(time, unit),
                None => MISSING,
            };
            out.extend(all.iter().map(local));
            Ok(())
        })
    }

    /// The events of arrays of user id, cell id and time stamp.
    ///
    /// # Errors
    /// A type that the footer did not announce.
    pub fn take_arrays(
        &mut self,
        arrays: &[ArrayRef; 3],
        users: &mut Users,
        cells: &mut Cells,
        times: &mut Times,
    ) -> Result<()> {
        let [user, cell, time] = arrays;
        let Columns { users: out, text, .. } = self;
        out.clear();
        match user.data_type() {
            DataType::FixedSizeBinary(_) => {
                let ids = user.as_fixed_size_binary();
                users.intern_all(ids.len(), |i| ids.is_valid(i).then(|| ids.value(i)), out);
            }
            DataType::BinaryView => {
                let ids = user.as_binary_view();
                users.intern_all(ids.len(), |i| ids.is_valid(i).then(|| ids.value(i)), out);
            }
            // the footer check leaves text only
            _ => {
                let ids = user.as_string_view().iter();
                out.extend(ids.map(|id| user_of_text(users, id.unwrap_or_default(), text)));
            }
        }
        cells.intern_column(cell, &mut self.cells)?;
        times.convert(time, &mut self.local_us)
    }
}

/// Fills `out` with `rows` values; those of a dictionary are converted once and kept in `known`.
fn fill<T: Copy>(
    pages: &mut Pages,
    rows: usize,
    known: &mut Vec<T>,
    null: T,
    out: &mut Vec<T>,
    mut convert: impl FnMut(&[u8], &[Span], &mut Vec<T>) -> Result<()>,
) -> Result<()> {
    out.clear();
    while out.len() < rows {
        let piece = pages.next(rows - out.len())?;
        match piece.context("a column has fewer rows than the footer says")? {
            Piece::Values { page, values } => convert(page, values, out)?,
            Piece::Dictionary { page, values } => {
                known.clear();
                convert(page, values, known)?;
            }
            Piece::Numbers(numbers) => {
                for &number in numbers {
                    out.push(match known.get(number as usize) {
                        Some(value) => *value,
                        None if number == NULL_NUMBER => null,
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

fn user_of_text(users: &mut Users, id: &str, scratch: &mut Vec<u8>) -> u32 {
    if id.is_empty() { NO_USER } else { users.intern(user_key_of_text(id, scratch)) }
}

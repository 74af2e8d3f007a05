//! The three columns of events in CSV as numbers.

use std::ops::Range;

use anyhow::{Context, Result};

use super::cells::{Cells, NO_CELL};
use super::columns::Columns;
use super::users::Users;
use crate::domain::ids::{UserKey, user_key_of_text};
use crate::domain::time::columns::Times;
use crate::events::csv::{CsvEvents, Records};

/// Digits of numbers that surely fit.
const MOST_DIGITS: usize = 18;

/// Buffers that are used again and again.
#[derive(Default)]
pub struct TextRows {
    /// Ids that are hashes, as bytes one after the other.
    hashes: Vec<u8>,
    /// Where in these a row's id lies; `None` of another id.
    spans: Vec<Option<Range<usize>>>,
    /// Rows whose ids are no hashes, with their users.
    others: Vec<(usize, u32)>,
    scratch: Vec<u8>,
}

impl TextRows {
    /// Fills `columns` with at most `rows` events; with none after the last.
    ///
    /// # Errors
    /// A file that cannot be read, a row that does not fit the header, text that is not UTF-8.
    pub fn take(
        &mut self,
        columns: &mut Columns,
        rows: usize,
        (file, from): (&CsvEvents, &mut Records),
        (users, cells, times): (&mut Users, &mut Cells, &mut Times),
    ) -> Result<()> {
        let TextRows { hashes, spans, others, scratch } = self;
        hashes.clear();
        spans.clear();
        others.clear();
        columns.users.clear();
        columns.cells.clear();
        columns.local_us.clear();
        while spans.len() < rows {
            let row = from.rows();
            let Some([user, cell, time]) = from.next_row()? else { break };
            let text = |field| {
                std::str::from_utf8(field)
                    .with_context(|| format!("row {}: text that is not UTF-8", row + 1))
            };
            spans.push(match user_key_of_text(text(user)?, scratch) {
                UserKey::Bytes(hash) => {
                    hashes.extend_from_slice(hash);
                    Some(hashes.len() - hash.len()..hashes.len())
                }
                UserKey::Text("") => None,
                id => {
                    others.push((spans.len(), users.intern(id)));
                    None
                }
            });
            columns.cells.push(match number(cell) {
                Some(number) => cells.intern_number(number),
                None if cell.is_empty() => NO_CELL,
                None => cells.intern(text(cell)?),
            });
            columns.local_us.push(file.local_us(time, times));
        }
        let hash = |i: usize| spans[i].clone().map(|span| &hashes[span]);
        users.intern_all(spans.len(), hash, &mut columns.users);
        for (row, user) in others.drain(..) {
            columns.users[row] = user;
        }
        Ok(())
    }
}

/// A number whose usual text this is: without leading zeros or a plus.
#[inline]
fn number(text: &[u8]) -> Option<i64> {
    let canonical = match text {
        [b'0'] => true,
        [b'1'..=b'9', ..] => text.len() <= MOST_DIGITS,
        _ => false,
    };
    if !canonical {
        return None;
    }
    text.iter().try_fold(0i64, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_number_is_one_when_it_is_written_as_numbers_are() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"960000000000001"), Some(960_000_000_000_001));
        for text in ["", "007", "+1", "-1", "1.0", "1 ", "1234567890123456789", "c1"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }
}

//! The three columns of CSV records, encoded as event batches.

use std::ops::Range;

use anyhow::{Context, Result};

use super::file::CsvEvents;
use super::records::Records;
use crate::domain::id_slot::IdSlot;
use crate::domain::ids::{UserKey, user_key_of_text};
use crate::domain::time::columns::Times;
use crate::events::batch::{EventBatch, IdEncoder};
use crate::formats::csv::not_utf8;

/// Every number with this many digits fits into 64 bits.
const MAX_DIGITS: usize = 18;

/// The records of a block, with reused buffers.
pub struct RecordColumns<'f> {
    file: &'f CsvEvents,
    records: Records,
    /// Concatenated bytes of the ids that are hashes.
    hashes: Vec<u8>,
    /// The range of each row's id in `hashes`; `None` for other ids.
    spans: Vec<Option<Range<usize>>>,
    /// Rows with other ids, and the numbers of the ids.
    others: Vec<(usize, IdSlot)>,
    scratch: Vec<u8>,
}

impl<'f> RecordColumns<'f> {
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(file: &'f CsvEvents, block: usize) -> Result<Self> {
        Ok(RecordColumns {
            file,
            records: file.records(block)?,
            hashes: Vec::new(),
            spans: Vec::new(),
            others: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// Appends at most `rows` events to the empty `batch`; none after the last.
    ///
    /// # Errors
    /// A file that cannot be read, a row that does not fit the header, text that is not UTF-8.
    pub fn read(
        &mut self,
        rows: usize,
        ids: &mut impl IdEncoder,
        times: &mut Times,
        batch: &mut EventBatch,
    ) -> Result<()> {
        let RecordColumns { file, records, hashes, spans, others, scratch } = self;
        hashes.clear();
        spans.clear();
        others.clear();
        while spans.len() < rows {
            let row = records.rows();
            let Some([user, cell, time]) = records.next_row()? else { break };
            let text = |field| std::str::from_utf8(field).with_context(|| not_utf8(row, None));
            let user = if file.nulls.is_missing(user) { b"" } else { user };
            spans.push(match user_key_of_text(text(user)?, scratch) {
                UserKey::Bytes(hash) => {
                    hashes.extend_from_slice(hash);
                    Some(hashes.len() - hash.len()..hashes.len())
                }
                UserKey::Text("") => None,
                id => {
                    others.push((spans.len(), ids.user(id)));
                    None
                }
            });
            batch.cells.push(match number(cell) {
                _ if file.nulls.is_missing(cell) => IdSlot::MISSING,
                Some(number) => ids.cell_number(number),
                None => ids.cell(text(cell)?),
            });
            batch.times.push(file.event_time(time, times));
        }
        let hash = |i: usize| spans[i].clone().map(|span| &hashes[span]);
        ids.users(spans.len(), hash, &mut batch.users);
        for (row, user) in others.drain(..) {
            batch.users[row] = user;
        }
        Ok(())
    }
}

/// An integer in canonical form: without a sign or leading zeros.
#[inline]
fn number(text: &[u8]) -> Option<i64> {
    let canonical = match text {
        [b'0'] => true,
        [b'1'..=b'9', ..] => text.len() <= MAX_DIGITS,
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
    fn only_canonical_integers_are_numbers() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"960000000000001"), Some(960_000_000_000_001));
        for text in ["", "007", "+1", "-1", "1.0", "1 ", "1234567890123456789", "c1"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }
}

//! Dense numbers for cell ids. The canonical form of an id is text, for every type in files.

use std::fmt::Write;

use hashbrown::HashMap;

use crate::domain::id_slot::IdSlot;
use crate::domain::ids::{MAX_ID_BYTES, has_nul};

/// Size, as a power of two, of the table of recent numbers.
const RECENT_BITS: u32 = 15;

/// Interns cell ids.
#[derive(Default)]
pub struct CellIds {
    names: Vec<String>,
    by_name: HashMap<String, IdSlot, foldhash::fast::FixedState>,
    /// So that a known number is not formatted again.
    by_number: HashMap<i64, IdSlot, foldhash::fast::FixedState>,
    /// The last number with each hash: most look-ups end here, without a probe.
    recent: Vec<(i64, IdSlot)>,
    scratch: String,
    is_full: bool,
}

impl CellIds {
    /// Canonical texts, by dense number.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Bytes that the cells take, about.
    pub fn bytes(&self) -> usize {
        let text: usize = self.names.len() * 2 * 32;
        let tables = self.by_name.capacity() + self.by_number.capacity();
        text + tables * 40 + self.recent.capacity() * size_of::<(i64, IdSlot)>()
    }

    /// True if an id could not be numbered, because all numbers were in use.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// The dense number of a canonical id.
    pub fn intern(&mut self, name: &str) -> IdSlot {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        if name.len() > MAX_ID_BYTES {
            return IdSlot::TOO_LONG;
        }
        if has_nul(name) {
            return IdSlot::WITH_NUL;
        }
        if self.names.len() >= IdSlot::CAPACITY as usize {
            self.is_full = true;
            return IdSlot::MISSING;
        }
        let id = IdSlot::new(self.names.len() as u32);
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), id);
        id
    }

    /// The dense number of an id that is a number.
    #[inline]
    pub fn intern_number(&mut self, number: i64) -> IdSlot {
        // multiplying by the golden ratio spreads consecutive numbers
        let place = number.wrapping_mul(-7_046_029_254_386_353_131) as u64 >> (64 - RECENT_BITS);
        match self.recent.get(place as usize) {
            Some((recent, id)) if *recent == number && *id != IdSlot::MISSING => *id,
            _ => self.intern_number_slowly(number, place as usize),
        }
    }

    #[cold]
    fn intern_number_slowly(&mut self, number: i64, place: usize) -> IdSlot {
        self.recent.resize(1 << RECENT_BITS, (0, IdSlot::MISSING));
        let id = self.look_up_number(number);
        self.recent[place] = (number, id);
        id
    }

    fn look_up_number(&mut self, number: i64) -> IdSlot {
        if let Some(id) = self.by_number.get(&number) {
            return *id;
        }
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        // writing to a String cannot fail
        let _ = write!(text, "{number}");
        let id = self.intern(&text);
        self.scratch = text;
        self.by_number.insert(number, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_text_are_one_cell() {
        let mut cells = CellIds::default();
        let big = 9_007_199_254_740_993; // 2^53 + 1, which a float cannot hold
        let numbers = [
            cells.intern_number(big),
            cells.intern_number(7),
            cells.intern("9007199254740993"),
            cells.intern("007"),
            cells.intern_number(7),
        ];
        assert_eq!(numbers, [0, 1, 0, 2, 1].map(IdSlot::new));
        assert_eq!(cells.names(), ["9007199254740993", "7", "007"]);
        assert_eq!(cells.intern(&"7".repeat(MAX_ID_BYTES + 1)), IdSlot::TOO_LONG);
        assert_eq!(cells.intern("7\0"), IdSlot::WITH_NUL);
    }
}

//! Dense numbers for cell ids, canonical as text whatever the file's type.

use std::fmt::Write;

use hashbrown::HashMap;

use crate::events::MISSING_ID;

/// Stands for a null or empty cell id.
pub const NO_CELL: u32 = MISSING_ID;

/// Places for cell numbers met recently, as a power of two.
const RECENT_BITS: u32 = 15;

/// Interns cell ids.
#[derive(Default)]
pub struct Cells {
    names: Vec<String>,
    by_name: HashMap<String, u32, foldhash::fast::FixedState>,
    /// Saves formatting a number that was seen before.
    by_number: HashMap<i64, u32, foldhash::fast::FixedState>,
    /// The last number that was met at each place: most look-ups end here, without a probe.
    recent: Vec<(i64, u32)>,
    scratch: String,
}

impl Cells {
    /// Canonical texts, by dense number.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The dense number of a canonical id.
    pub fn intern(&mut self, name: &str) -> u32 {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), id);
        id
    }

    /// The dense number of an id that is a number.
    #[inline]
    pub fn intern_number(&mut self, number: i64) -> u32 {
        // multiplying by the golden ratio spreads numbers that follow each other
        let place = number.wrapping_mul(-7_046_029_254_386_353_131) as u64 >> (64 - RECENT_BITS);
        match self.recent.get(place as usize) {
            Some((recent, id)) if *recent == number && *id != NO_CELL => *id,
            _ => self.intern_number_anew(number, place as usize),
        }
    }

    #[cold]
    fn intern_number_anew(&mut self, number: i64, place: usize) -> u32 {
        self.recent.resize(1 << RECENT_BITS, (0, NO_CELL));
        let id = self.look_up_number(number);
        self.recent[place] = (number, id);
        id
    }

    fn look_up_number(&mut self, number: i64) -> u32 {
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
        let mut cells = Cells::default();
        let big = 9_007_199_254_740_993; // 2^53 + 1, which a float cannot hold
        let numbers = [
            cells.intern_number(big),
            cells.intern_number(7),
            cells.intern("9007199254740993"),
            cells.intern("007"),
            cells.intern_number(7),
        ];
        assert_eq!(numbers, [0, 1, 0, 2, 1]);
        assert_eq!(cells.names(), ["9007199254740993", "7", "007"]);
    }
}

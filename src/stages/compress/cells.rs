//! Dense numbers for cell ids, canonical as text whatever the file's type.

use std::fmt::Write;

use anyhow::{Result, bail};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int64Type, UInt64Type};
use hashbrown::HashMap;

/// Stands for a null or empty cell id.
pub const NO_CELL: u32 = u32::MAX;

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

    /// Numbers for a column of cell ids, [`NO_CELL`] where there is none.
    ///
    /// # Errors
    /// A type that the footer did not announce.
    pub fn intern_column(&mut self, column: &ArrayRef, out: &mut Vec<u32>) -> Result<()> {
        out.clear();
        match column.data_type() {
            DataType::Utf8View => {
                for text in column.as_string_view() {
                    out.push(match text {
                        Some(text) if !text.is_empty() => self.intern(text),
                        _ => NO_CELL,
                    });
                }
            }
            DataType::UInt64 => {
                for number in column.as_primitive::<UInt64Type>() {
                    out.push(match number {
                        Some(n) => match i64::try_from(n) {
                            Ok(n) => self.intern_number(n),
                            Err(_) => self.intern(&n.to_string()),
                        },
                        None => NO_CELL,
                    });
                }
            }
            t if t.is_integer() => {
                let wide = arrow::compute::cast(column, &DataType::Int64)?;
                let numbers = wide.as_primitive::<Int64Type>();
                if numbers.null_count() == 0 {
                    out.extend(numbers.values().iter().map(|&n| self.intern_number(n)));
                } else {
                    for number in numbers {
                        out.push(number.map_or(NO_CELL, |n| self.intern_number(n)));
                    }
                }
            }
            other => bail!("cell ids of type {other} cannot be read"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, Int64Array, StringViewArray, UInt64Array};

    use super::*;

    #[test]
    fn a_number_and_its_text_are_one_cell_and_nothing_is_lost_to_floats() {
        let mut cells = Cells::default();
        let mut out = Vec::new();
        let big = 9_007_199_254_740_993; // 2^53 + 1
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(big), None, Some(7)])),
            Arc::new(StringViewArray::from(vec![Some("9007199254740993"), Some(""), Some("007")])),
            Arc::new(Int32Array::from(vec![7])),
            Arc::new(UInt64Array::from(vec![u64::MAX, 7])),
        ];
        let mut numbers = Vec::new();
        for column in &columns {
            cells.intern_column(column, &mut out).unwrap();
            numbers.extend_from_slice(&out);
        }
        assert_eq!(numbers, [0, NO_CELL, 1, 0, NO_CELL, 2, 1, 3, 1]);
        assert_eq!(cells.names(), ["9007199254740993", "7", "007", "18446744073709551615"]);
    }
}

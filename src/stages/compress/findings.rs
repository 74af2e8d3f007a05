//! Rows with a code: counts by file and date, and the first row with each code.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::checks::{Code, Disposition, Limits};
use crate::domain::numbers::counted;
use crate::domain::time::LocalDate;

/// What rows are counted by: the number of the file, and the date, if they have one.
pub type FileDate = (u32, Option<LocalDate>);

/// A rejected row, for the quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RejectedRow {
    pub date: Option<LocalDate>,
    pub file: u32,
    /// From 1, within the file.
    pub row: u64,
    pub code: Code,
}

/// Counts of rows with a code.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    counts: HashMap<(FileDate, Code), u64, foldhash::fast::FixedState>,
    first: BTreeMap<Code, String>,
    /// Rejected rows, if the quarantine is on.
    pub rows: Vec<RejectedRow>,
}

impl Findings {
    /// Counts rows.
    pub fn add(&mut self, place: FileDate, code: Code, rows: u64) {
        *self.counts.entry((place, code)).or_default() += rows;
    }

    /// Records where a code occurs first; `place` is only evaluated for the first row with the code.
    pub fn note_first(&mut self, code: Code, place: impl FnOnce() -> String) {
        self.first.entry(code).or_insert_with(place);
    }

    pub fn merge(&mut self, other: Findings) {
        for ((place, code), rows) in other.counts {
            self.add(place, code, rows);
        }
        for (code, first) in other.first {
            // the smallest, so that the message does not depend on the order of threads
            let kept = self.first.entry(code).or_insert_with(|| first.clone());
            if first < *kept {
                *kept = first;
            }
        }
        self.rows.extend(other.rows);
    }

    /// All counts.
    pub fn iter(&self) -> impl Iterator<Item = (FileDate, Code, u64)> {
        self.counts.iter().map(|((place, code), rows)| (*place, *code, *rows))
    }

    /// One message for each code that rejects rows and that `selects` accepts, with the number of rows
    /// and the first of them.
    pub fn messages(&self, limits: &Limits, selects: impl Fn(Code) -> bool) -> Vec<String> {
        let message = |code: Code| {
            let rows = self.iter().filter(|(_, c, _)| *c == code).map(|(_, _, rows)| rows).sum();
            let first = self.first.get(&code).map_or("unknown", String::as_str);
            (rows > 0 && code.disposition() == Disposition::Rejected && selects(code)).then(|| {
                let wrong = code.describe(limits);
                format!("{} rejected: {wrong}; the first is {first}", counted(rows, "row"))
            })
        };
        Code::ALL.into_iter().filter_map(message).collect()
    }
}

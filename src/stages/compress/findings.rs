//! Rows with a code: counts by file and date, and the first row with each code.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::checks::{Code, Disposition, Limits};
use crate::domain::numbers::counted;
use crate::domain::time::LocalDate;

/// What rows are counted by: the number of the file, and the date, if they have one.
pub type FileDate = (u32, Option<LocalDate>);

/// The first row with a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstRow {
    /// File and row, for messages.
    pub place: String,
    /// Number of the row group, and the row in it from 0, if they are known; the largest number if only
    /// the row is unknown.
    pub at: Option<(u32, u64)>,
}

/// The order of rows; those of which the place is unknown come last.
fn position(at: Option<(u32, u64)>) -> (u32, u64) {
    at.unwrap_or((u32::MAX, u64::MAX))
}

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
    first: BTreeMap<Code, FirstRow>,
    /// What is wrong with the first row, by code.
    explanations: BTreeMap<Code, String>,
    /// Rejected rows, if the quarantine is on.
    pub rows: Vec<RejectedRow>,
}

impl Findings {
    /// Counts rows.
    pub fn add(&mut self, place: FileDate, code: Code, rows: u64) {
        *self.counts.entry((place, code)).or_default() += rows;
    }

    /// Records a row with a code, which counts if it is the first by row group and row. `place` is only
    /// evaluated if it is the first so far.
    pub fn note_first(
        &mut self,
        code: Code,
        at: Option<(u32, u64)>,
        place: impl FnOnce() -> String,
    ) {
        if self.first.get(&code).is_none_or(|first| position(at) < position(first.at)) {
            self.first.insert(code, FirstRow { place: place(), at });
        }
    }

    /// The first row with a code.
    pub fn first(&self, code: Code) -> Option<&FirstRow> {
        self.first.get(&code)
    }

    /// Adds to the message about a code what is wrong with its first row.
    pub fn explain(&mut self, code: Code, text: String) {
        self.explanations.insert(code, text);
    }

    pub fn merge(&mut self, other: Findings) {
        for ((place, code), rows) in other.counts {
            self.add(place, code, rows);
        }
        for (code, first) in other.first {
            // the message does not depend on the order of threads
            self.note_first(code, first.at, || first.place);
        }
        self.explanations.extend(other.explanations);
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
            let first = self.first.get(&code).map_or("unknown", |row| row.place.as_str());
            let why = self.explanations.get(&code).map(|why| format!(": {why}"));
            let why = why.unwrap_or_default();
            (rows > 0 && code.disposition() == Disposition::Rejected && selects(code)).then(|| {
                let wrong = code.describe(limits);
                format!("{} rejected: {wrong}; the first is {first}{why}", counted(rows, "row"))
            })
        };
        Code::ALL.into_iter().filter_map(message).collect()
    }
}

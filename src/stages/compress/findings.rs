//! Rows with a code: counted by file and date, the first place of each code remembered.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::checks::{Code, Disposition, Limits};
use crate::domain::numbers::counted;
use crate::domain::time::LocalDate;

/// Where rows are counted: number of the file, and the date; `None` where they have none.
pub type Place = (u32, Option<LocalDate>);

/// A rejected row, as it is kept when asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetAside {
    pub date: Option<LocalDate>,
    pub file: u32,
    /// From 1, within the file.
    pub row: u64,
    pub code: Code,
}

/// Counts of rows with a code.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    counts: HashMap<(Place, Code), u64, foldhash::fast::FixedState>,
    first: BTreeMap<Code, String>,
    /// Rejected rows, where they are kept.
    pub rows: Vec<SetAside>,
}

impl Findings {
    /// Counts rows.
    pub fn add(&mut self, place: Place, code: Code, rows: u64) {
        *self.counts.entry((place, code)).or_default() += rows;
    }

    /// Remembers where a code was met; `place` is asked for the first only.
    pub fn met(&mut self, code: Code, place: impl FnOnce() -> String) {
        self.first.entry(code).or_insert_with(place);
    }

    pub fn merge(&mut self, other: Findings) {
        for ((place, code), rows) in other.counts {
            self.add(place, code, rows);
        }
        for (code, first) in other.first {
            // the least place, so that the message does not depend on which thread was first
            let kept = self.first.entry(code).or_insert_with(|| first.clone());
            if first < *kept {
                *kept = first;
            }
        }
        self.rows.extend(other.rows);
    }

    /// All counts.
    pub fn iter(&self) -> impl Iterator<Item = (Place, Code, u64)> {
        self.counts.iter().map(|((place, code), rows)| (*place, *code, *rows))
    }

    fn total(&self, wanted: impl Fn(Code) -> bool) -> u64 {
        self.iter().filter(|(_, code, _)| wanted(*code)).map(|(_, _, rows)| rows).sum()
    }

    /// Rejected rows.
    pub fn rejected(&self) -> u64 {
        self.total(|code| code.disposition() == Disposition::Rejected)
    }

    /// One sentence for each code whose rows are rejected and wanted, with the number of rows and
    /// the first place.
    pub fn sentences(&self, limits: &Limits, wanted: impl Fn(Code) -> bool) -> Vec<String> {
        let sentence = |code: Code| {
            let rows = self.total(|c| c == code);
            let first = self.first.get(&code).map_or("unknown", String::as_str);
            (rows > 0 && code.disposition() == Disposition::Rejected && wanted(code)).then(|| {
                let wrong = code.describe(limits);
                format!("{} set aside: {wrong}; the first is {first}", counted(rows, "row"))
            })
        };
        Code::ALL.into_iter().filter_map(sentence).collect()
    }
}

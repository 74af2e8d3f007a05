//! Rows that cannot be used: counted by reason, the first place of each remembered.

use crate::report::counted;

/// Why a row was set aside. The first reason in this order that fits is the row's one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    UserMissing,
    TimeMissing,
    TimeUnreadable,
    TimeUnbelievable,
    CellMissing,
}

impl Reason {
    pub const ALL: [Reason; 5] = [
        Reason::UserMissing,
        Reason::TimeMissing,
        Reason::TimeUnreadable,
        Reason::TimeUnbelievable,
        Reason::CellMissing,
    ];

    fn text(self) -> &'static str {
        match self {
            Reason::UserMissing => "user id null or empty",
            Reason::TimeMissing => "time stamp null",
            Reason::TimeUnreadable => "time stamp not a date and time",
            Reason::TimeUnbelievable => "time stamp outside the years 1900 to 9999",
            Reason::CellMissing => "cell id null or empty",
        }
    }
}

/// Counts of rejected rows.
#[derive(Debug, Clone, Default)]
pub struct Rejects {
    counts: [u64; Reason::ALL.len()],
    first: [Option<String>; Reason::ALL.len()],
}

impl Rejects {
    /// Counts a row; `place` names file and row, and is asked for the first of its kind only.
    pub fn add(&mut self, reason: Reason, place: impl FnOnce() -> String) {
        let i = reason as usize;
        if self.counts[i] == 0 {
            self.first[i] = Some(place());
        }
        self.counts[i] += 1;
    }

    pub fn merge(&mut self, other: Rejects) {
        for (i, first) in other.first.into_iter().enumerate() {
            self.counts[i] += other.counts[i];
            // the least place, so that the message does not depend on which thread was first
            self.first[i] = match (self.first[i].take(), first) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// One sentence a reason, with the number of rows and the first place.
    pub fn sentences(&self) -> Vec<String> {
        Reason::ALL
            .iter()
            .filter(|r| self.counts[**r as usize] > 0)
            .map(|r| {
                let (count, first) = (self.counts[*r as usize], self.first[*r as usize].as_deref());
                format!(
                    "{} set aside: {}; the first is {}",
                    counted(count, "row"),
                    r.text(),
                    first.unwrap_or("unknown")
                )
            })
            .collect()
    }
}

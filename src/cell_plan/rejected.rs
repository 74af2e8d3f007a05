//! Rows of the cell plan that cannot be used.

use serde::{Deserialize, Serialize};

use crate::domain::numbers::counted;
use crate::storage::Location;

/// Why a row was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reject {
    NoCell,
    TooLong,
    WithNul,
    NoCoordinates,
    OutOfRange,
    NullIsland,
    BadDate,
    EndsBeforeStart,
}

impl Reject {
    fn text(self) -> &'static str {
        match self {
            Reject::NoCell => "cell id null or empty",
            Reject::TooLong => "cell id longer than 1,024 bytes",
            Reject::WithNul => "cell id with a NUL character",
            Reject::NoCoordinates => "latitude or longitude null or not a number",
            Reject::OutOfRange => {
                "latitude outside -90 to 90 or longitude outside -180 to 180 (are the two swapped?)"
            }
            Reject::NullIsland => "latitude and longitude both 0",
            Reject::BadDate => "validity that is not a date",
            Reject::EndsBeforeStart => "validity that ends before it starts",
        }
    }
}

/// The rows that were rejected for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    pub reason: Reject,
    pub rows: u64,
    /// File and row of the first one.
    pub first: (usize, usize),
    /// The beginning of its validity, if that is what is wrong.
    pub text: Option<String>,
}

impl Rejected {
    /// Adds rows that were rejected for the same reason.
    pub fn add(&mut self, more: Rejected) {
        let rows = self.rows + more.rows;
        if more.first < self.first {
            *self = more;
        }
        self.rows = rows;
    }

    /// A message that names the first row; `files` are those of the plan.
    pub fn message(&self, files: &[Location]) -> String {
        let (file, row) = self.first;
        let quoted = match &self.text {
            Some(text) => format!(
                ": {text:?}; expected are days such as 2024-10-01, or the form of columns.timestamp_format"
            ),
            None => String::new(),
        };
        format!(
            "{} of the cell plan rejected: {}; the first is {}, row {row}{quoted}",
            counted(self.rows, "row"),
            self.reason.text(),
            files[file]
        )
    }
}

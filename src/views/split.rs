//! Small views that are computed as a whole, such as one with a row for each window: views that are computed by
//! period see the rows of their own dates alone, and depend on nothing else of them.

use chrono::NaiveDate;

use super::growth::{Growth, Unit};
use crate::config::Window;

/// The column with the first dates of the windows that a view names for its dates.
pub const NAMED_WINDOW: &str = "window_start";

/// How the rows of a view that is computed as a whole belong to periods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    pub unit: Unit,
    /// The column with the first date of the period of a row.
    pub column: String,
}

impl Split {
    /// The same with the configured window in place of [`Unit::Window`].
    pub fn with_window(self, window: Window) -> Self {
        Split { unit: Growth::by(self.unit).with_window(window).unit, ..self }
    }

    /// The first and the last period of the rows that are seen over the dates from `first` to `last`.
    pub fn periods(&self, (first, last): (NaiveDate, NaiveDate)) -> (NaiveDate, NaiveDate) {
        (self.unit.start_of(first), last)
    }
}

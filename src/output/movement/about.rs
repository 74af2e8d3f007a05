//! What a document is about.

use chrono::NaiveDate;

/// A date, and what restricts its trips.
#[derive(Debug, Clone, Default)]
pub struct About {
    pub date: NaiveDate,
    /// The clock hour in which trips begin; without, those of the whole date.
    pub hour: Option<u32>,
    /// Only trips from or to this LAU.
    pub lau: Option<String>,
}

//! What an audit of a release tells.

use crate::domain::numbers::counted;

/// What can be derived.
#[derive(Debug)]
pub struct Audited {
    /// The kinds of numbers, with the narrowest interval of each.
    pub kinds: Vec<KindOfNumber>,
    /// What is known too well.
    pub faults: Vec<String>,
}

/// The withheld counts of a column, or differences of counts.
#[derive(Debug, Clone, PartialEq)]
pub struct KindOfNumber {
    pub name: String,
    pub numbers: u64,
    /// The narrowest interval of those that may be small.
    pub narrowest: Option<(f64, Option<f64>)>,
}

impl Audited {
    /// The number of numbers that were looked at, as text.
    pub fn sentence(&self) -> String {
        let numbers = self.kinds.iter().map(|kind| kind.numbers).sum();
        format!("{} that are withheld, or differences of others", counted(numbers, "number"))
    }
}

//! The dates that documents are restricted to.

use chrono::NaiveDate;

use crate::warehouse::Select;

/// First and last date, both inclusive; without them, all dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

impl Period {
    /// True if no date is left out.
    pub fn is_all(self) -> bool {
        self == Period::default()
    }

    pub fn contains(self, date: NaiveDate) -> bool {
        self.from.is_none_or(|from| date >= from) && self.to.is_none_or(|to| date <= to)
    }

    /// The rows of these dates.
    pub fn restrict(self, select: Select) -> Select {
        Select { from: self.from, to: self.to, ..select }
    }

    /// The condition in SQL on a column `date`, with its `WHERE`.
    pub(super) fn condition(self) -> String {
        let from = self.from.map(|from| format!("date >= DATE '{from}'"));
        let to = self.to.map(|to| format!("date <= DATE '{to}'"));
        let conditions: Vec<String> = from.into_iter().chain(to).collect();
        match conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", conditions.join(" AND ")),
        }
    }

    /// `2024-10-01 to 2024-10-07`, `from 2024-10-01` or `until 2024-10-07`.
    pub fn text(self) -> String {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from == to => from.to_string(),
            (Some(from), Some(to)) => format!("{from} to {to}"),
            (Some(from), None) => format!("from {from}"),
            (None, Some(to)) => format!("until {to}"),
            (None, None) => "all dates".to_owned(),
        }
    }
}

//! The dates about which a release says something: its own, and those of longer periods that outsiders know.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::numbers::{Shown, was_shown};
use super::table::{Number, Role, Table};

/// Periods, by their first dates, with their last ones.
#[derive(Debug, Default)]
pub struct LinkedDates(BTreeMap<NaiveDate, NaiveDate>);

impl LinkedDates {
    fn add(&mut self, (first, last): (NaiveDate, NaiveDate)) {
        let known = self.0.entry(first).or_insert(last);
        *known = last.max(*known);
    }

    /// True if a period has a date in common with one of these.
    pub fn hold(&self, (first, last): (NaiveDate, NaiveDate)) -> bool {
        self.0.range(..=last).rev().any(|(_, end)| *end >= first)
    }
}

/// The periods of released rows, and those of rows with numbers that outsiders know and that are of longer periods. What
/// was withheld about one date of a week may follow from what is said about another one.
pub fn linked_dates(tables: &[Table], shown: &Shown) -> LinkedDates {
    let mut released = LinkedDates::default();
    for row in tables.iter().flat_map(|table| &table.rows) {
        if row.role != Role::Context
            && let Some(period) = row.period
        {
            released.add(period);
        }
    }
    let mut linked = LinkedDates::default();
    for (number, table) in tables.iter().enumerate() {
        for (row_number, row) in table.rows.iter().enumerate() {
            let Some(period) = row.period.filter(|period| released.hold(*period)) else { continue };
            let is_known = |measure| {
                was_shown(tables, Number { table: number, row: row_number, measure }, shown)
            };
            let is_longer = period.0 < period.1;
            let is_linked =
                row.role != Role::Context || is_longer && (0..table.measures.len()).any(is_known);
            if is_linked {
                linked.add(period);
            }
        }
    }
    linked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_held_that_share_a_date() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let mut dates = LinkedDates::default();
        dates.add((date("2024-10-07"), date("2024-10-07")));
        dates.add((date("2024-10-07"), date("2024-10-13")));
        dates.add((date("2024-10-20"), date("2024-10-20")));
        let hold = |first: &str, last: &str| dates.hold((date(first), date(last)));
        assert!(hold("2024-10-13", "2024-10-14") && hold("2024-10-20", "2024-10-20"));
        assert!(!hold("2024-10-14", "2024-10-19") && !hold("2024-10-01", "2024-10-06"));
    }
}

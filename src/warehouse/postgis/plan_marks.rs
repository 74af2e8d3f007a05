//! Fingerprints of the cell plan by date, in the table `mobility_plan_date`: they change where a cell
//! becomes valid or ceases to be, so that a new version of a cell leaves the results of other dates alone.

use std::collections::BTreeMap;

use anyhow::Result;
use chrono::NaiveDate;
use postgres::Transaction;

use super::names::SchemaName;
use super::server_errors::failed;

const STORE: &str = include_str!("../../../sql/postgis/plan_marks.sql");

/// Computes the fingerprints of the plan in the table `cell_plan`, and gives numbers to its cells.
///
/// # Errors
/// Errors of the server.
pub fn store(transaction: &mut Transaction, schema: &SchemaName) -> Result<()> {
    transaction.batch_execute(&schema.fill(STORE)).map_err(failed)
}

/// The fingerprints, each from its date up to the next one.
#[derive(Debug, Default)]
pub struct PlanMarks(BTreeMap<NaiveDate, String>);

impl PlanMarks {
    /// # Errors
    /// Errors of the server.
    pub fn read(transaction: &mut Transaction, schema: &SchemaName) -> Result<Self> {
        let sql = "SELECT CASE WHEN isfinite(first_date) THEN first_date END, mark \
                   FROM {schema}.mobility_plan_date";
        let rows = transaction.query(&schema.fill(sql), &[]).map_err(failed)?;
        let mark = |row: &postgres::Row| {
            let first: Option<NaiveDate> = row.get(0);
            (first.unwrap_or(NaiveDate::MIN), row.get(1))
        };
        Ok(PlanMarks(rows.iter().map(mark).collect()))
    }

    /// A text that changes with the cells that are valid on any of the dates from `first` to `last`.
    pub fn of(&self, first: NaiveDate, last: NaiveDate) -> String {
        let mut previous = self.0.range(..=first).next_back().map_or("", |(_, mark)| mark);
        let mut text = previous.to_owned();
        for (date, mark) in self.0.range(first..=last) {
            // what ends may begin anew without a change
            if mark != previous {
                text.push_str(&format!(" {date} {mark}"));
                previous = mark;
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_before_and_after_a_change_of_the_plan_have_their_own_fingerprints() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let marks = PlanMarks(
            [(NaiveDate::MIN, "a"), (day("2024-10-03"), "b"), (day("2024-10-05"), "b")]
                .map(|(date, mark)| (date, mark.to_owned()))
                .into(),
        );
        let of = |first: &str, last: &str| marks.of(day(first), day(last));
        assert_eq!(of("2024-10-02", "2024-10-02"), "a");
        assert_eq!(of("2024-10-03", "2024-10-03"), "b");
        assert_eq!(of("2024-10-05", "2024-10-09"), "b");
        assert_eq!(of("2024-10-01", "2024-10-09"), "a 2024-10-03 b");
        assert_eq!(PlanMarks::default().of(day("2024-10-01"), day("2024-10-02")), "");
    }
}

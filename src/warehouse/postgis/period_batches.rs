//! Which periods of a stored result one statement computes. Over small dates a statement costs more than its
//! rows, and a date that changes late can change months of results that depend on the homes of its window.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::inputs::{Inputs, Reads};
use super::stored_views::StoredView;
use crate::views::{Growth, Unit};
use crate::warehouse::batches::batches;

/// The rows of hourly presence on the dates of one batch, so that memory use does not grow with the number of
/// dates. A larger date is a batch by itself.
const MAX_ROWS: u64 = 2_000_000;

/// The column that tells the dates of the rows of a result; `None` if its periods are to be computed one by
/// one: a view that the program does not ship may not be what its header says, and hourly presence is read
/// best by date. So are segments and trips of neighbouring dates, for whose joins the server makes poor plans over many
/// dates.
pub fn column(
    inputs: &Inputs,
    view: &StoredView,
    reads: &Reads,
    (growth, column): (Growth, Option<&str>),
) -> Option<String> {
    let is_possible = growth.unit == Unit::Date && inputs.is_shipped(&view.sql);
    let has_neighbours = growth.before + growth.after > 0;
    if !is_possible || reads.events() || (reads.movement() && has_neighbours) {
        return None;
    }
    told_by(inputs, view, (growth, column))
}

/// The column that tells the periods of rows that are computed together; `None` if there is none. With a plain
/// `by: date`, that is known of the views of the program alone.
pub fn told_by(
    inputs: &Inputs,
    view: &StoredView,
    (growth, column): (Growth, Option<&str>),
) -> Option<String> {
    let columns = inputs.columns(&view.view);
    let has = |name: &str, kind: &str| columns.iter().any(|(n, k)| n == name && k == kind);
    match column {
        Some(column) => has(column, "date").then(|| column.to_owned()),
        None if growth.unit != Unit::Date || !inputs.is_shipped(&view.sql) => None,
        None if has("date", "date") => Some("date".to_owned()),
        None => has("hour", "timestamp without time zone").then(|| "hour".to_owned()),
    }
}

/// Splits the missing ones of all periods into batches of limited size, in which no other period lies between.
pub fn split(
    all: &[NaiveDate],
    missing: &BTreeSet<NaiveDate>,
    size: impl Fn(NaiveDate) -> i64,
) -> Vec<Vec<NaiveDate>> {
    let size = |start: &NaiveDate| size(*start).unsigned_abs();
    let runs = all.split(|start| !missing.contains(start));
    runs.flat_map(|run| batches(run, MAX_ROWS, size)).map(<[NaiveDate]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_consecutive_and_limited() {
        let day = |day| NaiveDate::from_ymd_opt(2024, 10, day).unwrap();
        let all: Vec<NaiveDate> = (1..=9).map(day).collect();
        let missing: BTreeSet<NaiveDate> = [1, 2, 3, 5, 6, 7, 8].map(day).into();
        let size = |start| if start == day(7) { 5_000_000 } else { 1_000_000 };
        let found = split(&all, &missing, size);
        let expected: [&[u32]; 5] = [&[1, 2], &[3], &[5, 6], &[7], &[8]];
        assert_eq!(found, expected.map(|days| days.iter().map(|d| day(*d)).collect::<Vec<_>>()));
        assert_eq!(split(&all, &missing, |_| i64::MAX).len(), 7);
    }
}

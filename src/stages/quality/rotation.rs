//! Changes of pseudonyms, from the shares of users who are seen again seven days later.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use crate::datasets::quality_tables::DayFigures;

/// Days after which a user is looked for again; the length of a week, since week days differ.
pub const RETURN_DAYS: u64 = 7;
/// Dates before a date whose shares tell what is usual.
const USUAL_DAYS: u64 = 28;
/// Shares of these dates that have to be known.
const MIN_KNOWN: usize = 7;
/// Low dates among the seven before a change.
const MIN_LOW: u64 = 5;

/// The dates on which pseudonyms changed; `days` are in order of date.
///
/// A date is low if its share is below half of the median of the known shares of the 28 dates before it. A
/// change is on a date that is not low and follows a low one, if at least five of the seven dates before it
/// are low and none is known not to be.
pub fn changes(days: &[DayFigures]) -> Vec<NaiveDate> {
    let shares: BTreeMap<NaiveDate, f64> =
        days.iter().filter_map(|day| Some((day.date, day.returning_share?))).collect();
    let is_low: BTreeMap<NaiveDate, bool> =
        shares.iter().map(|(date, share)| (*date, is_low(*date, *share, &shares))).collect();
    let low = |date: NaiveDate| is_low.get(&date).copied();
    let is_change = |pair: &&[DayFigures]| {
        let (before, date) = (pair[0].date, pair[1].date);
        let week = (1..=RETURN_DAYS).filter_map(|back| date.checked_sub_days(Days::new(back)));
        let week: Vec<Option<bool>> = week.map(low).collect();
        let count = week.iter().filter(|low| **low == Some(true)).count() as u64;
        low(date) != Some(true)
            && low(before) == Some(true)
            && count >= MIN_LOW
            && !week.contains(&Some(false))
    };
    days.windows(2).filter(is_change).map(|pair| pair[1].date).collect()
}

fn is_low(date: NaiveDate, share: f64, shares: &BTreeMap<NaiveDate, f64>) -> bool {
    let first = date.checked_sub_days(Days::new(USUAL_DAYS)).unwrap_or(NaiveDate::MIN);
    let mut known: Vec<f64> = shares.range(first..date).map(|(_, share)| *share).collect();
    if known.len() < MIN_KNOWN {
        return false;
    }
    known.sort_by(f64::total_cmp);
    let middle = known.len() / 2;
    let median = match known.len() % 2 {
        0 => f64::midpoint(known[middle - 1], known[middle]),
        _ => known[middle],
    };
    share < median / 2.0
}

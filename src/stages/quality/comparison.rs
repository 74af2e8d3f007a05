//! Figures of a date that depend on the previous dates: the expected number of files, and the
//! numbers of warnings.

use std::collections::BTreeMap;

use super::PREVIOUS_DATES;
use super::warnings::{Level, warnings};
use crate::datasets::quality_tables::DayFigures;

/// Adds these figures; `days` are in order of date.
pub fn add_comparisons(days: &mut [DayFigures]) {
    for number in 0..days.len() {
        let previous = &days[number.saturating_sub(PREVIOUS_DATES)..number];
        let files: Vec<u64> = previous.iter().map(DayFigures::files_own).collect();
        days[number].files_expected = mode(&files);
    }
    for day in &mut *days {
        (day.warnings, day.criticals) = (0, 0);
    }
    for warning in warnings(days) {
        let Some(day) = days.iter_mut().find(|day| day.date == warning.date) else { continue };
        match warning.level {
            Level::Warning => day.warnings += 1,
            Level::Critical => day.criticals += 1,
        }
    }
}

/// The most frequent number; the greatest, if several are equally frequent.
fn mode(numbers: &[u64]) -> Option<u64> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    numbers.iter().for_each(|n| *counts.entry(*n).or_default() += 1);
    counts.into_iter().max_by_key(|(n, count)| (*count, *n)).map(|(n, _)| n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_is_the_most_frequent_number_and_ties_go_to_the_greatest() {
        assert_eq!(mode(&[24, 24, 23, 24, 1, 1]), Some(24));
        assert_eq!(mode(&[23, 24]), Some(24));
        assert_eq!(mode(&[]), None);
    }
}

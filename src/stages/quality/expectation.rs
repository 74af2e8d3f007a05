//! The dates that are missing by now.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;
use chrono::{Local, NaiveDate, Utc};
use chrono_tz::Tz;

use super::warnings::{Level, Warning};
use crate::checks::{ExpectedDates, Gap};
use crate::config::Config;
use crate::domain::numbers::counted;
use crate::events::retention;

/// First and last date, where they are asked for.
pub type Bounds = (Option<NaiveDate>, Option<NaiveDate>);

/// The dates that are expected, and what tells by when.
#[derive(Debug, Clone, Default)]
pub struct Expectation {
    dates: ExpectedDates,
    zone: Option<Tz>,
    /// The file with the first date that was not purged.
    retention: PathBuf,
}

impl Expectation {
    pub fn of(config: &Config) -> Self {
        Expectation {
            dates: config.checks.expected_dates.clone(),
            zone: config.time.tz(),
            retention: config.data.retention(),
        }
    }

    /// The expected dates that are not `present`: those that lie between two dates, and those that are
    /// listed. Within `bounds`, all expected dates up to yesterday.
    ///
    /// # Errors
    /// A damaged record of what was purged.
    pub fn gaps(&self, present: &BTreeSet<NaiveDate>, bounds: Bounds) -> Result<Vec<Gap>> {
        let yesterday = self.today().pred_opt().unwrap_or_default();
        Ok(self.until(yesterday, retention::read(&self.retention)?, present, bounds))
    }

    fn until(
        &self,
        yesterday: NaiveDate,
        kept_from: Option<NaiveDate>,
        present: &BTreeSet<NaiveDate>,
        (from, to): Bounds,
    ) -> Vec<Gap> {
        let listed = self.dates.listed_period();
        let first = listed
            .as_ref()
            .map(|listed| *listed.start())
            .into_iter()
            .chain(present.first().copied());
        let last =
            listed.as_ref().map(|listed| *listed.end()).into_iter().chain(present.last().copied());
        // of a period that is open at one end, the other end is a bound for both
        let first = from.or_else(|| first.min()).or(to);
        let last = to.or_else(|| last.max()).or(from);
        let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
        let first = kept_from.map_or(first, |kept| kept.max(first));
        self.dates.gaps(present, first..=last.min(yesterday))
    }

    /// The current date in the time zone of the data: without one, in that of this machine.
    pub fn today(&self) -> NaiveDate {
        match self.zone {
            Some(zone) => Utc::now().with_timezone(&zone).date_naive(),
            None => Local::now().date_naive(),
        }
    }
}

/// A critical finding for each gap.
pub fn warnings_of(gaps: &[Gap]) -> impl Iterator<Item = Warning> {
    gaps.iter().map(|gap| Warning {
        date: gap.from,
        level: Level::Critical,
        what: "missing_dates",
        value: gap.dates as f64,
        expected: 0.0,
        text: match gap.dates {
            1 => "no events of this date have arrived".to_owned(),
            dates => format!("no events of {dates} dates have arrived, {gap}"),
        },
    })
}

/// What a run says about gaps, if there are any.
pub fn note(gaps: &[Gap]) -> Option<String> {
    /// Gaps that are named.
    const SHOWN: usize = 5;
    let dates: u64 = gaps.iter().map(|gap| gap.dates).sum();
    let named: Vec<String> = gaps.iter().take(SHOWN).map(Gap::to_string).collect();
    let more = match gaps.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(", and {}", counted(more as u64, "more gap")),
    };
    (dates > 0).then(|| {
        format!(
            "no events of {} have arrived: {}{more}; checks.expected_dates states which dates are expected",
            counted(dates, "date"),
            named.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn october(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 10, day).unwrap()
    }

    fn gaps(dates: ExpectedDates, present: &[u32], from: u32, to: u32) -> Vec<String> {
        let expectation = Expectation { dates, ..Expectation::default() };
        let bound = |day: u32| (day > 0).then(|| october(day));
        let present = present.iter().map(|day| october(*day)).collect();
        // yesterday is the 20th; dates before the 3rd were purged
        let kept_from = Some(october(3));
        let gaps = expectation.until(october(20), kept_from, &present, (bound(from), bound(to)));
        gaps.iter().map(Gap::to_string).collect()
    }

    #[test]
    fn dates_are_missing_inside_the_period_and_where_they_are_asked_for() {
        let daily = |present: &[u32], from, to| gaps(ExpectedDates::Daily, present, from, to);
        assert_eq!(daily(&[4, 5, 7], 0, 0), ["2024-10-06"]);
        assert_eq!(daily(&[], 0, 0), [""; 0]);
        assert_eq!(daily(&[4, 5, 7], 6, 6), ["2024-10-06"]);
        assert_eq!(daily(&[4, 5, 7], 7, 7), [""; 0]);
        // before and after the period
        assert_eq!(daily(&[5, 6], 4, 4), ["2024-10-04"]);
        assert_eq!(daily(&[5, 6], 4, 0), ["2024-10-04"]);
        assert_eq!(daily(&[5, 6], 20, 20), ["2024-10-20"]);
        assert_eq!(daily(&[5, 6], 0, 9), ["2024-10-07 to 2024-10-09"]);
        assert_eq!(daily(&[], 19, 0), ["2024-10-19"]);
        // purged, and not over yet
        assert_eq!(daily(&[5, 6], 1, 2), [""; 0]);
        assert_eq!(daily(&[5, 6], 21, 21), [""; 0]);
        assert_eq!(daily(&[5, 6, 30], 0, 0), ["2024-10-07 to 2024-10-20"]);
        // the 12th is a Saturday
        assert_eq!(gaps(ExpectedDates::Workdays, &[5, 6], 12, 13), [""; 0]);
        let listed = || ExpectedDates::Listed([2, 4, 10, 25].into_iter().map(october).collect());
        assert_eq!(gaps(listed(), &[5, 6], 0, 0), ["2024-10-04", "2024-10-10"]);
        assert_eq!(gaps(listed(), &[5, 6], 11, 11), [""; 0]);
    }

    #[test]
    fn note_names_the_first_gaps() {
        let gap = |day| Gap { from: october(day), to: october(day + 1), dates: 2 };
        assert_eq!(note(&[]), None);
        let text = note(&[gap(1)]).unwrap();
        assert!(
            text.starts_with("no events of 2 dates have arrived: 2024-10-01 to 2024-10-02;"),
            "{text}"
        );
        let text = note(&(1..8).map(|day| gap(3 * day)).collect::<Vec<_>>()).unwrap();
        assert!(text.contains("14 dates") && text.contains(", and 2 more gaps;"), "{text}");
    }
}

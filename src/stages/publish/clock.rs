//! The clock hours of the dates: which one follows which, and which are by day.

use std::collections::BTreeSet;
use std::ops::Bound;

use chrono::{Days, NaiveDate};

use super::table::Table;
use crate::views::publication::Period;

/// The key with clock hours, or with full hours.
const HOUR: &str = "hour";

/// Clock hours as texts that are in the order of time, such as `2024-10-01T08:00:00`. The second of two equal ones is a
/// microsecond late.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    hours: BTreeSet<String>,
    /// First clock hour of the day, and of the night; `None` if it is not known which are by day.
    day: Option<(u32, u32)>,
    /// Dates of which the date before has no events.
    first_dates: BTreeSet<NaiveDate>,
}

impl Clock {
    /// The clock hours of the tables that have a row for each one.
    pub fn of(tables: &[Table], day: Option<(u32, u32)>, first_dates: BTreeSet<NaiveDate>) -> Self {
        let mut hours = BTreeSet::new();
        for table in tables.iter().filter(|table| table.keys.are_complete()) {
            if let Some(key) = table.key(HOUR).filter(|key| table.is_time[*key]) {
                hours.extend(table.rows.iter().filter_map(|row| row.keys[key].clone()));
            }
        }
        Clock { hours, day, first_dates }
    }

    /// A period that names clock hours, of a clock hour or a full hour; `None` if there is none.
    pub fn period_of(&self, period: Period, hour: &str) -> Option<String> {
        if period == Period::NextHour {
            return self.next(hour).cloned();
        }
        let date = hour.get(..10)?;
        let after: u32 = hour.get(11..13)?.parse().ok()?;
        let before = match after.checked_sub(1) {
            Some(before) => before,
            // nobody is seen in the hour before the first date
            None if self.first_dates.contains(&date.parse().ok()?) => after,
            // the hour before midnight is on another date
            None => return None,
        };
        let is_by_day = |hour| self.day.map(|(day, night)| (day..night).contains(&hour));
        let is_meant = match period {
            Period::DateByDay => is_by_day(before)? && is_by_day(after)?,
            Period::DateByNight => !is_by_day(before)? && !is_by_day(after)?,
            _ => true,
        };
        is_meant.then(|| date.to_owned())
    }

    /// The next clock hour; `None` where the next date is missing.
    fn next(&self, hour: &str) -> Option<&String> {
        let later = (Bound::Excluded(hour), Bound::Unbounded);
        let next = self.hours.range::<str, _>(later).next()?;
        let date = |hour: &str| hour.get(..10)?.parse::<NaiveDate>().ok();
        (date(next)? <= date(hour)?.checked_add_days(Days::new(1))?).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        let hours = [
            "2024-10-27T02:00:00",
            "2024-10-27T03:00:00",
            "2024-10-27T03:00:00.000001",
            "2024-10-27T04:00:00",
            "2024-10-27T23:00:00",
            "2024-10-28T00:00:00",
            "2024-10-28T23:00:00",
            "2024-10-30T00:00:00",
            "2025-03-30T02:00:00",
            "2025-03-30T04:00:00",
        ];
        let first_dates = BTreeSet::from(["2024-09-01".parse().unwrap()]);
        Clock { hours: hours.map(str::to_owned).into(), day: Some((7, 20)), first_dates }
    }

    #[test]
    fn hours_follow_each_other_where_the_clocks_change_and_past_midnight() {
        for (hour, next) in [
            ("2024-10-27T02:00:00", Some("2024-10-27T03:00:00")),
            ("2024-10-27T03:00:00", Some("2024-10-27T03:00:00.000001")),
            ("2024-10-27T03:00:00.000001", Some("2024-10-27T04:00:00")),
            ("2024-10-27T23:00:00", Some("2024-10-28T00:00:00")),
            // nothing is known of the 29th
            ("2024-10-28T23:00:00", None),
            ("2025-03-30T02:00:00", Some("2025-03-30T04:00:00")),
            ("2025-03-30T04:00:00", None),
        ] {
            let found = clock().period_of(Period::NextHour, hour);
            assert_eq!(found.as_deref(), next, "{hour}");
        }
    }

    #[test]
    fn full_hours_belong_to_what_holds_the_hours_before_and_after() {
        for (hour, date, day, night) in [
            // the hour before is on another date
            (0, false, false, false),
            (1, true, false, true),
            (6, true, false, true),
            (7, true, false, false),
            (8, true, true, false),
            (19, true, true, false),
            (20, true, false, false),
            (21, true, false, true),
            (23, true, false, true),
        ] {
            let text = format!("2024-10-01T{hour:02}:00:00");
            for (period, is_expected) in [
                (Period::DateOfHours, date),
                (Period::DateByDay, day),
                (Period::DateByNight, night),
            ] {
                let expected = is_expected.then_some("2024-10-01");
                assert_eq!(clock().period_of(period, &text).as_deref(), expected, "{hour}");
            }
        }
        // there are no events before the first date
        for (period, expected) in [
            (Period::DateOfHours, Some("2024-09-01")),
            (Period::DateByDay, None),
            (Period::DateByNight, Some("2024-09-01")),
        ] {
            let found = clock().period_of(period, "2024-09-01T00:00:00");
            assert_eq!(found.as_deref(), expected, "{period:?}");
        }
        let unknown = Clock::default();
        assert_eq!(unknown.period_of(Period::DateByDay, "2024-10-01T12:00:00"), None);
        assert!(unknown.period_of(Period::DateOfHours, "2024-10-01T12:00:00").is_some());
    }
}

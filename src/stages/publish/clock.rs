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
}

impl Clock {
    /// The clock hours of the tables that have a row for each one.
    pub fn of(tables: &[Table], day: Option<(u32, u32)>) -> Self {
        let mut hours = BTreeSet::new();
        for table in tables.iter().filter(|table| table.keys.are_complete()) {
            if let Some(key) = table.key(HOUR).filter(|key| table.is_time[*key]) {
                hours.extend(table.rows.iter().filter_map(|row| row.keys[key].clone()));
            }
        }
        Clock { hours, day }
    }

    /// A period that names clock hours, of a clock hour or a full hour; `None` if there is none.
    pub fn period_of(&self, period: Period, hour: &str) -> Option<String> {
        if period == Period::NextHour {
            return self.next(hour).cloned();
        }
        let date = hour.get(..10)?;
        let after: u32 = hour.get(11..13)?.parse().ok()?;
        // nearly all devices of midnight are seen later on the date too
        let before = after.saturating_sub(1);
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
        Clock { hours: hours.map(str::to_owned).into(), day: Some((7, 20)) }
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
        for (hour, day, night) in [
            (0, false, true),
            (1, false, true),
            (6, false, true),
            (7, false, false),
            (8, true, false),
            (19, true, false),
            (20, false, false),
            (21, false, true),
            (23, false, true),
        ] {
            let text = format!("2024-10-01T{hour:02}:00:00");
            for (period, is_expected) in [
                (Period::DateOfHours, true),
                (Period::DateByDay, day),
                (Period::DateByNight, night),
            ] {
                let expected = is_expected.then_some("2024-10-01");
                assert_eq!(clock().period_of(period, &text).as_deref(), expected, "{hour}");
            }
        }
        let unknown = Clock::default();
        assert_eq!(unknown.period_of(Period::DateByDay, "2024-10-01T12:00:00"), None);
        assert!(unknown.period_of(Period::DateOfHours, "2024-10-01T12:00:00").is_some());
    }
}

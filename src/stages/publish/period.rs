//! The periods that headers name: which week, month or window a date or a night belongs to, and which night an hour.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use crate::config::Anchors;
use crate::views::Unit;
use crate::views::publication::Period;

/// The windows whose anchors apply to dates.
pub type AnchorWindows = BTreeMap<NaiveDate, NaiveDate>;

/// The clock hours of a night: from the first one on, and before the second one of the next date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NightHours {
    pub start: u32,
    pub end: u32,
}

impl From<&Anchors> for NightHours {
    fn from(anchors: &Anchors) -> Self {
        NightHours { start: anchors.night_start, end: anchors.night_end }
    }
}

impl Default for NightHours {
    fn default() -> Self {
        NightHours::from(&Anchors::default())
    }
}

/// The period that a value lies in, as text; `None` if there is none, or if the value is no date.
pub fn period_of(
    period: Period,
    value: &str,
    (windows, clock): (&AnchorWindows, &Clock),
    night: NightHours,
) -> Option<String> {
    let date: NaiveDate = value.get(..10)?.parse().ok()?;
    let start = match period {
        Period::Date => date,
        Period::Week => Unit::Week.start_of(date),
        Period::Month => Unit::Month.start_of(date),
        Period::AnchorWindow => *windows.get(&date)?,
        Period::MonthOfWeek => both(Unit::Month, date, Unit::Week.end(date))?,
        Period::WeekOfNight => both(Unit::Week, date, next(date)?)?,
        Period::MonthOfNight => both(Unit::Month, date, next(date)?)?,
        Period::Night => match value.get(11..13)?.parse::<u32>().ok()? {
            hour if hour >= night.start => date,
            hour if hour < night.end => date.pred_opt()?,
            _ => return None,
        },
        // the hour before midnight is in the same night as the hour after it
        Period::NightOfHours => match value.get(11..13)?.parse::<u32>().ok()? {
            hour if hour > night.start => date,
            hour if hour < night.end => date.pred_opt()?,
            _ => return None,
        },
        Period::NextHour | Period::DateOfHours | Period::DateByDay | Period::DateByNight => {
            return clock.period_of(period, value);
        }
    };
    Some(start.to_string())
}

/// The period that holds both dates.
fn both(unit: Unit, first: NaiveDate, last: NaiveDate) -> Option<NaiveDate> {
    let start = unit.start_of(first);
    (start == unit.start_of(last)).then_some(start)
}

fn next(date: NaiveDate) -> Option<NaiveDate> {
    date.checked_add_days(Days::new(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_weeks_and_nights_lie_in_periods_that_hold_them_as_a_whole() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let windows = AnchorWindows::from([(date("2024-11-03"), date("2024-10-01"))]);
        for (period, value, expected) in [
            (Period::Date, "2024-10-01T08:00:00.000001", Some("2024-10-01")),
            // a Sunday
            (Period::Week, "2024-10-06", Some("2024-09-30")),
            (Period::Month, "2024-10-31", Some("2024-10-01")),
            (Period::AnchorWindow, "2024-11-03", Some("2024-10-01")),
            (Period::AnchorWindow, "2024-11-04", None),
            (Period::MonthOfWeek, "2024-10-07", Some("2024-10-01")),
            (Period::MonthOfWeek, "2024-09-30", None),
            (Period::WeekOfNight, "2024-10-05", Some("2024-09-30")),
            (Period::WeekOfNight, "2024-10-06", None),
            (Period::MonthOfNight, "2024-10-30", Some("2024-10-01")),
            (Period::MonthOfNight, "2024-10-31", None),
            (Period::Week, "EE0784", None),
            (Period::Night, "2024-10-01T22:00:00", Some("2024-10-01")),
            (Period::Night, "2024-10-01 06:00:00.000000", Some("2024-09-30")),
            (Period::Night, "2024-10-01T07:00:00", None),
            (Period::Night, "2024-10-01", None),
            (Period::NightOfHours, "2024-10-01T23:00:00", Some("2024-10-01")),
            (Period::NightOfHours, "2024-10-01T22:00:00", None),
            (Period::NightOfHours, "2024-10-02T00:00:00", Some("2024-10-01")),
            (Period::NightOfHours, "2024-10-02T06:00:00", Some("2024-10-01")),
            (Period::NightOfHours, "2024-10-02T07:00:00", None),
        ] {
            let clock = Clock::default();
            let found = period_of(period, value, (&windows, &clock), NightHours::default());
            assert_eq!(found.as_deref(), expected, "{value}");
        }
    }
}

//! The periods that headers name: which week, month or window a date or a night belongs to, and which night an hour.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use crate::config::{Anchors, Window};
use crate::views::publication::Period;
use crate::views::{Growth, Unit};

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

/// What the periods of a release are, and which of its dates have events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Times {
    /// The clock hours of nights.
    pub night: NightHours,
    /// First clock hour of the day, and of the night.
    pub day: Option<(u32, u32)>,
    /// The length of windows.
    pub window: Window,
    pub dates: BTreeSet<NaiveDate>,
}

impl Times {
    pub fn window(&self) -> Unit {
        Growth::by(Unit::Window).with_window(self.window).unit
    }
}

/// Which dates have events, and which windows, nights and clock hours there are.
#[derive(Debug, Clone)]
pub struct Periods {
    pub windows: AnchorWindows,
    pub night: NightHours,
    pub clock: Clock,
    /// The length of windows.
    pub window: Unit,
    /// The dates with events.
    pub dates: BTreeSet<NaiveDate>,
}

impl Default for Periods {
    fn default() -> Self {
        Periods {
            windows: AnchorWindows::default(),
            night: NightHours::default(),
            clock: Clock::default(),
            window: Unit::Month,
            dates: BTreeSet::new(),
        }
    }
}

impl Periods {
    /// The period that a value lies in, as text; `None` if there is none, or if the value is no date.
    pub fn period_of(&self, period: Period, value: &str) -> Option<String> {
        let date: NaiveDate = value.get(..10)?.parse().ok()?;
        let start = match period {
            Period::Date => date,
            Period::Week => Unit::Week.start_of(date),
            Period::Month => Unit::Month.start_of(date),
            Period::AnchorWindow => *self.windows.get(&date)?,
            Period::MonthOfWeek => self.around(Unit::Month, date, Unit::Week)?,
            Period::WeekOfMonth => self.around(Unit::Week, date, Unit::Month)?,
            Period::MonthOfWindow => self.around(Unit::Month, date, self.window)?,
            Period::WeekOfWindow => self.around(Unit::Week, date, self.window)?,
            Period::WeekOfNight => both(Unit::Week, date, next(date)?)?,
            Period::MonthOfNight => both(Unit::Month, date, next(date)?)?,
            Period::Night => match value.get(11..13)?.parse::<u32>().ok()? {
                hour if hour >= self.night.start => date,
                hour if hour < self.night.end => date.pred_opt()?,
                _ => return None,
            },
            // the hour before midnight is in the same night as the hour after it
            Period::NightOfHours => match value.get(11..13)?.parse::<u32>().ok()? {
                hour if hour > self.night.start => date,
                hour if hour < self.night.end => date.pred_opt()?,
                _ => return None,
            },
            Period::NextHour | Period::DateOfHours | Period::DateByDay | Period::DateByNight => {
                return self.clock.period_of(period, value);
            }
        };
        Some(start.to_string())
    }

    /// The period that holds all dates with events of another one, from its first date. Where events begin or end in the
    /// middle of a week, that week may lie in a month although some of its dates do not.
    fn around(&self, unit: Unit, start: NaiveDate, of: Unit) -> Option<NaiveDate> {
        let end = of.end(start);
        let mut dates = self.dates.range(start..=end);
        let first = dates.next().copied();
        let last = dates.next_back().copied().or(first);
        both(unit, first.unwrap_or(start), last.unwrap_or(end))
    }
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
            (Period::MonthOfWindow, "2024-10-01", Some("2024-10-01")),
            (Period::WeekOfMonth, "2024-10-01", None),
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
            let periods = Periods { windows: windows.clone(), ..Periods::default() };
            let found = periods.period_of(period, value);
            assert_eq!(found.as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn periods_are_compared_by_their_dates_with_events() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let with = |dates: &[&str], window| Periods {
            dates: dates.iter().map(|text| date(text)).collect(),
            window,
            ..Periods::default()
        };
        // events begin on a Tuesday
        let begins = with(&["2024-10-01", "2024-10-02", "2024-10-07"], Unit::Days(28));
        // and end on a Friday
        let ends = with(&["2024-10-30", "2024-10-31", "2024-11-01"], Unit::Days(28));
        for (periods, period, value, expected) in [
            (&begins, Period::MonthOfWeek, "2024-09-30", Some("2024-10-01")),
            (&begins, Period::WeekOfMonth, "2024-10-01", None),
            (&begins, Period::MonthOfWindow, "2024-09-23", Some("2024-10-01")),
            (&begins, Period::WeekOfWindow, "2024-09-23", None),
            (&begins, Period::WeekOfWindow, "2024-10-07", Some("2024-10-07")),
            (&ends, Period::MonthOfWeek, "2024-10-28", None),
            (&ends, Period::WeekOfMonth, "2024-10-01", Some("2024-10-28")),
            (&ends, Period::WeekOfMonth, "2024-11-01", Some("2024-10-28")),
            (&ends, Period::MonthOfWindow, "2024-10-28", None),
            (&ends, Period::WeekOfWindow, "2024-10-28", Some("2024-10-28")),
        ] {
            let found = periods.period_of(period, value);
            assert_eq!(found.as_deref(), expected, "{period:?} {value}");
        }
    }
}

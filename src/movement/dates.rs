//! A date and the dates beside it on one line of time that passed.

use crate::domain::time::{DayShift, LocalDate};

/// A local date.
#[derive(Debug, Clone)]
pub struct Day {
    pub date: LocalDate,
    shift: DayShift,
    /// µs from the beginning of the middle date to that of this one.
    start_us: i64,
}

impl Day {
    fn end_us(&self) -> i64 {
        self.start_us + self.shift.length_us()
    }
}

/// A date, the one before and the one after it. Times are µs that have passed since the beginning of the date,
/// and are negative on the date before.
#[derive(Debug, Clone)]
pub struct Dates([Day; 3]);

impl Dates {
    /// The place of the date itself among the three.
    pub const OWN: usize = 1;

    /// `shift_of` gives the change of the clocks on a date.
    pub fn around(date: LocalDate, shift_of: impl Fn(LocalDate) -> DayShift) -> Self {
        let day = |date: LocalDate| Day { date, shift: shift_of(date), start_us: 0 };
        let [mut before, own, mut after] =
            [date.0.saturating_sub(1), date.0, date.0.saturating_add(1)].map(|d| day(LocalDate(d)));
        before.start_us = -before.shift.length_us();
        after.start_us = own.shift.length_us();
        Dates([before, own, after])
    }

    pub fn days(&self) -> &[Day; 3] {
        &self.0
    }

    /// The first instant of a date.
    pub fn start_us(&self, day: usize) -> i64 {
        self.0[day].start_us
    }

    /// The first instant after a date.
    pub fn end_us(&self, day: usize) -> i64 {
        self.0[day].end_us()
    }

    /// The time that has passed when the clocks show this, local µs, of one of the dates. A time that occurs twice is
    /// the first one.
    pub fn elapsed_us(&self, wall_us: i64) -> i64 {
        let midnight = |day: &Day| day.date.first_hour().start_us();
        let day =
            self.0[1..].iter().rev().find(|day| wall_us >= midnight(day)).unwrap_or(&self.0[0]);
        day.start_us + day.shift.elapsed_us(wall_us - midnight(day), false)
    }

    /// What the clocks show, local µs; at the end of the last date, midnight.
    pub fn wall_us(&self, us: i64) -> i64 {
        let day = self.0[1..].iter().rev().find(|day| us >= day.start_us).unwrap_or(&self.0[0]);
        day.date.first_hour().start_us() + day.shift.wall_us(us - day.start_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::MICROS_PER_HOUR;

    #[test]
    fn clocks_show_midnight_at_both_ends_of_dates_with_23_and_25_hours() {
        let zone = Some(chrono_tz::Europe::Tallinn);
        for (text, hours) in [("2024-10-27", 25), ("2025-03-30", 23), ("2024-10-01", 24)] {
            let date = LocalDate::from_calendar(text.parse().unwrap());
            let dates = Dates::around(date, |date| DayShift::of(zone, date));
            assert_eq!(dates.end_us(Dates::OWN), hours * MICROS_PER_HOUR, "{text}");
            let midnight = date.first_hour().start_us();
            let wall =
                |hours: i64| (dates.wall_us(hours * MICROS_PER_HOUR) - midnight) / MICROS_PER_HOUR;
            assert_eq!(
                [wall(-24), wall(0), wall(hours), wall(hours + 24)],
                [-24, 0, 24, 48],
                "{text}"
            );
            assert_eq!(wall(2), 2, "{text}");
            let elapsed =
                |hour: i64| dates.elapsed_us(midnight + hour * MICROS_PER_HOUR) / MICROS_PER_HOUR;
            assert_eq!(
                [elapsed(-24), elapsed(2), elapsed(12), elapsed(24), elapsed(36)],
                [-24, 2, hours - 12, hours, hours + 12],
                "{text}"
            );
            assert_eq!(wall(12), 12 + 24 - hours, "{text}");
        }
    }
}

//! The clock hours of a date, as the view `clock_hours` lists them.

use std::collections::HashSet;

use chrono::NaiveDate;

use crate::domain::time::{ClockChanges, MICROS_PER_HOUR};

/// How late the second of two equal clock hours is in hourly presence.
const REPEATED_US: i64 = 1;

/// A clock hour of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourOfDate {
    /// The value of the column `hour` in hourly presence.
    pub label_us: i64,
    /// The full hour by the clock.
    pub start_us: i64,
    /// A power of two that no other hour of the date has.
    pub flag: i64,
}

impl HourOfDate {
    /// True for the second of two equal clock hours.
    pub fn is_repeated(&self) -> bool {
        self.label_us != self.start_us
    }
}

/// The hours of the clock, from 0 to 23, of a value of the column `hour`.
pub fn hour_of_day(label_us: i64) -> u32 {
    label_us.div_euclid(MICROS_PER_HOUR).rem_euclid(24) as u32
}

/// Which clock hours there are.
#[derive(Debug, Default)]
pub struct Clock {
    skipped: HashSet<i64>,
    repeated: HashSet<i64>,
}

impl From<ClockChanges> for Clock {
    fn from(changes: ClockChanges) -> Self {
        let ClockChanges { skipped, repeated } = changes;
        Clock { skipped: skipped.into_iter().collect(), repeated: repeated.into_iter().collect() }
    }
}

impl Clock {
    /// The hours of a date in the order of their labels.
    pub fn hours_of(&self, date: NaiveDate) -> Vec<HourOfDate> {
        let day = i64::from(date.to_epoch_days());
        let mut hours = Vec::with_capacity(25);
        for number in 0..24 {
            let since_1970 = day * 24 + number;
            let start_us = since_1970 * MICROS_PER_HOUR;
            let flag = 1 << number;
            if !self.skipped.contains(&since_1970) {
                hours.push(HourOfDate { label_us: start_us, start_us, flag });
            }
            if self.repeated.contains(&since_1970) {
                let label_us = start_us + REPEATED_US;
                hours.push(HourOfDate { label_us, start_us, flag: flag << 24 });
            }
        }
        hours
    }
}

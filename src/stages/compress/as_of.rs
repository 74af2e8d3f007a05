//! The current time of a run: which time stamps are in the future, which dates are final.

use chrono::{NaiveDate, Utc};

use super::settings::Settings;
use crate::checks::Code;
use crate::domain::time::belief::Belief;
use crate::domain::time::{LocalDate, LocalHour, MICROS_PER_HOUR};

/// The range of UTC offsets on Earth, hours: without a zone, local time may be anywhere in it.
const MAX_BEHIND_UTC_H: i64 = 12;
const MAX_AHEAD_OF_UTC_H: i64 = 14;

/// The current time of a run.
#[derive(Debug, Clone, Copy)]
pub struct AsOf {
    /// Later local times, µs, are in the future; the maximum if that is not checked.
    pub latest_us: i64,
    /// Which times can be believed.
    pub belief: Belief,
    /// The last date that is final.
    closed: LocalDate,
}

impl AsOf {
    /// The time of the system's clock.
    pub fn now(settings: &Settings) -> Self {
        let now = Utc::now();
        let utc = now.timestamp_micros();
        let (earliest, latest) = match settings.time.tz() {
            Some(zone) => {
                let local = now.with_timezone(&zone).naive_local().and_utc().timestamp_micros();
                (local, local)
            }
            None => (
                utc - MAX_BEHIND_UTC_H * MICROS_PER_HOUR,
                utc + MAX_AHEAD_OF_UTC_H * MICROS_PER_HOUR,
            ),
        };
        let current = LocalHour::of(earliest).date();
        let open_days = i32::try_from(settings.checks.open_days).unwrap_or(i32::MAX);
        AsOf {
            latest_us: if settings.checks.on(Code::TimeFuture) { latest } else { i64::MAX },
            belief: Belief { now_us: latest },
            closed: LocalDate(current.0.saturating_sub(1).saturating_sub(open_days)),
        }
    }

    /// True for a date of which rows can still be expected.
    pub fn is_provisional(&self, date: NaiveDate) -> bool {
        LocalDate::from_calendar(date) > self.closed
    }
}

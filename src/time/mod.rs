//! Local wall time: from time stamps to clock hours and days.

pub mod columns;

use anyhow::{Result, anyhow};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub const MICROS_PER_HOUR: i64 = 3_600 * MICROS_PER_SECOND;

/// A clock hour of local time: hours since 1970-01-01 00:00 local.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalHour(pub i64);

impl LocalHour {
    /// The hour that a local time stamp (µs) lies in.
    pub fn of(local_us: i64) -> Self {
        LocalHour(local_us.div_euclid(MICROS_PER_HOUR))
    }

    /// The hour's start, local µs.
    pub fn start_us(self) -> i64 {
        self.0 * MICROS_PER_HOUR
    }

    pub fn date(self) -> LocalDate {
        LocalDate(self.0.div_euclid(24) as i32)
    }
}

/// A local calendar day: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDate(pub i32);

impl LocalDate {
    /// First hour of the day.
    pub fn first_hour(self) -> LocalHour {
        LocalHour(i64::from(self.0) * 24)
    }

    /// The day as a calendar date; `None` outside the calendar's reach (years ±262,000).
    pub fn calendar(self) -> Option<NaiveDate> {
        NaiveDate::from_epoch_days(self.0)
    }

    pub fn from_calendar(date: NaiveDate) -> Self {
        LocalDate(date.to_epoch_days())
    }
}

impl std::fmt::Display for LocalDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.calendar() {
            Some(date) => date.fmt(f),
            None => write!(f, "day {}", self.0),
        }
    }
}

/// Earliest and latest local time stamp that is believed, µs: years 1900 to 9999. Outside lie
/// values read with the wrong unit.
pub const BELIEVABLE_US: std::ops::Range<i64> = -2_208_988_800_000_000..253_402_300_800_000_000;

/// Length of the slots within which a zone's offset is taken as constant, µs. All changes since
/// 1900 that IANA records for zones in use fall on multiples of 15 minutes of UTC.
const SLOT_US: i64 = 900 * MICROS_PER_SECOND;

/// Converts UTC instants to local wall time, remembering the last offset, because neighbouring
/// events mostly share it.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: Option<Tz>,
    slot: i64,
    offset_us: i64,
}

impl Clock {
    /// Without a zone time stamps are local wall time already.
    pub fn new(zone: Option<Tz>) -> Self {
        Clock { zone, slot: i64::MIN, offset_us: 0 }
    }

    /// The clock for a column: the configured zone, else the column's own, else none.
    ///
    /// # Errors
    /// A column zone that is neither an IANA name nor an offset such as `+03:00`.
    pub fn for_column(configured: Option<Tz>, column: Option<&str>) -> Result<Self> {
        let Some(own) = column.filter(|_| configured.is_none()) else {
            return Ok(Clock::new(configured));
        };
        if let Ok(zone) = own.parse::<Tz>() {
            return Ok(Clock::new(Some(zone)));
        }
        let offset: FixedOffset = own.parse().map_err(|_| anyhow!("unknown time zone {own:?}"))?;
        let offset_us = i64::from(offset.local_minus_utc()) * MICROS_PER_SECOND;
        Ok(Clock { offset_us, ..Clock::new(None) })
    }

    /// Local wall time (µs) of an instant (µs, UTC).
    pub fn local_us(&mut self, utc_us: i64) -> i64 {
        let Some(zone) = self.zone else { return utc_us.saturating_add(self.offset_us) };
        let slot = utc_us.div_euclid(SLOT_US);
        if slot != self.slot {
            self.slot = slot;
            self.offset_us = offset_us(zone, slot.saturating_mul(SLOT_US));
        }
        utc_us.saturating_add(self.offset_us)
    }
}

fn offset_us(zone: Tz, utc_us: i64) -> i64 {
    let instant = DateTime::from_timestamp_micros(utc_us).unwrap_or_default();
    let offset = zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
    i64::from(offset.local_minus_utc()) * MICROS_PER_SECOND
}

/// A clock hour that occurs twice on the day the clocks go back, if `date` is such a day.
pub fn repeated_hour(zone: Tz, date: LocalDate) -> Option<NaiveDateTime> {
    let day = date.calendar()?;
    (0..24)
        .filter_map(|h| day.and_hms_opt(h, 0, 0))
        .find(|t| matches!(zone.from_local_datetime(t), chrono::LocalResult::Ambiguous(_, _)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(text: &str) -> i64 {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
            .unwrap()
            .and_utc()
            .timestamp_micros()
    }

    #[test]
    fn midnight_belongs_to_the_new_day() {
        let last = LocalHour::of(us("2024-10-01 23:59:59"));
        let first = LocalHour::of(us("2024-10-02 00:00:00"));
        assert_eq!(last.date().to_string(), "2024-10-01");
        assert_eq!(first.date().to_string(), "2024-10-02");
        assert_eq!(first.0, last.0 + 1);
    }

    #[test]
    fn time_stamps_before_1970_fall_into_the_hour_that_holds_them() {
        let hour = LocalHour::of(us("1969-12-31 23:30:00"));
        assert_eq!(hour.start_us(), us("1969-12-31 23:00:00"));
        assert_eq!(hour.date().to_string(), "1969-12-31");
    }

    #[test]
    fn tallinn_is_three_hours_ahead_in_summer_and_two_in_winter() {
        let mut clock = Clock::new(Some(chrono_tz::Europe::Tallinn));
        assert_eq!(clock.local_us(us("2024-10-01 21:30:00")), us("2024-10-02 00:30:00"));
        // clocks go back on 2024-10-27 at 01:00 UTC: 03:59 summer time, then 03:00 winter time
        assert_eq!(clock.local_us(us("2024-10-27 00:59:59")), us("2024-10-27 03:59:59"));
        assert_eq!(clock.local_us(us("2024-10-27 01:00:00")), us("2024-10-27 03:00:00"));
    }

    #[test]
    fn the_day_of_25_hours_names_its_repeated_hour() {
        let day = |text: &str| LocalDate::from_calendar(text.parse().unwrap());
        let zone = chrono_tz::Europe::Tallinn;
        let repeated = repeated_hour(zone, day("2024-10-27")).unwrap();
        assert_eq!(repeated.to_string(), "2024-10-27 03:00:00");
        assert_eq!(repeated_hour(zone, day("2024-10-26")), None);
        assert_eq!(repeated_hour(zone, day("2025-03-30")), None);
    }
}

//! Local time: from time stamps to clock hours and dates.

pub mod belief;
mod clock_changes;
mod clock_hour;
pub mod columns;
mod event_time;
pub mod explain;
pub mod form;
pub mod format;
pub mod seen;
pub mod text;
pub mod written;

use anyhow::{Result, anyhow};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

pub use clock_changes::ClockChanges;
pub use clock_hour::{ClockHour, SpanHour};
pub use event_time::{EventTime, EventTimeView, is_in_range};

pub const MICROS_PER_SECOND: i64 = 1_000_000;
pub const MICROS_PER_HOUR: i64 = 3_600 * MICROS_PER_SECOND;

/// A clock hour of local time: hours since 1970-01-01 00:00 local.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalHour(pub i64);

impl LocalHour {
    /// The hour of a local time stamp (µs).
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

/// A local date: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDate(pub i32);

impl LocalDate {
    /// First hour of the day.
    pub fn first_hour(self) -> LocalHour {
        LocalHour(i64::from(self.0) * 24)
    }

    /// The calendar date; `None` outside the years ±262,000.
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

/// Range of accepted local time stamps, µs: the years 1900 to 9999. Other values were mostly read with
/// the wrong unit.
pub const TIMESTAMP_RANGE_US: std::ops::Range<i64> =
    -2_208_988_800_000_000..253_402_300_800_000_000;

/// Length of the slots, µs, within which the UTC offset of a zone is constant: all changes since 1900 in
/// the IANA database, for zones in use, occur at multiples of 15 minutes of UTC.
const SLOT_US: i64 = 900 * MICROS_PER_SECOND;

/// Converts UTC instants to local time. It caches the last offset, because consecutive events mostly
/// share it.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: Option<Tz>,
    slot: i64,
    offset_us: i64,
    tracks_repeats: bool,
    repeated: bool,
}

impl Clock {
    /// Without a zone, time stamps are local time already.
    pub fn new(zone: Option<Tz>) -> Self {
        Clock { zone, slot: i64::MIN, offset_us: 0, tracks_repeats: false, repeated: false }
    }

    /// The same clock, which distinguishes times that the clocks show for the second time: its event
    /// times are to be read with [`EventTime::view`].
    pub fn tracking_repeats(self) -> Self {
        Clock { tracks_repeats: true, ..self }
    }

    /// The clock for a column: the configured zone, else the column's own, else none.
    ///
    /// # Errors
    /// A column zone that is neither an IANA name nor an offset such as `+03:00`.
    pub fn for_column(configured: Option<Tz>, column: Option<&str>) -> Result<Self> {
        let Some(own) = column.filter(|_| configured.is_none()) else {
            return Ok(Clock::new(configured));
        };
        let zone = chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(own));
        if let Some(zone) = zone {
            return Ok(Clock::new(Some(*zone)));
        }
        let offset = if own.eq_ignore_ascii_case("z") { "+00:00" } else { own };
        let offset: FixedOffset = offset.parse().map_err(|_| {
            anyhow!(
                "the column of time stamps has the unknown time zone {own:?}; set time.zone, which takes \
                 precedence over it"
            )
        })?;
        let offset_us = i64::from(offset.local_minus_utc()) * MICROS_PER_SECOND;
        Ok(Clock { offset_us, ..Clock::new(None) })
    }

    /// Local time (µs) of an instant (µs, UTC).
    #[inline]
    pub fn local_us(&mut self, utc_us: i64) -> i64 {
        if let Some(zone) = self.zone {
            let slot = utc_us.div_euclid(SLOT_US);
            if slot != self.slot {
                self.slot = slot;
                let start = slot.saturating_mul(SLOT_US);
                self.offset_us = offset_us(zone, start);
                if self.tracks_repeats {
                    self.repeated = is_repeated(zone, start, self.offset_us);
                }
            }
        }
        utc_us.saturating_add(self.offset_us)
    }

    /// Local time of an instant (µs, UTC).
    #[inline]
    pub fn event_time(&mut self, utc_us: i64) -> EventTime {
        let local = self.local_us(utc_us);
        match self.tracks_repeats {
            true => EventTime::tracked(local, self.repeated),
            false => EventTime::untracked(local),
        }
    }
}

/// True if the clocks show the local time of an instant for the second time.
fn is_repeated(zone: Tz, utc_us: i64, offset: i64) -> bool {
    let local = DateTime::from_timestamp_micros(utc_us.saturating_add(offset)).unwrap_or_default();
    match zone.from_local_datetime(&local.naive_utc()) {
        chrono::LocalResult::Ambiguous(_, later) => {
            i64::from(later.offset().fix().local_minus_utc()) * MICROS_PER_SECOND == offset
        }
        _ => false,
    }
}

/// The change of the clocks on a date, if there is one: from then on, local time differs from the time
/// elapsed since the beginning of the date.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayShift {
    /// Local time into the date, µs, at which the clocks change, by the clocks before the change.
    at_us: i64,
    /// How far the clocks go forward, µs; negative if they go back.
    forward_us: i64,
}

impl DayShift {
    /// The change of the clocks of a zone on a date.
    pub fn of(zone: Option<Tz>, date: LocalDate) -> Self {
        let none = DayShift::default();
        let Some((zone, day)) = zone.zip(date.calendar()) else { return none };
        let midnight = date.first_hour().start_us();
        let Some(first) =
            zone.from_local_datetime(&day.and_time(chrono::NaiveTime::MIN)).earliest()
        else {
            return none;
        };
        let start = first.timestamp_micros();
        let before = midnight - start;
        for slot in 0..100 {
            let instant = start + slot * SLOT_US;
            let after = offset_us(zone, instant);
            if after != before {
                let at_us = instant + before - midnight;
                return DayShift { at_us, forward_us: after - before };
            }
        }
        none
    }

    /// The first local time into the date, µs, after the change, and how far the clocks are ahead of the
    /// elapsed time from then on, µs. Repeated times are after the change as well. `None` if the clocks
    /// do not change.
    pub fn change(&self) -> Option<(i64, i64)> {
        let after = self.at_us.max(self.at_us + self.forward_us);
        (self.forward_us != 0).then_some((after, self.forward_us))
    }

    /// µs since the beginning of the date, of a local time into it.
    pub fn elapsed_us(&self, wall_us: i64, repeated: bool) -> i64 {
        match self.change() {
            Some((from, forward)) if repeated || wall_us >= from => wall_us - forward,
            _ => wall_us,
        }
    }

    /// What the clocks show, local µs into the date, when so many µs have passed since it began.
    pub fn wall_us(&self, elapsed_us: i64) -> i64 {
        if elapsed_us < self.at_us { elapsed_us } else { elapsed_us + self.forward_us }
    }

    /// µs that pass on the date.
    pub fn length_us(&self) -> i64 {
        24 * MICROS_PER_HOUR - self.forward_us
    }

    /// Clock hours of the date: 24, or 25 or 23 if the clocks change by an hour.
    pub fn clock_hours(&self) -> u32 {
        24u32.saturating_add_signed(-(self.forward_us / MICROS_PER_HOUR) as i32)
    }
}

fn offset_us(zone: Tz, utc_us: i64) -> i64 {
    let instant = DateTime::from_timestamp_micros(utc_us).unwrap_or_default();
    let offset = zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
    i64::from(offset.local_minus_utc()) * MICROS_PER_SECOND
}

/// The clock hour that occurs twice on a date on which the clocks go back.
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
    fn time_stamp_before_1970_belongs_to_the_hour_that_contains_it() {
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
    fn clock_distinguishes_the_two_occurrences_of_a_repeated_hour() {
        let mut clock = Clock::new(Some(chrono_tz::Europe::Tallinn)).tracking_repeats();
        let mut shown = |text| match clock.event_time(us(text)).view() {
            EventTimeView::Local { us, repeated } => (us, repeated),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown("2024-10-26 23:59:59"), (us("2024-10-27 02:59:59"), false));
        assert_eq!(shown("2024-10-27 00:00:00"), (us("2024-10-27 03:00:00"), false));
        assert_eq!(shown("2024-10-27 00:59:59"), (us("2024-10-27 03:59:59"), false));
        assert_eq!(shown("2024-10-27 01:00:00"), (us("2024-10-27 03:00:00"), true));
        assert_eq!(shown("2024-10-27 01:59:59"), (us("2024-10-27 03:59:59"), true));
        assert_eq!(shown("2024-10-27 02:00:00"), (us("2024-10-27 04:00:00"), false));
        let absurd = clock.event_time((1 << 60) + us("2024-10-27 00:00:00"));
        assert_eq!(absurd.view(), EventTimeView::Local { us: i64::MAX, repeated: false });
    }

    #[test]
    fn dates_on_which_clocks_change_have_25_or_23_hours() {
        let day = |text: &str| LocalDate::from_calendar(text.parse().unwrap());
        let zone = Some(chrono_tz::Europe::Tallinn);
        let hour = MICROS_PER_HOUR;
        let autumn = DayShift::of(zone, day("2024-10-27"));
        assert_eq!(autumn.clock_hours(), 25);
        let passed = [(3, false), (3, true), (4, false), (23, false)];
        assert_eq!(
            passed.map(|(h, twice)| autumn.elapsed_us(h * hour, twice) / hour),
            [3, 4, 5, 24]
        );
        let spring = DayShift::of(zone, day("2025-03-30"));
        assert_eq!(spring.clock_hours(), 23);
        assert_eq!([2, 4, 23].map(|h| spring.elapsed_us(h * hour, false) / hour), [2, 3, 22]);
        let plain = DayShift::of(zone, day("2024-10-26"));
        assert_eq!((plain.clock_hours(), plain.elapsed_us(5, false)), (24, 5));
        assert_eq!(DayShift::of(None, day("2024-10-27")).clock_hours(), 24);
    }

    #[test]
    fn date_with_25_hours_has_a_repeated_hour() {
        let day = |text: &str| LocalDate::from_calendar(text.parse().unwrap());
        let zone = chrono_tz::Europe::Tallinn;
        let repeated = repeated_hour(zone, day("2024-10-27")).unwrap();
        assert_eq!(repeated.to_string(), "2024-10-27 03:00:00");
        assert_eq!(repeated_hour(zone, day("2024-10-26")), None);
        assert_eq!(repeated_hour(zone, day("2025-03-30")), None);
    }
}

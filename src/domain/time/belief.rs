//! Times that events of a mobile network can have, and what explains others: a wrong unit, or a value that
//! stands for an unknown time.

use chrono::DateTime;

use super::text::EpochUnit;
use super::{LocalDate, LocalHour, MICROS_PER_HOUR, MICROS_PER_SECOND};

/// 1990-01-01, local µs: digital networks began in 1991.
pub const EARLIEST_US: i64 = 631_152_000 * MICROS_PER_SECOND;
/// How far clocks may be ahead, besides the offsets of zones, µs.
const MAX_AHEAD_US: i64 = 24 * MICROS_PER_HOUR;

/// 9999-12-31, local µs.
const LAST_DAY_US: i64 = 253_402_214_400 * MICROS_PER_SECOND;

/// The units from the longest to the shortest.
const UNITS: [EpochUnit; 4] = [EpochUnit::S, EpochUnit::Ms, EpochUnit::Us, EpochUnit::Ns];

/// Numbers that programs write for an unknown time: the largest of a number of digits or of a type, and
/// the end of the year 9999 in seconds and in milliseconds.
const PLACEHOLDERS: [i128; 10] = [
    0,
    -1,
    9_999_999_999,
    9_999_999_999_999,
    2_147_483_647,
    4_294_967_295,
    253_402_300_799,
    253_402_300_799_000,
    253_402_214_400,
    i64::MAX as i128,
];

/// Times that can be believed.
#[derive(Debug, Clone, Copy)]
pub struct Belief {
    /// Later local times, µs, are in the future.
    pub now_us: i64,
}

impl Belief {
    /// The last local time, µs, that can be believed.
    pub fn latest_us(self) -> i64 {
        self.now_us.saturating_add(MAX_AHEAD_US)
    }

    /// True for a local time, µs, from 1990 to a day from now.
    pub fn accepts(self, local_us: i64) -> bool {
        (EARLIEST_US..=self.latest_us()).contains(&local_us)
    }

    /// The last date that can be believed.
    pub fn last_date(self) -> LocalDate {
        LocalHour::of(self.latest_us()).date()
    }

    /// True for a date from 1990 to a day from now.
    pub fn accepts_date(self, date: LocalDate) -> bool {
        (LocalHour::of(EARLIEST_US).date()..=self.last_date()).contains(&date)
    }

    /// The longest unit in which a number since 1970 can be believed.
    pub fn unit_of(self, number: i128) -> Option<EpochUnit> {
        let fits =
            |unit: &EpochUnit| i64::try_from(unit.micros(number)).is_ok_and(|us| self.accepts(us));
        UNITS.into_iter().find(fits)
    }

    /// The unit in which a number can be believed that was read in another one as this time, µs.
    pub fn other_unit(self, us: i64, read_as: EpochUnit) -> Option<EpochUnit> {
        let is_accepted = self.accepts(us);
        self.unit_of(read_as.number(us)).filter(|unit| *unit != read_as && !is_accepted)
    }
}

/// True for a number that programs write for an unknown time.
pub fn is_placeholder(number: i128) -> bool {
    PLACEHOLDERS.contains(&number)
}

/// True for a local time, µs, that programs write for an unknown one: 1900-01-01, 1970-01-01 to the second
/// before and in any zone, and from 9999-12-31 on.
pub fn is_placeholder_time(local_us: i64) -> bool {
    const QUARTER_US: i64 = MICROS_PER_HOUR / 4;
    let near =
        |us: i64| (us - 12 * MICROS_PER_HOUR..=us + 14 * MICROS_PER_HOUR).contains(&local_us);
    let is_quarter = |us: i64| us.rem_euclid(QUARTER_US) == 0;
    let is_end = local_us >= LAST_DAY_US;
    let is_date = local_us == super::TIMESTAMP_RANGE_US.start;
    is_date
        || is_end
        || near(0) && (is_quarter(local_us) || is_quarter(local_us + MICROS_PER_SECOND))
}

/// A local time for messages.
pub fn shown(local_us: i64) -> String {
    DateTime::from_timestamp_micros(local_us)
        .map_or_else(|| "a time beyond all calendars".to_owned(), |t| t.naive_utc().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: i64 = 1_727_769_600; // 2024-10-01 08:00:00, seconds
    const BELIEF: Belief = Belief { now_us: 1_800_000_000 * MICROS_PER_SECOND };

    #[test]
    fn the_unit_that_fits_is_found() {
        for (factor, unit) in [
            (1, EpochUnit::S),
            (1_000, EpochUnit::Ms),
            (1_000_000, EpochUnit::Us),
            (1_000_000_000, EpochUnit::Ns),
        ] {
            assert_eq!(BELIEF.unit_of(i128::from(EIGHT) * factor), Some(unit));
        }
        assert_eq!(BELIEF.unit_of(7), None);
        assert_eq!(BELIEF.unit_of(9_999_999_999), None);
        // seconds read as milliseconds, milliseconds as nanoseconds, microseconds as milliseconds
        assert_eq!(BELIEF.other_unit(EIGHT * 1_000, EpochUnit::Ms), Some(EpochUnit::S));
        assert_eq!(BELIEF.other_unit(EIGHT, EpochUnit::Ns), Some(EpochUnit::Ms));
        assert_eq!(BELIEF.other_unit(EIGHT * 1_000_000_000, EpochUnit::Ms), Some(EpochUnit::Us));
        assert_eq!(BELIEF.other_unit(EIGHT * MICROS_PER_SECOND, EpochUnit::Us), None);
    }

    #[test]
    fn placeholders_are_told_from_early_times() {
        let hour = MICROS_PER_HOUR;
        for us in
            [0, -MICROS_PER_SECOND, 2 * hour, -5 * hour, super::super::TIMESTAMP_RANGE_US.start]
        {
            assert!(is_placeholder_time(us), "{us}");
        }
        // seconds read as milliseconds
        assert!(!is_placeholder_time(EIGHT * 1_000));
        assert!(!is_placeholder_time(EIGHT * MICROS_PER_SECOND));
        assert!(is_placeholder(-1) && !is_placeholder(i128::from(EIGHT)));
    }
}

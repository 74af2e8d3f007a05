//! The clock hours that a time zone skips or repeats.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

const HOUR_S: i64 = 3_600;
/// The years whose clock hours are listed, from the first day of the one to that of the other.
const FIRST_S: i64 = 0;
const LAST_S: i64 = 4_102_444_800;
/// Clocks change at most once in so many seconds.
const STEP_S: i64 = 24 * HOUR_S;

/// Clock hours, counted from 1970-01-01 00:00 by the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClockChanges {
    /// Hours that do not exist, because the clocks go forward.
    pub skipped: Vec<i64>,
    /// Hours that are there twice, because the clocks go back.
    pub repeated: Vec<i64>,
}

impl ClockChanges {
    /// The whole hours that a zone skips or repeats from 1970 to 2099.
    pub fn of(zone: Tz) -> Self {
        let mut changes = ClockChanges::default();
        let mut start = FIRST_S;
        let mut before = offset_s(zone, start);
        while start < LAST_S {
            let end = start + STEP_S;
            let after = offset_s(zone, end);
            if after != before {
                let at = instant_of_change(zone, start, end);
                let (from, to) = (at + before.min(after), at + before.max(after));
                let hours = from.div_euclid(HOUR_S)..to.div_euclid(HOUR_S);
                let list =
                    if after > before { &mut changes.skipped } else { &mut changes.repeated };
                list.extend(hours);
            }
            (start, before) = (end, after);
        }
        changes
    }
}

/// The first second with another offset than at `start`; at `end` it is another one.
fn instant_of_change(zone: Tz, mut start: i64, mut end: i64) -> i64 {
    let before = offset_s(zone, start);
    while end - start > 1 {
        let middle = i64::midpoint(start, end);
        if offset_s(zone, middle) == before {
            start = middle;
        } else {
            end = middle;
        }
    }
    end
}

/// How far local time is ahead of UTC at an instant, seconds.
fn offset_s(zone: Tz, utc_s: i64) -> i64 {
    let instant = DateTime::from_timestamp(utc_s, 0).unwrap_or_default();
    zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_skipped_in_spring_and_repeated_in_autumn() {
        let changes = ClockChanges::of(chrono_tz::Europe::Tallinn);
        let hour = |text: &str| {
            let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
            time.and_utc().timestamp() / HOUR_S
        };
        assert!(changes.skipped.contains(&hour("2024-03-31 03:00")));
        assert!(changes.repeated.contains(&hour("2024-10-27 03:00")));
        let of_2024 = hour("2024-01-01 00:00")..hour("2025-01-01 00:00");
        for list in [&changes.skipped, &changes.repeated] {
            assert_eq!(list.iter().filter(|hour| of_2024.contains(hour)).count(), 1);
        }
        assert_eq!(ClockChanges::of(chrono_tz::UTC), ClockChanges::default());
    }
}

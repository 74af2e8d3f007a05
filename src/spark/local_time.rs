//! Conversion to local time as SQL: the UTC offsets of a zone as nested CASE expressions, so that Spark
//! gets the same hours as this program, independent of the version of the IANA database in its Java.

use crate::domain::time::{Clock, EventTimeView, LocalDate, MICROS_PER_HOUR, TIMESTAMP_RANGE_US};

const DAY_US: i64 = 24 * MICROS_PER_HOUR;
/// Length of the slots within which an offset changes at most once, µs.
const SLOT_US: i64 = MICROS_PER_HOUR / 4;

/// An interval of constant offset, from an instant (µs, UTC) to the start of the next interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OffsetInterval {
    from_us: i64,
    offset_us: i64,
    repeated: bool,
}

/// SQL expressions for the local time of an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTime {
    /// Local wall time, µs.
    pub us: String,
    /// True if the clocks show it for the second time, after they went back.
    pub repeated: String,
}

/// The local time of `instant`, an SQL expression in µs. It is exact from `first` to `last`, the dates
/// whose rows are kept, and at the limits of the accepted range of time stamps.
pub fn local_time(clock: &Clock, instant: &str, first: LocalDate, last: LocalDate) -> LocalTime {
    let intervals = intervals(&mut clock.clone().tracking_repeats(), first, last);
    let offset = |interval: &OffsetInterval| interval.offset_us.to_string();
    let repeated =
        |interval: &OffsetInterval| if interval.repeated { "TRUE" } else { "FALSE" }.to_owned();
    LocalTime {
        us: format!("{instant} + {}", tree(&intervals, instant, &offset)),
        repeated: tree(&intervals, instant, &repeated),
    }
}

fn intervals(clock: &mut Clock, first: LocalDate, last: LocalDate) -> Vec<OffsetInterval> {
    let at = |clock: &mut Clock, us: i64| {
        let (offset_us, repeated) = match clock.event_time(us).view() {
            EventTimeView::Local { us: local, repeated } => (local - us, repeated),
            EventTimeView::Missing | EventTimeView::Unreadable => (0, false),
        };
        OffsetInterval { from_us: us, offset_us, repeated }
    };
    let mut intervals = vec![at(clock, TIMESTAMP_RANGE_US.start)];
    let mut push = |interval: OffsetInterval| {
        let same = intervals.last().is_some_and(|before| {
            (before.offset_us, before.repeated) == (interval.offset_us, interval.repeated)
        });
        if !same {
            intervals.push(interval);
        }
    };
    // a local date differs from the date in UTC by at most one day
    let (from, to) = (first.first_hour().start_us() - DAY_US, last.first_hour().start_us());
    let to = to.saturating_add(2 * DAY_US);
    let mut day = from.max(TIMESTAMP_RANGE_US.start);
    while day < to.min(TIMESTAMP_RANGE_US.end) {
        let (start, next) = (at(clock, day), at(clock, day + DAY_US));
        push(start);
        if (start.offset_us, start.repeated) != (next.offset_us, next.repeated) {
            for slot in 1..DAY_US / SLOT_US {
                push(at(clock, day + slot * SLOT_US));
            }
        }
        day += DAY_US;
    }
    if day < TIMESTAMP_RANGE_US.end {
        push(OffsetInterval { from_us: day, ..at(clock, TIMESTAMP_RANGE_US.end - DAY_US) });
    }
    intervals
}

/// The value of the interval that contains `instant`, as a binary search.
fn tree(
    intervals: &[OffsetInterval],
    instant: &str,
    value: &dyn Fn(&OffsetInterval) -> String,
) -> String {
    match intervals {
        [] => "NULL".to_owned(),
        [interval] => value(interval),
        [first, rest @ ..] if rest.iter().all(|i| value(i) == value(first)) => value(first),
        intervals => {
            let (low, high) = intervals.split_at(intervals.len() / 2);
            let (low, bound) = (tree(low, instant, value), high[0].from_us);
            format!(
                "CASE WHEN {instant} < {bound} THEN {low} ELSE {} END",
                tree(high, instant, value)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALLINN: Option<chrono_tz::Tz> = Some(chrono_tz::Europe::Tallinn);

    fn day(text: &str) -> LocalDate {
        LocalDate::from_calendar(text.parse().unwrap())
    }

    #[test]
    fn without_a_zone_time_is_unchanged() {
        let local = local_time(&Clock::new(None), "t", day("2024-10-01"), day("2024-10-31"));
        assert_eq!((local.us.as_str(), local.repeated.as_str()), ("t + 0", "FALSE"));
    }

    #[test]
    fn end_of_summer_time_in_tallinn_has_a_repeated_hour_between_two_offsets() {
        let mut clock = Clock::new(TALLINN).tracking_repeats();
        let intervals = intervals(&mut clock, day("2024-10-01"), day("2024-11-01"));
        let us = |text: &str| {
            text.parse::<chrono::NaiveDateTime>().unwrap().and_utc().timestamp_micros()
        };
        let hours = |interval: &OffsetInterval| interval.offset_us / MICROS_PER_HOUR;
        let found: Vec<_> =
            intervals[1..].iter().map(|p| (p.from_us, hours(p), p.repeated)).collect();
        assert_eq!(
            found,
            [
                (us("2024-09-30T00:00:00"), 3, false),
                (us("2024-10-27T01:00:00"), 2, true),
                (us("2024-10-27T02:00:00"), 2, false),
            ]
        );
        let local = local_time(&Clock::new(TALLINN), "t", day("2024-10-01"), day("2024-11-01"));
        assert_eq!(
            local.repeated,
            format!(
                "CASE WHEN t < {} THEN FALSE ELSE CASE WHEN t < {} THEN TRUE ELSE FALSE END END",
                us("2024-10-27T01:00:00"),
                us("2024-10-27T02:00:00")
            )
        );
    }

    #[test]
    fn start_of_summer_time_has_one_change_and_no_repeated_hour() {
        let mut clock = Clock::new(TALLINN).tracking_repeats();
        let intervals = intervals(&mut clock, day("2025-03-30"), day("2025-03-30"));
        assert!(intervals.iter().all(|p| !p.repeated), "{intervals:?}");
        let changes: Vec<_> = intervals[1..].windows(2).map(|p| p[1].from_us).collect();
        assert!(changes.contains(&1_743_296_400_000_000), "01:00 UTC: {changes:?}");
    }
}

//! Local time as SQL: the offsets of a zone as a tree of CASEs, so that Spark shows the hours that this
//! program shows, whatever edition of the IANA zones its Java has.

use crate::domain::time::{Clock, LocalDate, MICROS_PER_HOUR, TIMESTAMP_RANGE_US, unmarked};

const DAY_US: i64 = 24 * MICROS_PER_HOUR;
/// No offset changes twice within a slot, µs.
const SLOT_US: i64 = MICROS_PER_HOUR / 4;

/// From an instant on (µs, UTC) local time is that much later, and is shown for the second time or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    from_us: i64,
    offset_us: i64,
    repeated: bool,
}

/// What SQL computes from an expression that gives an instant in µs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTime {
    /// Local wall time, µs.
    pub us: String,
    /// Whether the clocks show it for the second time.
    pub repeated: String,
}

/// Local time of `instant`; exact between the dates, which is where rows are kept, and at the bounds of
/// what is in_range.
pub fn local_time(clock: &Clock, instant: &str, first: LocalDate, last: LocalDate) -> LocalTime {
    let pieces = pieces(&mut clock.clone().marking(), first, last);
    let offset = |piece: &Piece| piece.offset_us.to_string();
    let repeated = |piece: &Piece| if piece.repeated { "TRUE" } else { "FALSE" }.to_owned();
    LocalTime {
        us: format!("{instant} + {}", tree(&pieces, instant, &offset)),
        repeated: tree(&pieces, instant, &repeated),
    }
}

fn pieces(clock: &mut Clock, first: LocalDate, last: LocalDate) -> Vec<Piece> {
    let at = |clock: &mut Clock, us: i64| {
        let (local, repeated) = unmarked(clock.local_us(us));
        Piece { from_us: us, offset_us: local - us, repeated }
    };
    let mut pieces = vec![at(clock, TIMESTAMP_RANGE_US.start)];
    let mut push = |piece: Piece| {
        let same = pieces.last().is_some_and(|before| {
            (before.offset_us, before.repeated) == (piece.offset_us, piece.repeated)
        });
        if !same {
            pieces.push(piece);
        }
    };
    // a local date lies within a day of the date in UTC
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
        push(Piece { from_us: day, ..at(clock, TIMESTAMP_RANGE_US.end - DAY_US) });
    }
    pieces
}

/// The value of the piece that an instant lies in, found by halves.
fn tree(pieces: &[Piece], instant: &str, value: &dyn Fn(&Piece) -> String) -> String {
    match pieces {
        [] => "NULL".to_owned(),
        [piece] => value(piece),
        pieces if pieces.iter().all(|p| value(p) == value(&pieces[0])) => value(&pieces[0]),
        pieces => {
            let (low, high) = pieces.split_at(pieces.len() / 2);
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
    fn without_a_zone_time_stays_as_it_is() {
        let local = local_time(&Clock::new(None), "t", day("2024-10-01"), day("2024-10-31"));
        assert_eq!((local.us.as_str(), local.repeated.as_str()), ("t + 0", "FALSE"));
    }

    #[test]
    fn an_autumn_in_tallinn_has_a_repeated_hour_between_its_two_offsets() {
        let mut clock = Clock::new(TALLINN).marking();
        let pieces = pieces(&mut clock, day("2024-10-01"), day("2024-11-01"));
        let us = |text: &str| {
            text.parse::<chrono::NaiveDateTime>().unwrap().and_utc().timestamp_micros()
        };
        let hours = |piece: &Piece| piece.offset_us / MICROS_PER_HOUR;
        let found: Vec<_> = pieces[1..].iter().map(|p| (p.from_us, hours(p), p.repeated)).collect();
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
    fn a_spring_has_one_change_and_no_repeated_hour() {
        let mut clock = Clock::new(TALLINN).marking();
        let pieces = pieces(&mut clock, day("2025-03-30"), day("2025-03-30"));
        assert!(pieces.iter().all(|p| !p.repeated), "{pieces:?}");
        let changes: Vec<_> = pieces[1..].windows(2).map(|p| p[1].from_us).collect();
        assert!(changes.contains(&1_743_296_400_000_000), "01:00 UTC: {changes:?}");
    }
}

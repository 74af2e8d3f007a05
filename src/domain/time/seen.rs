//! Dates and range of time stamps.

use std::collections::BTreeSet;

use super::{LocalDate, LocalHour, is_in_range};

/// Dates and range of the usable time stamps so far.
#[derive(Debug, Default)]
pub struct Seen {
    days: BTreeSet<LocalDate>,
    last: Option<LocalDate>,
    range_us: Option<(i64, i64)>,
}

impl Seen {
    /// Adds a local time, µs, unless it is out of range or later than `latest_us`.
    #[inline]
    pub fn add(&mut self, us: i64, latest_us: i64) {
        if !is_in_range(us) || us > latest_us {
            return;
        }
        let day = LocalHour::of(us).date();
        // consecutive times mostly share it
        if self.last != Some(day) {
            self.days.insert(day);
            self.last = Some(day);
        }
        let (low, high) = self.range_us.unwrap_or((us, us));
        self.range_us = Some((low.min(us), high.max(us)));
    }

    /// The dates in order, and the smallest and the largest time.
    pub fn result(self) -> (Vec<LocalDate>, Option<(i64, i64)>) {
        (self.days.into_iter().collect(), self.range_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_times_have_no_date() {
        let day = 86_400_000_000;
        let mut seen = Seen::default();
        for us in [3 * day, day + 5, 3 * day + 1, i64::MIN, i64::MIN + 1, 5 * day] {
            seen.add(us, 4 * day);
        }
        let expected = vec![LocalDate(1), LocalDate(3)];
        assert_eq!(seen.result(), (expected, Some((day + 5, 3 * day + 1))));
    }
}

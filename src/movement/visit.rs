//! Visits: consecutive events of a device at one site on a date.

use crate::domain::site::Site;

/// Consecutive events at one site on a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    pub site: Site,
    /// First and last event, µs that have passed since the beginning of the date.
    pub first_us: i64,
    pub last_us: i64,
    pub events: u32,
    /// The longest time between two consecutive events, µs, as far as it is longer than the longest gap that
    /// is stored within a visit.
    pub longest_gap_us: i64,
}

/// Joins events to visits, in order of time.
#[derive(Debug, Default)]
pub struct VisitBuilder {
    max_gap_us: i64,
    visits: Vec<Visit>,
}

impl VisitBuilder {
    /// Events with a longer time between them are in two visits.
    pub fn new(max_gap_us: i64) -> Self {
        VisitBuilder { max_gap_us, visits: Vec::new() }
    }

    pub fn clear(&mut self) {
        self.visits.clear();
    }

    /// Adds events at a site, none of which is earlier than those before.
    #[inline]
    pub fn add(&mut self, site: Site, first_us: i64, last_us: i64, events: u32) {
        if let Some(visit) = self.visits.last_mut()
            && visit.site == site
            && first_us - visit.last_us <= self.max_gap_us
            && let Some(sum) = visit.events.checked_add(events)
        {
            visit.last_us = last_us.max(visit.last_us);
            visit.events = sum;
            return;
        }
        self.visits.push(Visit { site, first_us, last_us, events, longest_gap_us: 0 });
    }

    /// The visits so far, in order of time.
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visit_ends_with_a_longer_gap_or_another_site() {
        let (a, b) = (Site::of(59.0, 24.0), Site::of(59.1, 24.0));
        let mut builder = VisitBuilder::new(10);
        for (site, first, last, events) in [
            (a, 0, 5, 2),
            (a, 15, 15, 1),
            (a, 26, 26, 1),
            (b, 27, 27, 1),
            (b, 27, 27, 1),
            (a, 28, 30, 2),
        ] {
            builder.add(site, first, last, events);
        }
        let found: Vec<_> =
            builder.visits().iter().map(|v| (v.site, v.first_us, v.last_us, v.events)).collect();
        assert_eq!(found, [(a, 0, 15, 3), (a, 26, 26, 1), (b, 27, 27, 2), (a, 28, 30, 2)]);
    }
}

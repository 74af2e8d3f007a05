//! Rows of hourly presence from the runs of a user.

use crate::checks::event_run::EventRun;
use crate::checks::sequence::AtTwoPlaces;
use crate::domain::time::SpanHour;

/// One user at one cell in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceRow {
    pub hour: SpanHour,
    pub cell: u32,
    /// First and last event, microseconds into the hour.
    pub first_us: u32,
    pub last_us: u32,
    pub count: u64,
    /// Events at two places at once.
    pub two_places: u64,
    /// First and last event without those at two places at once, where there are both kinds.
    pub placed_us: Option<(u32, u32)>,
}

/// Counts the events at two places at once in the rows of a user on a date, which were made from `runs`, and
/// notes the times of the events that remain.
pub fn mark_two_places(runs: &[EventRun], at_two_places: &[AtTwoPlaces], rows: &mut [PresenceRow]) {
    for at in at_two_places {
        if let Ok(row) = rows.binary_search_by_key(&(at.hour, at.cell), |r| (r.hour, r.cell)) {
            rows[row].two_places += at.events;
        }
    }
    let mixed = |row: &&mut PresenceRow| row.two_places > 0 && row.two_places < row.count;
    for row in rows.iter_mut().filter(mixed) {
        let key = (row.hour, row.cell);
        let is_placed = |run: &&EventRun| {
            let at = |at: &AtTwoPlaces| (at.hour, at.cell, at.us) == (key.0, key.1, run.first_us);
            !at_two_places.iter().any(at)
        };
        let of_row = runs.partition_point(|run| (run.hour(), run.cell()) < key);
        let of_row = runs[of_row..].iter().take_while(|run| (run.hour(), run.cell()) == key);
        let times = of_row.filter(is_placed).map(|run| (run.first_us, run.last_us));
        row.placed_us = times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    }
}

/// Appends the rows of some runs of one user, by hour and cell; sorts the runs by these.
pub fn merge(runs: &mut [EventRun], rows: &mut Vec<PresenceRow>) {
    runs.sort_unstable_by_key(|run| (run.hour(), run.cell()));
    let mut before: Option<PresenceRow> = None;
    for run in runs.iter() {
        match &mut before {
            Some(row) if row.hour == run.hour() && row.cell == run.cell() => {
                row.first_us = row.first_us.min(run.first_us);
                row.last_us = row.last_us.max(run.last_us);
                row.count += u64::from(run.count);
            }
            _ => {
                rows.extend(before.take());
                before = Some(PresenceRow {
                    hour: run.hour(),
                    cell: run.cell(),
                    first_us: run.first_us,
                    last_us: run.last_us,
                    count: u64::from(run.count),
                    two_places: 0,
                    placed_us: None,
                });
            }
        }
    }
    rows.extend(before);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_equal_a_map_of_groups(
            events in prop::collection::vec((0u32..3, 0u32..4, 0u32..100, 0u32..3), 0..300),
        ) {
            let mut expected: BTreeMap<(SpanHour, u32), (u32, u32, u64)> = BTreeMap::new();
            let mut runs = Vec::new();
            for &(hour, cell, us, source) in &events {
                let hour = SpanHour::new(hour, false);
                let group = expected.entry((hour, cell)).or_insert((us, us, 0));
                *group = (group.0.min(us), group.1.max(us), group.2 + 1);
                runs.push(EventRun::event(0, hour, cell, us, source));
            }
            let mut rows = Vec::new();
            merge(&mut runs, &mut rows);
            let rows: Vec<_> = rows
                .iter()
                .map(|r| ((r.hour, r.cell), (r.first_us, r.last_us, r.count)))
                .collect();
            prop_assert_eq!(rows, expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn times_of_placed_events_leave_out_those_at_two_places() {
        let hour = |number| SpanHour::new(number, false);
        // cell 1 at 10, 20 and 30, of which 10 and 30 are at two places; cell 2 at 10 alone
        let events = [(0, 1, 10), (0, 1, 20), (0, 1, 30), (0, 2, 10), (1, 1, 5)];
        let mut runs: Vec<EventRun> =
            events.iter().map(|&(h, cell, us)| EventRun::event(0, hour(h), cell, us, 0)).collect();
        let at = |cell, us| AtTwoPlaces { hour: hour(0), cell, us, events: 1 };
        let mut rows = Vec::new();
        merge(&mut runs, &mut rows);
        mark_two_places(&runs, &[at(1, 10), at(2, 10), at(1, 30)], &mut rows);
        let counts: Vec<_> = rows.iter().map(|row| (row.count, row.two_places)).collect();
        assert_eq!(counts, [(3, 2), (1, 1), (1, 0)]);
        let placed: Vec<_> = rows.iter().map(|row| row.placed_us).collect();
        assert_eq!(placed, [Some((20, 20)), None, None]);
    }
}

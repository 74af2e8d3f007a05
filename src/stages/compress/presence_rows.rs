//! Rows of hourly presence from the runs of a user.

use crate::checks::event_run::EventRun;
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
}

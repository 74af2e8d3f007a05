//! Exact duplicates and overlaps among the runs of a user.

use super::event_run::{EventRun, SingleEvent};

/// Which runs may touch: one ends at the instant at which the next one begins, at the same cell, so that the
/// two events are duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touching {
    /// None: the row of every duplicate has to be known.
    Refused,
    /// Those of different row groups. Within a row group they are the parts of a run that was cut in two,
    /// and the duplicate would have had a row.
    BetweenRowGroups,
    /// All, since duplicates are not checked.
    Allowed,
}

impl Touching {
    /// What the check on duplicates needs, if it is on; `exact_rows` asks for the row of each of them.
    pub fn of(check_duplicates: bool, exact_rows: bool) -> Self {
        match (check_duplicates, exact_rows) {
            (false, _) => Touching::Allowed,
            (true, true) => Touching::Refused,
            (true, false) => Touching::BetweenRowGroups,
        }
    }

    fn accepts(self, run: &EventRun, next: &EventRun) -> bool {
        match self {
            Touching::Refused => false,
            Touching::BetweenRowGroups => touching(run, next) && run.row_group != next.row_group,
            Touching::Allowed => touching(run, next),
        }
    }
}

/// True for runs that follow each other, and touch only as they may.
pub fn is_in_order(runs: &[EventRun], touching: Touching) -> bool {
    runs.windows(2)
        .all(|pair| pair[0].ends() < pair[1].begins() || touching.accepts(&pair[0], &pair[1]))
}

/// True for runs at one cell of which one ends at the instant at which the other begins.
fn touching(run: &EventRun, next: &EventRun) -> bool {
    run.ends() == next.begins() && run.cell() == next.cell()
}

/// Removes the duplicate from every pair of touching runs, as they occur where a row group ends within
/// a second. `duplicate` gets its date, from 0, and its row group.
///
/// If the first event of a longer run is removed, the beginning of the rest is unknown. No check needs
/// it, since the run before is at the same cell in the same hour.
pub fn remove_touching(runs: &mut Vec<EventRun>, mut duplicate: impl FnMut(u32, u32)) {
    runs.dedup_by(|next, kept| {
        if !touching(kept, next) {
            return false;
        }
        duplicate(next.hour().date(), next.row_group.max(kept.row_group));
        // the copy in the first row group counts, whichever thread read it
        if kept.row_group > next.row_group {
            kept.count -= 1;
            if kept.count == 0 {
                *kept = *next;
                return true;
            }
            if kept.count == 1 {
                kept.last_us = kept.first_us;
            }
            return false;
        }
        next.count -= 1;
        if next.count == 1 {
            next.first_us = next.last_us;
        }
        next.count == 0
    });
}

/// Sorts the events of a user by time and cell.
pub fn sort_events(events: &mut [SingleEvent]) {
    // of several copies the one in the first row comes first
    events.sort_by_key(|event| (event.time(), event.key.cell(), event.row_group, event.row));
}

/// Removes duplicates from sorted events; returns them.
pub fn remove_repeated(events: &mut Vec<SingleEvent>) -> Vec<SingleEvent> {
    let mut removed = Vec::new();
    events.dedup_by(|next, kept| {
        let repeated = next.time() == kept.time() && next.key.cell() == kept.key.cell();
        if repeated {
            removed.push(*next);
        }
        repeated
    });
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::SpanHour;

    /// First and last event, count, row group.
    type Short = (u32, u32, u32, u32);

    fn without_touching(runs: &[Short]) -> (Vec<Short>, Vec<u32>) {
        let run = |&(first, last, count, row_group): &Short| EventRun {
            last_us: last,
            count,
            ..EventRun::event(0, SpanHour::default(), 7, first, row_group)
        };
        let mut runs: Vec<EventRun> = runs.iter().map(run).collect();
        let mut duplicates = Vec::new();
        remove_touching(&mut runs, |_, row_group| duplicates.push(row_group));
        let short = |r: &EventRun| (r.first_us, r.last_us, r.count, r.row_group);
        (runs.iter().map(short).collect(), duplicates)
    }

    #[test]
    fn runs_may_touch_only_as_the_check_on_duplicates_allows() {
        let run = |us, row_group| EventRun::event(0, SpanHour::default(), 7, us, row_group);
        let in_order = |row_group, touching| is_in_order(&[run(5, 1), run(5, row_group)], touching);
        for (on, exact, expected) in [
            (false, true, [true, true]),
            (true, true, [false, false]),
            (true, false, [false, true]),
        ] {
            let touching = Touching::of(on, exact);
            assert_eq!([in_order(1, touching), in_order(2, touching)], expected, "{touching:?}");
            assert!(is_in_order(&[run(5, 1), run(6, 1)], touching));
            assert!(!is_in_order(&[run(6, 1), run(5, 2)], touching));
        }
    }

    #[test]
    fn copy_in_the_later_row_group_is_the_duplicate_whichever_thread_read_it() {
        assert_eq!(without_touching(&[(5, 5, 1, 2), (5, 5, 1, 3)]), (vec![(5, 5, 1, 2)], vec![3]));
        assert_eq!(without_touching(&[(5, 5, 1, 3), (5, 5, 1, 2)]), (vec![(5, 5, 1, 2)], vec![3]));
        let (left, duplicates) = without_touching(&[(1, 5, 2, 3), (5, 9, 4, 2)]);
        assert_eq!((left, duplicates), (vec![(1, 1, 1, 3), (5, 9, 4, 2)], vec![3]));
        let (left, duplicates) = without_touching(&[(1, 5, 2, 2), (5, 9, 2, 3)]);
        assert_eq!((left, duplicates), (vec![(1, 5, 2, 2), (9, 9, 1, 3)], vec![3]));
    }
}

//! The run to which the next event of a user may belong, while events are read.

use super::codes::Code;
use super::event_run::EventRun;
use super::sequence::Rules;
use crate::domain::time::SpanHour;

/// Which events a run accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunPolicy {
    /// All events of the same hour and cell: nothing needs their order.
    #[default]
    Unordered,
    /// Events that are not earlier than the one before.
    NonDecreasing,
    /// Events that are later than the one before; one at the same instant is a duplicate.
    Dedup,
}

impl RunPolicy {
    /// What the checks need, and visits, which there are if the locations of cells are known: `located`.
    pub fn of(rules: &Rules, located: bool) -> Self {
        if rules.on(Code::Duplicate) {
            RunPolicy::Dedup
        } else if located {
            RunPolicy::NonDecreasing
        } else {
            RunPolicy::Unordered
        }
    }
}

/// How far a run reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    pub policy: RunPolicy,
    /// Longest time between two events, µs.
    pub max_gap_us: u32,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It belongs to the run.
    Accepted,
    /// It repeats the event before it and was left out.
    Duplicate,
    /// It begins a run of its own.
    Rejected,
}

/// A run that may still grow; it has no events at first.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenRun {
    hour: SpanHour,
    cell: u32,
    row_group: u32,
    first_us: u32,
    last_us: u32,
    count: u32,
}

impl OpenRun {
    /// A run of one event at `us` microseconds into `hour`.
    #[inline]
    pub fn new(hour: SpanHour, cell: u32, us: u32, row_group: u32) -> Self {
        OpenRun { hour, cell, row_group, first_us: us, last_us: us, count: 1 }
    }

    /// Adds an event at `us` microseconds into `hour`, if the limits allow it.
    #[inline]
    pub fn add(
        &mut self,
        (hour, cell, us): (SpanHour, u32, u32),
        row_group: u32,
        limits: RunLimits,
    ) -> Added {
        let policy = limits.policy;
        let same = self.hour == hour && self.cell == cell && self.row_group == row_group;
        if !same || self.count == 0 || self.count == u32::MAX {
            return Added::Rejected;
        }
        if us > self.last_us || (us == self.last_us && policy == RunPolicy::NonDecreasing) {
            if us - self.last_us > limits.max_gap_us && policy != RunPolicy::Unordered {
                return Added::Rejected;
            }
            self.last_us = us;
            self.count += 1;
            return Added::Accepted;
        }
        if policy == RunPolicy::Unordered {
            self.first_us = self.first_us.min(us);
            self.count += 1;
            return Added::Accepted;
        }
        if us == self.last_us { Added::Duplicate } else { Added::Rejected }
    }

    /// The run, if it has events.
    #[inline]
    pub fn close(self, user: u32) -> Option<EventRun> {
        if self.count == 0 {
            return None;
        }
        let first = EventRun::event(user, self.hour, self.cell, self.first_us, self.row_group);
        Some(EventRun { last_us: self.last_us, count: self.count, ..first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_accepts_the_events_that_its_policy_allows() {
        let hour = SpanHour::new(0, false);
        let add = |policy| {
            let mut run = OpenRun::new(hour, 1, 5, 0);
            let limits = RunLimits { policy, max_gap_us: u32::MAX };
            [7, 7, 6].map(|us| run.add((hour, 1, us), 0, limits))
        };
        use Added::{Accepted, Duplicate, Rejected};
        assert_eq!(add(RunPolicy::Unordered), [Accepted; 3]);
        assert_eq!(add(RunPolicy::NonDecreasing), [Accepted, Accepted, Rejected]);
        assert_eq!(add(RunPolicy::Dedup), [Accepted, Duplicate, Rejected]);
        let limits = RunLimits { policy: RunPolicy::Unordered, max_gap_us: u32::MAX };
        assert_eq!(OpenRun::default().add((hour, 0, 0), 0, limits), Rejected);
    }

    #[test]
    fn run_ends_before_a_longer_gap() {
        let hour = SpanHour::new(0, false);
        let limits = RunLimits { policy: RunPolicy::Dedup, max_gap_us: 10 };
        let mut run = OpenRun::new(hour, 1, 5, 0);
        let added = [15, 26].map(|us| run.add((hour, 1, us), 0, limits));
        assert_eq!(added, [Added::Accepted, Added::Rejected]);
    }
}

//! What was read of one user.

use super::duplicate_events::DuplicateEvent;
use super::user_filter::UserFilter;
use crate::checks::event_run::EventRun;
use crate::domain::ids::UserKey;

/// What was read of one user.
pub struct UserRead<'a> {
    pub key: UserKey<'a>,
    /// In order of time, with the combined cell numbers.
    pub runs: &'a mut Vec<EventRun>,
    /// The duplicates that were left out while reading.
    pub duplicates: &'a [DuplicateEvent],
}

/// Sorts the runs of a user by time.
pub fn sort_runs(runs: &mut [EventRun]) {
    // those of each thread are mostly in order, which a stable sort makes use of; the row group makes the
    // order independent of the threads
    runs.sort_by_key(|run| (run.begins(), run.last_us, run.row_group));
}

/// The users whose runs overlap in time: they have to be reread event by event.
#[derive(Debug, Default)]
pub struct Overlaps {
    pub users: u64,
    pub events: u64,
    pub filter: UserFilter,
}

impl Overlaps {
    /// Adds a user with all runs.
    pub fn add(&mut self, key: UserKey, runs: &[EventRun]) {
        self.users += 1;
        self.events += runs.iter().map(|run| u64::from(run.count)).sum::<u64>();
        self.filter.add(key);
    }

    pub fn merge(&mut self, other: Overlaps) {
        self.users += other.users;
        self.events += other.events;
        self.filter.merge(other.filter);
    }
}

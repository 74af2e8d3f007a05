//! The states of all threads together: users and cells numbered in the order of their ids.

use std::borrow::Cow;
use std::cmp::Ordering;

use anyhow::{Result, bail};

use super::user_order::{PrefixedUser, compare};
use super::worker_state::{DuplicateEvent, WorkerState};
use crate::checks::duplicates::is_in_order;
use crate::checks::event_run::{EventRun, SingleEvent};
use crate::domain::id_slot::IdSlot;
use crate::domain::ids::{UserKey, user_text};
use crate::domain::numbers::grouped;
use crate::runtime::parallel::in_chunks;

/// Fewest users for which a thread is started.
const USERS_PER_THREAD: usize = 4_096;

/// What all threads read of a batch. Users and cells have numbers that sort as their canonical ids do.
pub struct Combined {
    workers: Vec<WorkerState>,
    /// Every (worker, user number there) by canonical id; those of one user are adjacent.
    members: Vec<(u32, u32)>,
    /// Where in `members` each user begins, and the end.
    users: Vec<u32>,
    /// Canonical cell ids in byte order.
    pub cells: Vec<String>,
    /// For each worker, the places of its cells in `cells`.
    ranks: Vec<Vec<u32>>,
}

/// Runs of a user in one worker that are still to be visited, and the ranks of the worker's cells.
type RemainingRuns<'a> = (&'a [EventRun], &'a [u32]);

impl Combined {
    /// Number of users.
    pub fn users(&self) -> usize {
        self.users.len() - 1
    }

    /// Canonical text of a user.
    pub fn user(&self, number: u32) -> Cow<'_, str> {
        user_text(self.key(number))
    }

    /// The id of a user.
    pub fn key(&self, number: u32) -> UserKey<'_> {
        let (worker, id) = self.members[self.users[number as usize] as usize];
        self.workers[worker as usize].users.key(id)
    }

    /// The number of the user with this id.
    pub fn find(&self, key: UserKey) -> Option<u32> {
        let (mut low, mut high) = (0, self.users() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            match compare(self.key(middle), key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn members_of(&self, user: u32) -> &[(u32, u32)] {
        &self.members[self.users[user as usize] as usize..self.users[user as usize + 1] as usize]
    }

    /// The runs of a user in order of time, with the combined cell numbers.
    pub fn runs_of(&self, user: u32, runs: &mut Vec<EventRun>) {
        runs.clear();
        for &(worker, id) in self.members_of(user) {
            let ranks = &self.ranks[worker as usize];
            let of_worker = self.workers[worker as usize].runs.of(id);
            runs.extend(of_worker.iter().map(|run| run.at_cell(ranks[run.cell() as usize])));
        }
        // those of each worker are mostly in order, which a stable sort makes use of
        runs.sort_by_key(|run| (run.begins(), run.last_us));
    }

    /// The single events of a user that was reread, in no order, with the combined cell numbers.
    pub fn events_of(&self, user: u32) -> Vec<SingleEvent> {
        let mut events = Vec::new();
        for &(worker, id) in self.members_of(user) {
            let ranks = &self.ranks[worker as usize];
            let of_worker = self.workers[worker as usize].events.of(id);
            let combined = |event: &SingleEvent| event.at_cell(ranks[event.key.cell() as usize]);
            events.extend(of_worker.iter().map(combined));
        }
        events
    }

    /// The duplicates of a user that were left out while reading.
    pub fn duplicates_of(&self, user: u32) -> impl Iterator<Item = &DuplicateEvent> {
        let of = |(worker, id): &(u32, u32)| self.workers[*worker as usize].duplicates_of(*id);
        self.members_of(user).iter().flat_map(of)
    }

    /// The users whose runs overlap in time, with their number of events: they have to be reread event
    /// by event. With `exact_rows` the row of every duplicate has to be known; otherwise runs at one
    /// cell may touch, see [`crate::checks::duplicates::remove_touching`].
    ///
    /// # Errors
    /// A thread that panics.
    pub fn users_with_overlap(&self, exact_rows: bool) -> Result<Vec<(u32, u64)>> {
        let all: Vec<u32> = (0..self.users() as u32).collect();
        in_chunks(&all, USERS_PER_THREAD, |users| {
            let (mut runs, mut remaining) = (Vec::new(), Vec::new());
            let mut overlapping = Vec::new();
            for &user in users {
                let dropped = |(worker, id): &(u32, u32)| {
                    let dropped_events = &self.workers[*worker as usize].dropped_events;
                    dropped_events.get(id).copied().unwrap_or_default()
                };
                let dropped: u64 = self.members_of(user).iter().map(dropped).sum();
                if dropped == 0 && self.is_in_order(user, &mut remaining, !exact_rows) {
                    continue;
                }
                self.runs_of(user, &mut runs);
                if dropped > 0 || !is_in_order(&runs, !exact_rows) {
                    let events: u64 = runs.iter().map(|run| u64::from(run.count)).sum();
                    overlapping.push((user, events + dropped));
                }
            }
            Ok(overlapping)
        })
    }

    /// True if the runs of a user are in order and those of each worker came in order, as they mostly
    /// do: then they need not be copied and sorted to know.
    fn is_in_order<'a>(
        &'a self,
        user: u32,
        remaining: &mut Vec<RemainingRuns<'a>>,
        may_touch: bool,
    ) -> bool {
        remaining.clear();
        remaining.extend(self.members_of(user).iter().map(|&(worker, id)| {
            let ranks = self.ranks[worker as usize].as_slice();
            (self.workers[worker as usize].runs.of(id), ranks)
        }));
        let mut before: Option<EventRun> = None;
        loop {
            remaining.retain(|(runs, _)| !runs.is_empty());
            let first =
                remaining.iter_mut().min_by_key(|(runs, _)| (runs[0].begins(), runs[0].last_us));
            let Some((runs, ranks)) = first else { return true };
            let run = runs[0].at_cell(ranks[runs[0].cell() as usize]);
            if before.is_some_and(|before| !is_in_order(&[before, run], may_touch)) {
                return false;
            }
            before = Some(run);
            *runs = &runs[1..];
        }
    }
}

/// Combines the states of all threads: equal ids get one number.
///
/// # Errors
/// More ids than can be numbered.
pub fn combine(workers: Vec<WorkerState>) -> Result<Combined> {
    let users: usize = workers.iter().map(|worker| worker.sorted_users.len()).sum();
    let cells: usize = workers.iter().map(|worker| worker.cells.names().len()).sum();
    if users.max(cells) > IdSlot::CAPACITY as usize {
        bail!(
            "more than {} different ids in one batch of dates; compress with engine = \"spark\"",
            grouped(IdSlot::CAPACITY.into())
        );
    }
    let (members, users) = rank_users(&workers);
    let (cells, ranks) = rank_cells(&workers);
    Ok(Combined { workers, members, users, cells, ranks })
}

fn rank_users(workers: &[WorkerState]) -> (Vec<(u32, u32)>, Vec<u32>) {
    let key = |(worker, id): (u32, u32)| workers[worker as usize].users.key(id);
    let prefixed = |(w, worker): (usize, &WorkerState)| {
        let of_worker = move |(prefix, id): &PrefixedUser| (*prefix, (w as u32, *id));
        worker.sorted_users.iter().map(of_worker).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = workers.iter().enumerate().flat_map(prefixed).collect();
    // the users of each worker are sorted already, so that this sort only merges them
    all.sort_by(|(a, at), (b, bt)| a.cmp(b).then_with(|| compare(key(*at), key(*bt))));
    let mut users = Vec::new();
    for (i, (prefix, at)) in all.iter().enumerate() {
        let new = i.checked_sub(1).map(|before| all[before]).is_none_or(|(before, bt)| {
            before != *prefix || compare(key(bt), key(*at)) != Ordering::Equal
        });
        if new {
            users.push(i as u32);
        }
    }
    users.push(all.len() as u32);
    (all.into_iter().map(|(_, at)| at).collect(), users)
}

fn rank_cells(workers: &[WorkerState]) -> (Vec<String>, Vec<Vec<u32>>) {
    let mut cells: Vec<String> =
        workers.iter().flat_map(|w| w.cells.names().iter().cloned()).collect();
    cells.sort_unstable();
    cells.dedup();
    let rank = |name: &String| cells.binary_search(name).unwrap_or_default() as u32;
    let ranks = workers.iter().map(|w| w.cells.names().iter().map(rank).collect()).collect();
    (cells, ranks)
}

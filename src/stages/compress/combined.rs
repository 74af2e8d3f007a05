//! The states of all threads together: users and cells numbered in the order of their ids.

use std::cmp::Ordering;
use std::ops::Range;

use anyhow::{Result, bail};

use super::run_buffer::EntriesOf;
use super::user_order::{PrefixedUser, compare};
use super::user_read::{Overlaps, UserRead, sort_runs};
use super::worker_state::WorkerState;
use crate::checks::duplicates::{Touching, is_in_order};
use crate::checks::event_run::{EventRun, SingleEvent};
use crate::domain::id_slot::IdSlot;
use crate::domain::ids::UserKey;
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
type RemainingRuns<'a> = (EntriesOf<'a, EventRun>, &'a [u32]);

impl Combined {
    /// Number of users.
    pub fn users(&self) -> usize {
        self.users.len() - 1
    }

    /// Bytes of users and runs.
    pub fn bytes_in_use(&self) -> u64 {
        self.workers.iter().map(WorkerState::bytes_in_use).sum()
    }

    /// The states of the threads again.
    pub fn into_workers(self) -> Vec<WorkerState> {
        self.workers
    }

    /// Number of runs.
    pub fn runs(&self) -> u64 {
        self.workers.iter().map(|worker| worker.runs.len() as u64).sum()
    }

    /// The id of a user.
    fn key(&self, number: u32) -> UserKey<'_> {
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

    /// Calls `visit` with each of the users, in order.
    ///
    /// # Errors
    /// Those of `visit`.
    pub fn visit(
        &self,
        users: Range<usize>,
        mut visit: impl FnMut(UserRead) -> Result<()>,
    ) -> Result<()> {
        let (mut runs, mut duplicates) = (Vec::new(), Vec::new());
        for user in users {
            let user = user as u32;
            self.runs_of(user, &mut runs);
            duplicates.clear();
            for (worker, id) in self.members_of(user) {
                duplicates.extend_from_slice(self.workers[*worker as usize].duplicates_of(*id));
            }
            visit(UserRead { key: self.key(user), runs: &mut runs, duplicates: &duplicates })?;
        }
        Ok(())
    }

    /// The runs of a user in order of time, with the combined cell numbers.
    fn runs_of(&self, user: u32, runs: &mut Vec<EventRun>) {
        runs.clear();
        for &(worker, id) in self.members_of(user) {
            let ranks = &self.ranks[worker as usize];
            let of_worker = self.workers[worker as usize].runs.of(id);
            runs.extend(of_worker.map(|run| run.at_cell(ranks[run.cell() as usize])));
        }
        sort_runs(runs);
    }

    /// The single events of a user that was reread, in no order, with the combined cell numbers.
    pub fn events_of(&self, user: u32) -> Vec<SingleEvent> {
        let mut events = Vec::new();
        for &(worker, id) in self.members_of(user) {
            let ranks = &self.ranks[worker as usize];
            let of_worker = self.workers[worker as usize].events.of(id);
            let combined = |event: &SingleEvent| event.at_cell(ranks[event.key.cell() as usize]);
            events.extend(of_worker.map(combined));
        }
        events
    }

    /// The users whose runs overlap in time, except that they may touch.
    ///
    /// # Errors
    /// A thread that panics.
    pub fn overlaps(&self, touching: Touching) -> Result<Overlaps> {
        let all: Vec<u32> = (0..self.users() as u32).collect();
        let of_chunks = in_chunks(&all, USERS_PER_THREAD, |users| {
            let (mut runs, mut remaining) = (Vec::new(), Vec::new());
            let mut overlaps = Overlaps::default();
            for &user in users {
                if !self.is_in_order(user, &mut remaining, touching) {
                    self.runs_of(user, &mut runs);
                    if !is_in_order(&runs, touching) {
                        overlaps.add(self.key(user), &runs);
                    }
                }
            }
            Ok(vec![overlaps])
        })?;
        let mut all = Overlaps::default();
        of_chunks.into_iter().for_each(|more| all.merge(more));
        Ok(all)
    }

    /// True if the runs of a user are in order and those of each worker came in order, as they mostly
    /// do: then they need not be copied and sorted to know.
    fn is_in_order<'a>(
        &'a self,
        user: u32,
        remaining: &mut Vec<RemainingRuns<'a>>,
        touching: Touching,
    ) -> bool {
        remaining.clear();
        remaining.extend(self.members_of(user).iter().map(|&(worker, id)| {
            let ranks = self.ranks[worker as usize].as_slice();
            (self.workers[worker as usize].runs.of(id), ranks)
        }));
        let mut before: Option<EventRun> = None;
        loop {
            let next =
                remaining.iter_mut().filter_map(|(runs, ranks)| Some((*runs.peek()?, runs, ranks)));
            let first = next.min_by_key(|(run, ..)| (run.begins(), run.last_us));
            let Some((run, runs, ranks)) = first else { return true };
            let run = run.at_cell(ranks[run.cell() as usize]);
            if before.is_some_and(|before| !is_in_order(&[before, run], touching)) {
                return false;
            }
            before = Some(run);
            runs.next();
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

/// The canonical ids of all cells in byte order, and for each worker the places of its cells among them.
pub fn rank_cells(workers: &[WorkerState]) -> (Vec<String>, Vec<Vec<u32>>) {
    let mut cells: Vec<String> =
        workers.iter().flat_map(|w| w.cells.names().iter().cloned()).collect();
    cells.sort_unstable();
    cells.dedup();
    let rank = |name: &String| cells.binary_search(name).unwrap_or_default() as u32;
    let ranks = workers.iter().map(|w| w.cells.names().iter().map(rank).collect()).collect();
    (cells, ranks)
}

//! What one thread saw of each user, as runs: events of one user that came one after the other from
//! the same cell, each later than the one before. Runs are piled up by groups of users that fit the
//! cache and brought together by user at the end.
//!
//! Where the runs of a user do not overlap in time, they say all that the checks ask: no event is
//! there twice, and hops lead from the end of one run to the beginning of the next.

/// Users whose runs lie together, as a power of two: their runs of a day of a whole country take
/// about as much as a second-level cache holds.
const USER_BITS: u32 = 9;
const USERS_TOGETHER: usize = 1 << USER_BITS;
const HOUR_BITS: u32 = 64 - USER_BITS - 32;

/// Hours that a batch may span.
pub const MOST_HOURS: i64 = 1 << (HOUR_BITS - 1);

/// An hour of a batch: twice the clock hours since its first, and 1 more where the clocks show the
/// hour for the second time.
pub type BatchHour = u32;

/// Hours of a day, in this count.
pub const HOURS_A_DAY: u32 = 48;

/// Events of one user at one cell in one hour and from one row group, in order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// From the highest bits down: user within its group, hour of the batch, cell.
    pub key: u64,
    /// First and last event, microseconds into the hour.
    pub first_us: u32,
    pub last_us: u32,
    /// Number of events; in a second reading, of single events, the row within the row group.
    pub count: u32,
    /// Number of the row group.
    pub source: u32,
}

impl Run {
    /// One event at `us` microseconds into an hour.
    #[inline]
    pub fn event(user: u32, hour: BatchHour, cell: u32, us: u32, source: u32) -> Self {
        let user = u64::from(user) & (USERS_TOGETHER as u64 - 1);
        let key = user << (64 - USER_BITS) | u64::from(hour) << 32 | u64::from(cell);
        Run { key, first_us: us, last_us: us, count: 1, source }
    }

    #[inline]
    pub fn hour(&self) -> BatchHour {
        (self.key >> 32) as u32 & ((1 << HOUR_BITS) - 1)
    }

    #[inline]
    pub fn cell(&self) -> u32 {
        self.key as u32
    }

    #[inline]
    fn user(&self) -> usize {
        (self.key >> (64 - USER_BITS)) as usize
    }

    /// The same with another cell number and without the user.
    #[inline]
    pub fn at_cell(self, cell: u32) -> Self {
        let key = u64::from(self.hour()) << 32 | u64::from(cell);
        Run { key, ..self }
    }

    /// Places in time that compare as the events do.
    #[inline]
    pub fn begins(&self) -> (BatchHour, u32) {
        (self.hour(), self.first_us)
    }

    #[inline]
    pub fn ends(&self) -> (BatchHour, u32) {
        (self.hour(), self.last_us)
    }
}

/// The runs of all users of a thread.
#[derive(Debug, Default)]
pub struct Pile {
    /// Of [`USERS_TOGETHER`] users each, as they come.
    groups: Vec<Vec<Run>>,
    /// Where in its group each user's runs end, once sorted.
    ends: Vec<u32>,
    len: usize,
}

impl Pile {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub fn push(&mut self, user: u32, run: Run) {
        let group = (user >> USER_BITS) as usize;
        if group >= self.groups.len() {
            self.groups.resize_with(group + 1, Vec::new);
        }
        self.groups[group].push(run);
        self.len += 1;
    }

    /// Merges runs of the same user, hour and cell, to make room. Their order is lost.
    pub fn compact(&mut self) {
        for group in &mut self.groups {
            group.sort_unstable_by_key(|run| (run.key, run.source));
            group.dedup_by(|next, kept| {
                let count = kept.count.checked_add(next.count);
                let same = (next.key, next.source) == (kept.key, kept.source) && count.is_some();
                if same {
                    kept.first_us = kept.first_us.min(next.first_us);
                    kept.last_us = kept.last_us.max(next.last_us);
                    kept.count = count.unwrap_or(kept.count);
                }
                same
            });
            group.shrink_to_fit();
        }
        self.len = self.groups.iter().map(Vec::len).sum();
    }

    /// Takes out the runs of users whose runs `keep` does not want; it gets user and runs, sorted
    /// by nothing but in the order in which they came.
    pub fn retain(&mut self, mut keep: impl FnMut(u32, &[Run]) -> bool) {
        self.sort_by_user();
        let mut start = 0;
        for (number, group) in self.groups.iter_mut().enumerate() {
            let mut kept = Vec::new();
            let ends = &self.ends[number * USERS_TOGETHER..][..USERS_TOGETHER];
            let first = (number * USERS_TOGETHER) as u32;
            for (user, end) in (first..).zip(ends) {
                let runs = &group[start..*end as usize];
                if !runs.is_empty() && keep(user, runs) {
                    kept.extend_from_slice(runs);
                }
                start = *end as usize;
            }
            start = 0;
            if kept.len() < group.len() {
                *group = kept;
            }
        }
        self.ends.clear();
        self.len = self.groups.iter().map(Vec::len).sum();
    }

    /// Brings the runs of each user together, in the order in which they came; [`Pile::of`] finds
    /// them afterwards.
    pub fn sort_by_user(&mut self) {
        self.ends.clear();
        let mut sorted = Vec::new();
        for group in &mut self.groups {
            let mut next = [0u32; USERS_TOGETHER + 1];
            for run in group.iter() {
                next[run.user() + 1] += 1;
            }
            for i in 1..next.len() {
                next[i] += next[i - 1];
            }
            self.ends.extend_from_slice(&next[1..]);
            sorted.clear();
            sorted.extend_from_slice(group);
            for run in group.iter() {
                let place = &mut next[run.user()];
                sorted[*place as usize] = *run;
                *place += 1;
            }
            group.copy_from_slice(&sorted);
        }
    }

    /// The runs of one user, in the order in which they came.
    pub fn of(&self, user: u32) -> &[Run] {
        let Some(group) = self.groups.get((user >> USER_BITS) as usize) else { return &[] };
        let at = user as usize;
        let first = at.is_multiple_of(USERS_TOGETHER);
        let start = if first { 0 } else { self.ends[at - 1] as usize };
        &group[start..self.ends[at] as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_user_without_runs_has_none() {
        let mut pile = Pile::default();
        pile.sort_by_user();
        assert_eq!(pile.of(0), []);
        let run = Run::event(700, 0, 0, 5, 0);
        pile.push(700, run);
        pile.sort_by_user();
        assert_eq!((pile.of(699), pile.of(701), pile.of(5000)), (&[][..], &[][..], &[][..]));
        assert_eq!(pile.of(700), [run]);
    }

    #[test]
    fn hour_and_cell_come_back_at_their_limits() {
        let (hour, cell) = ((2 * MOST_HOURS - 1) as u32, u32::MAX - 1);
        let run = Run::event(u32::MAX - 1, hour, cell, 7, 9);
        assert_eq!((run.hour(), run.cell(), run.source), (hour, cell, 9));
        let other = run.at_cell(3);
        assert_eq!((other.hour(), other.cell()), (hour, 3));
    }

    proptest! {
        #[test]
        fn each_user_gets_its_runs_in_the_order_in_which_they_came(
            events in prop::collection::vec(
                (prop_oneof![0u32..5, 510u32..515], 0u32..3, 0u32..4, 0u32..100), 0..300),
            dropped in 0u32..5,
        ) {
            let mut expected: BTreeMap<u32, Vec<Run>> = BTreeMap::new();
            let mut pile = Pile::default();
            for &(u, h, c, t) in &events {
                let run = Run::event(u, h, c, t, 1);
                expected.entry(u).or_default().push(run);
                pile.push(u, run);
            }
            pile.sort_by_user();
            for user in 0..520 {
                prop_assert_eq!(pile.of(user), expected.get(&user).map_or(&[][..], Vec::as_slice));
            }
            pile.retain(|user, _| user != dropped);
            expected.remove(&dropped);
            prop_assert_eq!(pile.len(), expected.values().map(Vec::len).sum::<usize>());
            pile.sort_by_user();
            for user in 0..520 {
                prop_assert_eq!(pile.of(user), expected.get(&user).map_or(&[][..], Vec::as_slice));
            }
        }
    }
}

//! What one thread read of each user: runs, or single events. They are buffered by groups of users that
//! fit the cache, and sorted by user at the end.

use crate::checks::event_run::{EventRun, GROUP_BITS, GROUP_USERS, SingleEvent};

/// What a buffer holds.
pub trait OfUser: Copy {
    /// Number of the user within its group.
    fn user_in_group(&self) -> usize;
}

impl OfUser for EventRun {
    #[inline]
    fn user_in_group(&self) -> usize {
        self.key.user_in_group()
    }
}

impl OfUser for SingleEvent {
    #[inline]
    fn user_in_group(&self) -> usize {
        self.key.user_in_group()
    }
}

/// The runs of all users of a thread.
#[derive(Debug)]
pub struct RunBuffer<T = EventRun> {
    /// Those of [`GROUP_USERS`] users each, in the order in which they came.
    groups: Vec<Vec<T>>,
    /// Where in its group the entries of each user end, once sorted.
    ends: Vec<u32>,
    len: usize,
}

impl<T> Default for RunBuffer<T> {
    fn default() -> Self {
        RunBuffer { groups: Vec::new(), ends: Vec::new(), len: 0 }
    }
}

impl RunBuffer {
    /// Merges runs of the same user, hour and cell. Their order is lost.
    pub fn compact(&mut self) {
        for group in &mut self.groups {
            group.sort_unstable_by_key(|run| (run.key, run.row_group));
            group.dedup_by(|next, kept| {
                let count = kept.count.checked_add(next.count);
                let same =
                    (next.key, next.row_group) == (kept.key, kept.row_group) && count.is_some();
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
}

impl<T: OfUser> RunBuffer<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub fn push(&mut self, user: u32, run: T) {
        let group = (user >> GROUP_BITS) as usize;
        if group >= self.groups.len() {
            self.groups.resize_with(group + 1, Vec::new);
        }
        self.groups[group].push(run);
        self.len += 1;
    }

    /// Keeps the runs of the users for which `keep` returns true; it gets the user and its runs in the
    /// order in which they came.
    pub fn retain(&mut self, mut keep: impl FnMut(u32, &[T]) -> bool) {
        self.sort_by_user();
        let mut start = 0;
        for (number, group) in self.groups.iter_mut().enumerate() {
            let mut kept = Vec::new();
            let ends = &self.ends[number * GROUP_USERS..][..GROUP_USERS];
            let first = (number * GROUP_USERS) as u32;
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

    /// Sorts by user, for [`RunBuffer::of`]; the runs of a user keep the order in which they came.
    pub fn sort_by_user(&mut self) {
        self.ends.clear();
        let mut sorted = Vec::new();
        for group in &mut self.groups {
            let mut next = [0u32; GROUP_USERS + 1];
            for run in group.iter() {
                next[run.user_in_group() + 1] += 1;
            }
            for i in 1..next.len() {
                next[i] += next[i - 1];
            }
            self.ends.extend_from_slice(&next[1..]);
            sorted.clear();
            sorted.extend_from_slice(group);
            for run in group.iter() {
                let place = &mut next[run.user_in_group()];
                sorted[*place as usize] = *run;
                *place += 1;
            }
            group.copy_from_slice(&sorted);
        }
    }

    /// The runs of one user, in the order in which they came.
    pub fn of(&self, user: u32) -> &[T] {
        let Some(group) = self.groups.get((user >> GROUP_BITS) as usize) else { return &[] };
        let at = user as usize;
        let first = at.is_multiple_of(GROUP_USERS);
        let start = if first { 0 } else { self.ends[at - 1] as usize };
        &group[start..self.ends[at] as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::time::SpanHour;

    #[test]
    fn user_without_runs_has_none() {
        let mut buffer: RunBuffer = RunBuffer::default();
        buffer.sort_by_user();
        assert_eq!(buffer.of(0), []);
        let run = EventRun::event(700, SpanHour::default(), 0, 5, 0);
        buffer.push(700, run);
        buffer.sort_by_user();
        assert_eq!((buffer.of(699), buffer.of(701), buffer.of(5000)), (&[][..], &[][..], &[][..]));
        assert_eq!(buffer.of(700), [run]);
    }

    proptest! {
        #[test]
        fn runs_of_a_user_keep_the_order_in_which_they_came(
            events in prop::collection::vec(
                (prop_oneof![0u32..5, 510u32..515], 0u32..3, 0u32..4, 0u32..100), 0..300),
            dropped in 0u32..5,
        ) {
            let mut expected: BTreeMap<u32, Vec<EventRun>> = BTreeMap::new();
            let mut buffer: RunBuffer = RunBuffer::default();
            for &(u, h, c, t) in &events {
                let run = EventRun::event(u, SpanHour::new(h, false), c, t, 1);
                expected.entry(u).or_default().push(run);
                buffer.push(u, run);
            }
            buffer.sort_by_user();
            for user in 0..520 {
                prop_assert_eq!(buffer.of(user), expected.get(&user).map_or(&[][..], Vec::as_slice));
            }
            buffer.retain(|user, _| user != dropped);
            expected.remove(&dropped);
            prop_assert_eq!(buffer.len(), expected.values().map(Vec::len).sum::<usize>());
            buffer.sort_by_user();
            for user in 0..520 {
                prop_assert_eq!(buffer.of(user), expected.get(&user).map_or(&[][..], Vec::as_slice));
            }
        }
    }
}

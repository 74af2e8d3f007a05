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

/// Entries of a block: a group takes as many blocks as it needs, so that nothing is moved when it grows.
const BLOCK: usize = 256;

/// The entries of some users.
#[derive(Debug)]
struct Group<T> {
    /// The block to which entries are added.
    last: Vec<T>,
    /// The blocks before it.
    full: Vec<Vec<T>>,
}

impl<T> Default for Group<T> {
    fn default() -> Self {
        Group { last: Vec::new(), full: Vec::new() }
    }
}

/// The runs of all users of a thread.
#[derive(Debug)]
pub struct RunBuffer<T = EventRun> {
    /// Those of [`GROUP_USERS`] users each, in the order in which they came.
    groups: Vec<Group<T>>,
    /// Number of blocks of all groups.
    blocks: usize,
    /// Where in its group the entries of each user end, once sorted.
    ends: Vec<u32>,
    len: usize,
}

impl<T> Default for RunBuffer<T> {
    fn default() -> Self {
        RunBuffer { groups: Vec::new(), blocks: 0, ends: Vec::new(), len: 0 }
    }
}

impl<T: OfUser> RunBuffer<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that the entries take.
    pub fn bytes(&self) -> usize {
        self.blocks * BLOCK * size_of::<T>()
    }

    #[inline]
    pub fn push(&mut self, user: u32, run: T) {
        let group = (user >> GROUP_BITS) as usize;
        match self.groups.get_mut(group) {
            Some(Group { last, .. }) if (1..BLOCK).contains(&last.len()) => last.push(run),
            _ => self.push_to_new_block(group, run),
        }
        self.len += 1;
    }

    #[cold]
    fn push_to_new_block(&mut self, group: usize, run: T) {
        if group >= self.groups.len() {
            self.groups.resize_with(group + 1, Group::default);
        }
        let Group { last, full } = &mut self.groups[group];
        let before = std::mem::replace(last, Vec::with_capacity(BLOCK));
        if !before.is_empty() {
            full.push(before);
        }
        last.push(run);
        self.blocks += 1;
    }

    /// Sorts by user, for [`RunBuffer::of`]; the runs of a user keep the order in which they came. Nothing
    /// may be added afterwards. The memory stays the same.
    pub fn sort_by_user(&mut self) {
        self.ends.clear();
        let mut unsorted = Vec::new();
        for Group { last, full } in &mut self.groups {
            if !last.is_empty() {
                full.push(std::mem::take(last));
            }
            unsorted.clear();
            full.iter().for_each(|block| unsorted.extend_from_slice(block));
            let mut next = [0u32; GROUP_USERS + 1];
            for run in &unsorted {
                next[run.user_in_group() + 1] += 1;
            }
            for i in 1..next.len() {
                next[i] += next[i - 1];
            }
            self.ends.extend_from_slice(&next[1..]);
            for run in &unsorted {
                let place = &mut next[run.user_in_group()];
                full[*place as usize / BLOCK][*place as usize % BLOCK] = *run;
                *place += 1;
            }
        }
    }

    /// The runs of one user, in the order in which they came.
    pub fn of(&self, user: u32) -> EntriesOf<'_, T> {
        let Some(group) = self.groups.get((user >> GROUP_BITS) as usize) else {
            return EntriesOf { blocks: &[], next: 0, end: 0 };
        };
        let at = user as usize;
        let first = at.is_multiple_of(GROUP_USERS);
        let next = if first { 0 } else { self.ends[at - 1] };
        EntriesOf { blocks: &group.full, next, end: self.ends[at] }
    }
}

/// The entries of one user.
#[derive(Debug)]
pub struct EntriesOf<'a, T> {
    /// Those of the group of the user.
    blocks: &'a [Vec<T>],
    next: u32,
    end: u32,
}

impl<'a, T> EntriesOf<'a, T> {
    /// The next entry, which stays the next one.
    #[inline]
    pub fn peek(&self) -> Option<&'a T> {
        let at = self.next as usize;
        (self.next < self.end).then(|| &self.blocks[at / BLOCK][at % BLOCK])
    }
}

impl<'a, T> Iterator for EntriesOf<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        let entry = self.peek()?;
        self.next += 1;
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.next) as usize;
        (left, Some(left))
    }
}

impl<T> ExactSizeIterator for EntriesOf<'_, T> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::time::SpanHour;

    fn of<T: OfUser>(buffer: &RunBuffer<T>, user: u32) -> Vec<T> {
        let all: Vec<T> = buffer.of(user).copied().collect();
        assert_eq!(buffer.of(user).len(), all.len());
        all
    }

    #[test]
    fn user_without_runs_has_none() {
        let mut buffer: RunBuffer = RunBuffer::default();
        buffer.sort_by_user();
        assert_eq!(of(&buffer, 0), []);
        let run = EventRun::event(700, SpanHour::default(), 0, 5, 0);
        buffer.push(700, run);
        buffer.sort_by_user();
        assert_eq!([699, 701, 5000].map(|user| of(&buffer, user)), [const { Vec::new() }; 3]);
        assert_eq!(of(&buffer, 700), [run]);
    }

    proptest! {
        #[test]
        fn runs_of_a_user_keep_the_order_in_which_they_came(
            events in prop::collection::vec(
                (prop_oneof![0u32..5, 510u32..515], 0u32..3, 0u32..4, 0u32..100), 0..1_500),
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
                prop_assert_eq!(of(&buffer, user), expected.get(&user).cloned().unwrap_or_default());
            }
            prop_assert_eq!(buffer.len(), expected.values().map(Vec::len).sum::<usize>());
        }
    }
}

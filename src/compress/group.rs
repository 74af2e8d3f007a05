//! Grouping on dense integers: what one thread saw of each user is piled up, sorted by user in
//! pieces that fit the cache, and merged to one row per (hour, cell).

/// Users whose partials lie together, as a power of two: their partials of a day of a whole country
/// take about as much as a second-level cache holds.
const USER_BITS: u32 = 9;
const USERS_TOGETHER: usize = 1 << USER_BITS;
const HOUR_BITS: u32 = 64 - USER_BITS - 32;

/// Hours that a batch may span.
pub const MOST_HOURS: i64 = 1 << HOUR_BITS;

/// Events of one user at one cell in one hour, as far as they were seen together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    /// From the highest bits down: user within its group, hour since the first of the batch, cell.
    key: u64,
    /// First and last event, microseconds into the hour.
    pub first_us: u32,
    pub last_us: u32,
    pub count: u64,
}

impl Partial {
    /// One event at `us` microseconds into an hour below [`MOST_HOURS`].
    #[inline]
    pub fn event(user: u32, hour: u32, cell: u32, us: u32) -> Self {
        let user = u64::from(user) & (USERS_TOGETHER as u64 - 1);
        let key = user << (64 - USER_BITS) | u64::from(hour) << 32 | u64::from(cell);
        Partial { key, first_us: us, last_us: us, count: 1 }
    }

    /// Hours since the first hour of the batch.
    #[inline]
    pub fn hour(&self) -> u32 {
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
        Partial { key, ..self }
    }

    #[inline]
    fn absorb(&mut self, other: &Partial) {
        self.first_us = self.first_us.min(other.first_us);
        self.last_us = self.last_us.max(other.last_us);
        self.count += other.count;
    }
}

/// Sorts by (user, hour, cell) and makes one of those that are equal in them.
pub fn merge(partials: &mut Vec<Partial>) {
    partials.sort_unstable_by_key(|p| p.key);
    partials.dedup_by(|next, kept| {
        let same = next.key == kept.key;
        if same {
            kept.absorb(next);
        }
        same
    });
}

/// The partials of all users of a thread.
#[derive(Debug, Default)]
pub struct Pile {
    /// Of [`USERS_TOGETHER`] users each, as they come.
    groups: Vec<Vec<Partial>>,
    /// Where in its group each user's partials end, once sorted.
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
    pub fn push(&mut self, user: u32, partial: Partial) {
        let group = (user >> USER_BITS) as usize;
        if group >= self.groups.len() {
            self.groups.resize_with(group + 1, Vec::new);
        }
        self.groups[group].push(partial);
        self.len += 1;
    }

    /// Merges what belongs together, to make room.
    pub fn compact(&mut self) {
        for group in &mut self.groups {
            merge(group);
            group.shrink_to_fit();
        }
        self.len = self.groups.iter().map(Vec::len).sum();
    }

    /// Brings the partials of each user together; [`Pile::of`] finds them afterwards.
    pub fn sort_by_user(&mut self) {
        self.ends.clear();
        let mut sorted = Vec::new();
        for group in &mut self.groups {
            let mut next = [0u32; USERS_TOGETHER + 1];
            for partial in group.iter() {
                next[partial.user() + 1] += 1;
            }
            for i in 1..next.len() {
                next[i] += next[i - 1];
            }
            self.ends.extend_from_slice(&next[1..]);
            sorted.clear();
            sorted.extend_from_slice(group);
            for partial in group.iter() {
                let place = &mut next[partial.user()];
                sorted[*place as usize] = *partial;
                *place += 1;
            }
            group.copy_from_slice(&sorted);
        }
    }

    /// The partials of one user, in no particular order.
    pub fn of(&self, user: u32) -> &[Partial] {
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

    type HourAndCell = (u32, u32);

    #[test]
    fn a_user_without_partials_has_none() {
        let mut pile = Pile::default();
        pile.sort_by_user();
        assert_eq!(pile.of(0), []);
        pile.push(700, Partial::event(700, 0, 0, 5));
        pile.sort_by_user();
        assert_eq!((pile.of(699), pile.of(701), pile.of(5000)), (&[][..], &[][..], &[][..]));
        assert_eq!(pile.of(700), [Partial::event(700, 0, 0, 5)]);
    }

    #[test]
    fn hour_and_cell_come_back_at_their_limits() {
        let (hour, cell) = ((MOST_HOURS - 1) as u32, u32::MAX - 1);
        let partial = Partial::event(u32::MAX - 1, hour, cell, 7);
        assert_eq!((partial.hour(), partial.cell()), (hour, cell));
        let other = partial.at_cell(3);
        assert_eq!((other.hour(), other.cell()), (hour, 3));
    }

    proptest! {
        #[test]
        fn rows_equal_a_map_of_groups(
            events in prop::collection::vec(
                (prop_oneof![0u32..5, 510u32..515], 0u32..3, 0u32..4, 0u32..100), 0..300),
            compact_at in 0usize..300,
        ) {
            let mut expected: BTreeMap<u32, BTreeMap<HourAndCell, (u32, u32, u64)>> =
                BTreeMap::new();
            let mut pile = Pile::default();
            for (i, &(u, h, c, t)) in events.iter().enumerate() {
                let e = expected.entry(u).or_default().entry((h, c)).or_insert((t, t, 0));
                *e = (e.0.min(t), e.1.max(t), e.2 + 1);
                pile.push(u, Partial::event(u, h, c, t));
                if i == compact_at {
                    pile.compact();
                }
            }
            pile.sort_by_user();
            for user in 0..520 {
                let mut rows = pile.of(user).to_vec();
                merge(&mut rows);
                let rows: Vec<_> = rows
                    .iter()
                    .map(|p| ((p.hour(), p.cell()), (p.first_us, p.last_us, p.count)))
                    .collect();
                let wanted: Vec<_> = expected.remove(&user).unwrap_or_default().into_iter().collect();
                prop_assert_eq!(rows, wanted);
            }
        }
    }
}

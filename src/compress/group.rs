//! Grouping on dense integers: partial presences become one row per (user, hour, cell).

/// Events of one user at one cell in one hour, as far as they were seen together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    pub user: u32,
    /// Hours since the first hour of the batch.
    pub hour: u32,
    pub cell: u32,
    /// First and last event, microseconds into the hour.
    pub first_us: u32,
    pub last_us: u32,
    pub count: u64,
}

impl Partial {
    fn within_user(&self) -> u64 {
        u64::from(self.hour) << 32 | u64::from(self.cell)
    }

    fn absorb(&mut self, other: &Partial) {
        self.first_us = self.first_us.min(other.first_us);
        self.last_us = self.last_us.max(other.last_us);
        self.count += other.count;
    }
}

/// Merges what belongs together; the rows come out by user, hour, cell. `users` is one more than
/// the highest user number.
///
/// A counting sort by user needs one pass; what is left to sort are the few dozen rows of each
/// user, which fit the first cache.
///
/// `partials` is gone through twice, so that no copy of all of them has to be made.
pub fn merge<I: Iterator<Item = Partial>>(partials: impl Fn() -> I, users: usize) -> Vec<Partial> {
    let mut ends = vec![0usize; users + 1];
    for p in partials() {
        ends[p.user as usize + 1] += 1;
    }
    for i in 1..ends.len() {
        ends[i] += ends[i - 1];
    }
    let Some(first) = partials().next() else { return Vec::new() };
    let mut rows = vec![first; ends[users]];
    let mut next = ends.clone();
    for p in partials() {
        let at = &mut next[p.user as usize];
        rows[*at] = p;
        *at += 1;
    }
    let mut kept = 0;
    for bounds in ends.windows(2) {
        let (start, end) = (bounds[0], bounds[1]);
        rows[start..end].sort_unstable_by_key(Partial::within_user);
        let first_of_user = kept;
        for i in start..end {
            let row = rows[i];
            if kept > first_of_user && rows[kept - 1].within_user() == row.within_user() {
                rows[kept - 1].absorb(&row);
            } else {
                rows[kept] = row;
                kept += 1;
            }
        }
    }
    rows.truncate(kept);
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn partial(user: u32, hour: u32, cell: u32, us: u32) -> Partial {
        Partial { user, hour, cell, first_us: us, last_us: us, count: 1 }
    }

    #[test]
    fn nothing_merges_to_nothing() {
        assert_eq!(merge(std::iter::empty, 0), vec![]);
        assert_eq!(merge(std::iter::empty, 5), vec![]);
    }

    proptest! {
        #[test]
        fn rows_equal_a_map_of_groups(
            events in prop::collection::vec((0u32..5, 0u32..3, 0u32..4, 0u32..100), 0..200)
        ) {
            let partials: Vec<_> = events.iter().map(|&(u, h, c, t)| partial(u, h, c, t)).collect();
            let mut expected: BTreeMap<(u32, u32, u32), (u32, u32, u64)> = BTreeMap::new();
            for &(u, h, c, t) in &events {
                let e = expected.entry((u, h, c)).or_insert((t, t, 0));
                *e = (e.0.min(t), e.1.max(t), e.2 + 1);
            }
            let rows: Vec<_> = merge(|| partials.iter().copied(), 5)
                .iter()
                .map(|p| ((p.user, p.hour, p.cell), (p.first_us, p.last_us, p.count)))
                .collect();
            prop_assert_eq!(rows, expected.into_iter().collect::<Vec<_>>());
        }
    }
}

//! A second reading, event by event, of the users whose runs overlap in time: if several files contain
//! the same hours, rows are not in order, or events were delivered twice.

use std::ops::Range;

use hashbrown::HashMap;

use super::combined::Combined;
use crate::checks::Code;
use crate::checks::duplicates::{remove_repeated, sort_events};
use crate::checks::event_run::{EventRun, SingleEvent};
use crate::checks::sequence::Rules;

/// Events of a reread that are in memory at once, 24 bytes each.
pub const MAX_EVENTS: u64 = 24 << 20;

/// The events of some users one by one.
#[derive(Default)]
pub struct Reread {
    events: Option<Combined>,
    /// Numbers in `events` by numbers in the first reading.
    users: HashMap<u32, u32, foldhash::fast::FixedState>,
    /// Cell numbers of the first reading by those in `events`.
    cells: Vec<u32>,
}

impl Reread {
    /// `events` is the reread of `users` of the first reading.
    pub fn new(first: &Combined, users: &[u32], events: Combined) -> Self {
        let number = |user: &u32| Some((*user, events.find(first.key(*user))?));
        let users = users.iter().filter_map(number).collect();
        let rank = |cell: &String| first.cells.binary_search(cell).unwrap_or_default() as u32;
        let cells = events.cells.iter().map(rank).collect();
        Reread { events: Some(events), users, cells }
    }

    /// Replaces `runs` by the events of a user, each a run of its own, in order of time; without
    /// duplicates, which are returned, if these are checked. `None` for a user that was not reread.
    pub fn runs_of(
        &self,
        user: u32,
        runs: &mut Vec<EventRun>,
        rules: &Rules,
    ) -> Option<Vec<SingleEvent>> {
        let (reread, number) = self.events.as_ref().zip(self.users.get(&user))?;
        let mut events = reread.events_of(*number);
        for event in &mut events {
            *event = event.at_cell(self.cells[event.key.cell() as usize]);
        }
        sort_events(&mut events);
        let duplicates = match rules.on(Code::Duplicate) {
            true => remove_repeated(&mut events),
            false => Vec::new(),
        };
        runs.clear();
        runs.extend(events.into_iter().map(SingleEvent::run));
        Some(duplicates)
    }
}

/// The number of an output file and the range of its users.
type UserRange = (usize, Range<usize>);

/// Cuts the output files into batches, each with its users that have to be reread: as many files as have
/// at most `max_events` events of such users, but at least one.
pub fn reread_batches<'a>(
    files: &'a [UserRange],
    overlapping: &[(u32, u64)],
    max_events: u64,
) -> Vec<(&'a [UserRange], Vec<u32>)> {
    let mut batches: Vec<(&[UserRange], Vec<u32>)> = Vec::new();
    let (mut start, mut events, mut users) = (0, 0, Vec::new());
    for (i, (_, range)) in files.iter().enumerate() {
        let from = overlapping.partition_point(|(user, _)| (*user as usize) < range.start);
        let to = overlapping.partition_point(|(user, _)| (*user as usize) < range.end);
        let of_file: u64 = overlapping[from..to].iter().map(|(_, events)| events).sum();
        if i > start && events + of_file > max_events {
            batches.push((&files[start..i], std::mem::take(&mut users)));
            (start, events) = (i, 0);
        }
        events += of_file;
        users.extend(overlapping[from..to].iter().map(|(user, _)| *user));
    }
    batches.push((&files[start..], users));
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_few_events_to_reread_share_a_batch() {
        let files: Vec<UserRange> = (0..4).map(|i| (i, i * 10..(i + 1) * 10)).collect();
        let overlapping = [(3, 5), (12, 6), (13, 1), (39, 20)];
        let cut: Vec<_> = reread_batches(&files, &overlapping, 12)
            .into_iter()
            .map(|(files, users)| (files[0].0, files.len(), users))
            .collect();
        assert_eq!(cut, [(0, 3, vec![3, 12, 13]), (3, 1, vec![39])]);
        assert_eq!(reread_batches(&files, &[], 12).len(), 1);
    }
}

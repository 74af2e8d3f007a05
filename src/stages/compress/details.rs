//! A second reading, event by event, of the users whose runs overlap in time: files that hold the
//! same hours, rows in no order, events that were delivered twice.

use std::ops::Range;

use hashbrown::HashMap;

use super::combine::Combined;
use super::group::Run;
use super::judge::Rules;
use crate::checks::Code;

/// Events of a second reading that are in memory at a time, 24 bytes each.
pub const MOST_EVENTS: u64 = 24 << 20;

/// The events of some users one by one.
#[derive(Default)]
pub struct Details {
    events: Option<Combined>,
    /// Numbers there by numbers in the first reading.
    users: HashMap<u32, u32, foldhash::fast::FixedState>,
    /// The same for cells.
    cells: Vec<u32>,
}

impl Details {
    /// The second reading of `users` of the first one.
    pub fn new(first: &Combined, users: &[u32], events: Combined) -> Self {
        let number = |user: &u32| Some((*user, events.find(first.key(*user))?));
        let users = users.iter().filter_map(number).collect();
        let place = |cell: &String| first.cells.binary_search(cell).unwrap_or_default() as u32;
        let cells = events.cells.iter().map(place).collect();
        Details { events: Some(events), users, cells }
    }

    /// The events of a user as runs of one, in order of time, each event once where duplicates are
    /// looked for; and what repeats them, with the row in its row group. `None` of users that are
    /// not among them.
    pub fn runs_of(
        &self,
        user: u32,
        runs: &mut Vec<Run>,
        rules: &Rules,
    ) -> Option<Vec<(Run, u32)>> {
        let (events, number) = self.events.as_ref().zip(self.users.get(&user))?;
        events.runs_of(*number, runs);
        for run in runs.iter_mut() {
            *run = run.at_cell(self.cells[run.cell() as usize]);
        }
        // a single event has its row in the place of a count; the first copy is the one that counts
        runs.sort_by_key(|run| (run.begins(), run.cell(), run.source, run.count));
        let mut repeats = Vec::new();
        if rules.on(Code::Duplicate) {
            runs.dedup_by(|next, kept| {
                let again = next.begins() == kept.begins() && next.cell() == kept.cell();
                if again {
                    repeats.push((*next, next.count));
                }
                again
            });
        }
        runs.iter_mut().for_each(|run| run.count = 1);
        Some(repeats)
    }
}

/// A part: its number and its users.
type Part = (usize, Range<usize>);

/// Cuts the parts into turns, each with its users that need a second reading: as many parts as have
/// no more than `most` events of such users, and one at least.
pub fn turns<'a>(
    parts: &'a [Part],
    unclear: &[(u32, u64)],
    most: u64,
) -> Vec<(&'a [Part], Vec<u32>)> {
    let mut turns: Vec<(&[Part], Vec<u32>)> = Vec::new();
    let (mut start, mut events, mut users) = (0, 0, Vec::new());
    for (i, (_, range)) in parts.iter().enumerate() {
        let from = unclear.partition_point(|(user, _)| (*user as usize) < range.start);
        let to = unclear.partition_point(|(user, _)| (*user as usize) < range.end);
        let of_part: u64 = unclear[from..to].iter().map(|(_, events)| events).sum();
        if i > start && events + of_part > most {
            turns.push((&parts[start..i], std::mem::take(&mut users)));
            (start, events) = (i, 0);
        }
        events += of_part;
        users.extend(unclear[from..to].iter().map(|(user, _)| *user));
    }
    turns.push((&parts[start..], users));
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_with_few_events_to_read_again_go_together() {
        let parts: Vec<Part> = (0..4).map(|i| (i, i * 10..(i + 1) * 10)).collect();
        let unclear = [(3, 5), (12, 6), (13, 1), (39, 20)];
        let cut: Vec<_> = turns(&parts, &unclear, 12)
            .into_iter()
            .map(|(parts, users)| (parts[0].0, parts.len(), users))
            .collect();
        assert_eq!(cut, [(0, 3, vec![3, 12, 13]), (3, 1, vec![39])]);
        assert_eq!(turns(&parts, &[], 12).len(), 1);
    }
}

//! Sorted pieces read together, user by user.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use anyhow::Result;

use super::piece::{Piece, PieceReader};
use super::record::Record;
use crate::stages::compress::duplicate_events::DuplicateEvent;
use crate::stages::compress::user_order::OwnedKey;

/// The pieces of all threads.
pub struct Pieces {
    /// Each with the number of its thread.
    all: Vec<(usize, Piece)>,
    /// For each thread, the combined numbers of its cells.
    cells: Vec<Vec<u32>>,
}

/// All that the pieces have of one user.
pub struct SpilledUser<T> {
    pub key: OwnedKey,
    /// In no order, with the combined cell numbers.
    pub records: Vec<T>,
    pub duplicates: Vec<DuplicateEvent>,
}

impl<T> Default for SpilledUser<T> {
    fn default() -> Self {
        SpilledUser { key: OwnedKey::default(), records: Vec::new(), duplicates: Vec::new() }
    }
}

impl Pieces {
    pub fn new(all: Vec<(usize, Piece)>, cells: Vec<Vec<u32>>) -> Self {
        Pieces { all, cells }
    }

    /// Number of pieces.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks whether there are any")]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.all.iter().map(|(_, piece)| piece.bytes()).sum()
    }

    /// Users that divide all of them into at most `parts` ranges of similar size.
    pub fn dividing_users(&self, parts: usize) -> Vec<OwnedKey> {
        let mut indexed: Vec<&OwnedKey> =
            self.all.iter().flat_map(|(_, piece)| piece.indexed()).collect();
        indexed.sort_unstable();
        indexed.dedup();
        let step = indexed.len().div_ceil(parts.max(1)).max(1);
        indexed.into_iter().step_by(step).skip(1).cloned().collect()
    }

    /// Reads the users from `start` up to `end`, which is not one of them; each piece through a buffer of
    /// `buffer` bytes.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn users<'a>(
        &'a self,
        start: Option<&OwnedKey>,
        end: Option<&'a OwnedKey>,
        buffer: usize,
    ) -> Result<MergedUsers<'a>> {
        let mut merged =
            MergedUsers { readers: Vec::new(), next: BinaryHeap::new(), cells: &self.cells, end };
        for (thread, piece) in &self.all {
            if let Some((reader, key)) = piece.reader(start, buffer)? {
                merged.next.push(Reverse((key, merged.readers.len())));
                merged.readers.push((*thread, reader));
            }
        }
        Ok(merged)
    }
}

/// Users in the order of their canonical ids.
pub struct MergedUsers<'a> {
    readers: Vec<(usize, PieceReader)>,
    /// The next user of each reader that has one.
    next: BinaryHeap<Reverse<(OwnedKey, usize)>>,
    cells: &'a [Vec<u32>],
    end: Option<&'a OwnedKey>,
}

impl MergedUsers<'_> {
    /// Reads the next user; false after the last.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn next_user<T: Record>(&mut self, user: &mut SpilledUser<T>) -> Result<bool> {
        user.records.clear();
        user.duplicates.clear();
        let cells = self.cells;
        self.visit_next(&mut user.key, |thread, reader| {
            let start = user.records.len();
            reader.read(&mut user.records, &mut user.duplicates)?;
            let cells = &cells[thread];
            user.records[start..].iter_mut().for_each(|record| *record = record.at_cell_of(cells));
            Ok(())
        })
    }

    /// Leaves out the next user and copies its id to `key`; false after the last.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn skip_user(&mut self, key: &mut OwnedKey) -> Result<bool> {
        self.visit_next(key, |_, reader| reader.skip())
    }

    /// The id of the next user.
    pub fn peek(&self) -> Option<&OwnedKey> {
        let Reverse((key, _)) = self.next.peek()?;
        self.end.is_none_or(|end| key < end).then_some(key)
    }

    fn visit_next(
        &mut self,
        key: &mut OwnedKey,
        mut visit: impl FnMut(usize, &mut PieceReader) -> Result<()>,
    ) -> Result<bool> {
        let Some(first) = self.peek() else { return Ok(false) };
        key.clone_from(first);
        while let Some(mut next) = self.next.peek_mut() {
            let Reverse((next_key, number)) = &mut *next;
            if next_key != key {
                break;
            }
            let (thread, reader) = &mut self.readers[*number];
            visit(*thread, reader)?;
            if !reader.next_user(next_key)? {
                PeekMut::pop(next);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::checks::event_run::EventRun;
    use crate::domain::ids::{UserKey, user_text};
    use crate::domain::time::SpanHour;
    use crate::stages::compress::run_buffer::RunBuffer;
    use crate::stages::compress::spill::PieceFile;
    use crate::stages::compress::user_ids::UserIds;
    use crate::stages::compress::user_order::sorted_users;

    /// Some runs of users, each at the cell 0 of its thread.
    fn piece(file: &mut PieceFile, runs: &[(String, u32)]) -> Piece {
        let (mut users, mut buffer) = (UserIds::default(), RunBuffer::default());
        for (name, us) in runs {
            let user = users.intern(UserKey::Text(name)).number().unwrap();
            buffer.push(user, EventRun::event(user, SpanHour::default(), 0, *us, 1));
        }
        buffer.sort_by_user();
        let sorted = sorted_users(&users);
        let duplicate =
            DuplicateEvent { user: 0, hour: SpanHour::new(3, true), row_group: 4, row: 5 };
        let duplicates = [duplicate; 2];
        let of_user = |(_, id): &(u64, u32)| (users.key(*id), buffer.of(*id), &duplicates[..]);
        file.append(sorted.iter().map(of_user)).unwrap()
    }

    proptest! {
        #[test]
        fn users_of_all_pieces_come_once_and_in_order(
            pieces in prop::collection::vec(
                prop::collection::vec(("[a-c]{1,9}", any::<u32>()), 1..700), 1..5),
            parts in 1usize..9,
            buffer in 1usize..4_000,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut files = [0, 1].map(|_| PieceFile::create(folder.path()).unwrap());
            let mut expected: BTreeMap<String, Vec<(u32, u32)>> = BTreeMap::new();
            let mut all = Vec::new();
            for (number, runs) in pieces.iter().enumerate() {
                let thread = number % 2;
                all.push((thread, piece(&mut files[thread], runs)));
                for (name, us) in runs {
                    expected.entry(name.clone()).or_default().push((thread as u32 + 70, *us));
                }
            }
            let pieces = Pieces::new(all, vec![vec![70], vec![71]]);
            let bounds = pieces.dividing_users(parts);
            prop_assert!(bounds.len() < parts);
            let (mut user, mut found) = (SpilledUser::<EventRun>::default(), BTreeMap::new());
            let (mut before, mut in_pieces) = (None, 0);
            for i in 0..=bounds.len() {
                let start = i.checked_sub(1).map(|i| &bounds[i]);
                let mut merged = pieces.users(start, bounds.get(i), buffer).unwrap();
                while merged.next_user(&mut user).unwrap() {
                    prop_assert!(before.as_ref().is_none_or(|before| *before < user.key));
                    before = Some(user.key.clone());
                    in_pieces += user.duplicates.len() / 2;
                    prop_assert!(user.duplicates.iter().all(|d| (d.row_group, d.row) == (4, 5)));
                    let runs = user.records.iter().map(|run| (run.cell(), run.first_us)).collect();
                    found.insert(user_text(user.key.key()).into_owned(), runs);
                }
            }
            for runs in found.values_mut().chain(expected.values_mut()) {
                let runs: &mut Vec<_> = runs;
                runs.sort_unstable();
            }
            prop_assert!(in_pieces >= found.len());
            prop_assert_eq!(&found, &expected);
            // users can be left out up to any of them
            let names: Vec<&String> = expected.keys().collect();
            let wanted = OwnedKey::new(UserKey::Text(names[names.len() / 2]));
            let mut merged = pieces.users(Some(&wanted), None, buffer).unwrap();
            let mut key = OwnedKey::default();
            for name in &names[names.len() / 2..] {
                prop_assert_eq!(merged.peek().map(OwnedKey::key), Some(UserKey::Text(name)));
                prop_assert!(merged.skip_user(&mut key).unwrap());
            }
            prop_assert!(!merged.skip_user(&mut key).unwrap());
        }
    }
}

//! Batches of events, in the form in which a stage processes them.

use crate::domain::id_slot::IdSlot;
use crate::domain::ids::UserKey;
use crate::domain::time::EventTime;

/// Some rows of an event file. The columns have the same length.
#[derive(Debug, Default)]
pub struct EventBatch {
    /// Numbers that an [`IdEncoder`] assigned.
    pub users: Vec<IdSlot>,
    /// Numbers that an [`IdEncoder`] assigned.
    pub cells: Vec<IdSlot>,
    pub times: Vec<EventTime>,
}

impl EventBatch {
    pub fn len(&self) -> usize {
        self.users.len()
    }

    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.users.clear();
        self.cells.clear();
        self.times.clear();
    }
}

/// Assigns dense numbers to user and cell ids. A reader encodes each value of a dictionary once, and
/// other values row by row.
pub trait IdEncoder {
    /// The number of a user id that is not empty.
    fn user(&mut self, id: UserKey) -> IdSlot;

    /// Appends to `out` the numbers of `rows` binary user ids, and [`IdSlot::MISSING`] for those that are
    /// null or empty.
    fn users<'a>(
        &mut self,
        rows: usize,
        id: impl Fn(usize) -> Option<&'a [u8]>,
        out: &mut Vec<IdSlot>,
    );

    /// The number of a cell id that is not empty.
    fn cell(&mut self, id: &str) -> IdSlot;

    /// The number of a cell id that is an integer: that of its decimal text.
    fn cell_number(&mut self, id: i64) -> IdSlot;
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::ids::user_text;

    /// Keeps the canonical ids by number.
    #[derive(Default)]
    pub struct Ids {
        pub users: Vec<String>,
        pub cells: Vec<String>,
    }

    fn number(names: &mut Vec<String>, name: &str) -> IdSlot {
        let known = names.iter().position(|n| n == name);
        let number = known.unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        IdSlot::new(number as u32)
    }

    impl IdEncoder for Ids {
        fn user(&mut self, id: UserKey) -> IdSlot {
            number(&mut self.users, &user_text(id))
        }

        fn users<'a>(
            &mut self,
            rows: usize,
            id: impl Fn(usize) -> Option<&'a [u8]>,
            out: &mut Vec<IdSlot>,
        ) {
            out.extend((0..rows).map(|row| match id(row) {
                Some(bytes) if !bytes.is_empty() => self.user(UserKey::Bytes(bytes)),
                _ => IdSlot::MISSING,
            }));
        }

        fn cell(&mut self, id: &str) -> IdSlot {
            number(&mut self.cells, id)
        }

        fn cell_number(&mut self, id: i64) -> IdSlot {
            self.cell(&id.to_string())
        }
    }
}

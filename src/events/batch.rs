//! Batches of events, in the form in which a stage processes them.

use crate::domain::ids::UserKey;

/// Stands for a null or empty id in a column of an [`EventBatch`].
pub const MISSING_ID: u32 = u32::MAX;

/// Some rows of an event file. The columns have the same length.
#[derive(Debug, Default)]
pub struct EventBatch {
    /// Numbers that an [`IdEncoder`] assigned, or [`MISSING_ID`].
    pub users: Vec<u32>,
    /// Numbers that an [`IdEncoder`] assigned, or [`MISSING_ID`].
    pub cells: Vec<u32>,
    /// Local time, µs, or [`MISSING`](crate::domain::time::columns::MISSING) or
    /// [`UNREADABLE`](crate::domain::time::columns::UNREADABLE).
    pub local_us: Vec<i64>,
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
        self.local_us.clear();
    }
}

/// Assigns dense numbers to user and cell ids. A reader encodes each value of a dictionary once, and
/// other values row by row.
pub trait IdEncoder {
    /// The number of a user id that is not empty.
    fn user(&mut self, id: UserKey) -> u32;

    /// Appends to `out` the numbers of `rows` binary user ids, and [`MISSING_ID`] for those that are
    /// null or empty.
    fn users<'a>(
        &mut self,
        rows: usize,
        id: impl Fn(usize) -> Option<&'a [u8]>,
        out: &mut Vec<u32>,
    );

    /// The number of a cell id that is not empty.
    fn cell(&mut self, id: &str) -> u32;

    /// The number of a cell id that is an integer: that of its decimal text.
    fn cell_number(&mut self, id: i64) -> u32;
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

    fn number(names: &mut Vec<String>, name: &str) -> u32 {
        let known = names.iter().position(|n| n == name);
        known.unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        }) as u32
    }

    impl IdEncoder for Ids {
        fn user(&mut self, id: UserKey) -> u32 {
            number(&mut self.users, &user_text(id))
        }

        fn users<'a>(
            &mut self,
            rows: usize,
            id: impl Fn(usize) -> Option<&'a [u8]>,
            out: &mut Vec<u32>,
        ) {
            out.extend((0..rows).map(|row| match id(row) {
                Some(bytes) if !bytes.is_empty() => self.user(UserKey::Bytes(bytes)),
                _ => MISSING_ID,
            }));
        }

        fn cell(&mut self, id: &str) -> u32 {
            number(&mut self.cells, id)
        }

        fn cell_number(&mut self, id: i64) -> u32 {
            self.cell(&id.to_string())
        }
    }
}

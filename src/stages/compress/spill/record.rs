//! Runs and events as bytes of a file.

use crate::checks::event_run::{EventRun, RunKey, SingleEvent};
use crate::stages::compress::run_buffer::OfUser;

/// Bytes of a record.
pub const RECORD_BYTES: usize = 24;

/// What is written of a user.
pub trait Record: OfUser {
    fn to_bytes(self) -> [u8; RECORD_BYTES];
    fn from_bytes(bytes: [u8; RECORD_BYTES]) -> Self;

    /// The same with the cell number that `cells` has for its own, and without the user.
    fn at_cell_of(self, cells: &[u32]) -> Self;
}

impl Record for EventRun {
    #[inline]
    fn to_bytes(self) -> [u8; RECORD_BYTES] {
        to_bytes(self.key, [self.first_us, self.last_us, self.count, self.row_group])
    }

    #[inline]
    fn from_bytes(bytes: [u8; RECORD_BYTES]) -> Self {
        let (key, [first_us, last_us, count, row_group]) = from_bytes(bytes);
        EventRun { key, first_us, last_us, count, row_group }
    }

    #[inline]
    fn at_cell_of(self, cells: &[u32]) -> Self {
        self.at_cell(cells[self.cell() as usize])
    }
}

impl Record for SingleEvent {
    #[inline]
    fn to_bytes(self) -> [u8; RECORD_BYTES] {
        to_bytes(self.key, [self.us, self.row, self.row_group, 0])
    }

    #[inline]
    fn from_bytes(bytes: [u8; RECORD_BYTES]) -> Self {
        let (key, [us, row, row_group, _]) = from_bytes(bytes);
        SingleEvent { key, us, row, row_group }
    }

    #[inline]
    fn at_cell_of(self, cells: &[u32]) -> Self {
        self.at_cell(cells[self.key.cell() as usize])
    }
}

#[inline]
fn to_bytes(key: RunKey, numbers: [u32; 4]) -> [u8; RECORD_BYTES] {
    let mut bytes = [0; RECORD_BYTES];
    bytes[..8].copy_from_slice(&key.to_bits().to_le_bytes());
    for (place, number) in bytes[8..].as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
        *place = number.to_le_bytes();
    }
    bytes
}

#[inline]
fn from_bytes(bytes: [u8; RECORD_BYTES]) -> (RunKey, [u32; 4]) {
    let (words, _) = bytes.as_chunks::<4>();
    let word = |at: usize| u32::from_le_bytes(words[at]);
    let key = u64::from(word(1)) << 32 | u64::from(word(0));
    (RunKey::from_bits(key), [word(2), word(3), word(4), word(5)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::SpanHour;

    #[test]
    fn records_are_read_as_they_were_written() {
        let key = RunKey::new(511, SpanHour::new(7, true), u32::MAX - 9);
        let run = EventRun { key, first_us: 1, last_us: u32::MAX, count: 3, row_group: 4 };
        assert_eq!(EventRun::from_bytes(run.to_bytes()), run);
        let event = SingleEvent { key, us: 5, row: u32::MAX, row_group: 6 };
        assert_eq!(SingleEvent::from_bytes(event.to_bytes()), event);
    }
}

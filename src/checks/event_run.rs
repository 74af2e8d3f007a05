//! Events of one user that follow each other at the same cell within an hour.
//!
//! If the runs of a user do not overlap in time, they contain all that the checks need: no event is
//! there twice, and a hop leads from the end of one run to the beginning of the next.

use crate::domain::time::SpanHour;

/// Runs are buffered by groups of users. The key of a run contains the user's number within its group,
/// which has this many bits.
pub const GROUP_BITS: u32 = 9;
/// Users of a group.
pub const GROUP_USERS: usize = 1 << GROUP_BITS;
const HOUR_BITS: u32 = 64 - GROUP_BITS - 32;

/// Clock hours that a span of dates may have.
pub const MAX_CLOCK_HOURS: i64 = 1 << (HOUR_BITS - 1);

/// User within its group, hour of the span, and cell, from the highest bits down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct RunKey(u64);

impl RunKey {
    #[inline]
    pub fn new(user: u32, hour: SpanHour, cell: u32) -> Self {
        let user = u64::from(user) & (GROUP_USERS as u64 - 1);
        RunKey(user << (64 - GROUP_BITS) | u64::from(hour.number()) << 32 | u64::from(cell))
    }

    /// The key as one number, see [`RunKey::from_bits`].
    #[inline]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub fn from_bits(bits: u64) -> Self {
        RunKey(bits)
    }

    #[inline]
    pub fn user_in_group(self) -> usize {
        (self.0 >> (64 - GROUP_BITS)) as usize
    }

    #[inline]
    pub fn hour(self) -> SpanHour {
        SpanHour::from_number((self.0 >> 32) as u32 & ((1 << HOUR_BITS) - 1))
    }

    #[inline]
    pub fn cell(self) -> u32 {
        self.0 as u32
    }

    /// The same hour with another cell number and without the user.
    #[inline]
    pub fn at_cell(self, cell: u32) -> Self {
        RunKey::new(0, self.hour(), cell)
    }
}

/// One event or several of one user at one cell, in one hour and from one row group, in order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRun {
    pub key: RunKey,
    /// First and last event, microseconds into the hour.
    pub first_us: u32,
    pub last_us: u32,
    /// Number of events.
    pub count: u32,
    /// Number of the row group.
    pub row_group: u32,
}

impl EventRun {
    /// One event at `us` microseconds into an hour.
    #[inline]
    pub fn event(user: u32, hour: SpanHour, cell: u32, us: u32, row_group: u32) -> Self {
        let key = RunKey::new(user, hour, cell);
        EventRun { key, first_us: us, last_us: us, count: 1, row_group }
    }

    #[inline]
    pub fn hour(&self) -> SpanHour {
        self.key.hour()
    }

    #[inline]
    pub fn cell(&self) -> u32 {
        self.key.cell()
    }

    /// The same with another cell number and without the user.
    #[inline]
    pub fn at_cell(self, cell: u32) -> Self {
        EventRun { key: self.key.at_cell(cell), ..self }
    }

    /// Time of the first event; compares as time does.
    #[inline]
    pub fn begins(&self) -> (SpanHour, u32) {
        (self.hour(), self.first_us)
    }

    /// Time of the last event; compares as time does.
    #[inline]
    pub fn ends(&self) -> (SpanHour, u32) {
        (self.hour(), self.last_us)
    }
}

/// An event by itself, with its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SingleEvent {
    pub key: RunKey,
    /// Microseconds into the hour.
    pub us: u32,
    /// From 0, within the row group.
    pub row: u32,
    /// Number of the row group.
    pub row_group: u32,
}

impl SingleEvent {
    /// Time of the event; compares as time does.
    #[inline]
    pub fn time(&self) -> (SpanHour, u32) {
        (self.key.hour(), self.us)
    }

    /// The same with another cell number and without the user.
    #[inline]
    pub fn at_cell(self, cell: u32) -> Self {
        SingleEvent { key: self.key.at_cell(cell), ..self }
    }

    /// The event as a run.
    #[inline]
    pub fn run(self) -> EventRun {
        let SingleEvent { key, us, row_group, .. } = self;
        EventRun { key, first_us: us, last_us: us, count: 1, row_group }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hour_and_cell_are_recovered_at_their_limits() {
        let hour = SpanHour::from_number((2 * MAX_CLOCK_HOURS - 1) as u32);
        let cell = u32::MAX - 2;
        let run = EventRun::event(u32::MAX - 2, hour, cell, 7, 9);
        assert_eq!((run.hour(), run.cell(), run.row_group), (hour, cell, 9));
        let other = run.at_cell(3);
        assert_eq!((other.hour(), other.cell()), (hour, 3));
        assert_eq!(size_of::<EventRun>(), 24);
        assert_eq!(size_of::<SingleEvent>(), 24);
    }
}

//! Totals of a date for its record, counted while its rows are created.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::presence_rows::PresenceRow;
use crate::datasets::day_record::{DigestKey, UserDigest};
use crate::domain::time::SpanHour;

/// Totals of one date over all its users or some of them.
#[derive(Debug, Clone, Default)]
pub struct DateTotals {
    pub rows: u64,
    pub bytes: u64,
    pub events: u64,
    /// Events by hour of the date.
    pub hours: BTreeMap<SpanHour, u64>,
    /// Users by number of hours, and by number of events.
    pub users_by_hours: BTreeMap<u32, u64>,
    users_by_events: HashMap<u64, u64, foldhash::fast::FixedState>,
    /// Events by cell number.
    pub cells: Vec<u64>,
    /// The users, in no order.
    pub digests: Vec<UserDigest>,
}

impl DateTotals {
    /// Counts the rows of one user, by hour.
    pub fn add(&mut self, user: &str, key: &DigestKey, rows: &[PresenceRow]) {
        let (mut events, mut hours) = (0, 0);
        for of_hour in rows.chunk_by(|a, b| a.hour == b.hour) {
            let in_hour: u64 = of_hour.iter().map(|row| row.count).sum();
            *self.hours.entry(of_hour[0].hour.of_date()).or_default() += in_hour;
            events += in_hour;
            hours += 1;
        }
        for row in rows {
            let cell = row.cell as usize;
            if cell >= self.cells.len() {
                self.cells.resize(cell + 1, 0);
            }
            self.cells[cell] += row.count;
        }
        self.rows += rows.len() as u64;
        self.add_user(hours, events, key.digest(user));
    }

    /// Counts one user with its number of hours and events.
    pub fn add_user(&mut self, hours: u32, events: u64, digest: UserDigest) {
        self.events += events;
        *self.users_by_hours.entry(hours).or_default() += 1;
        *self.users_by_events.entry(events).or_default() += 1;
        self.digests.push(digest);
    }

    pub fn merge(&mut self, other: DateTotals) {
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.events += other.events;
        for (hour, events) in other.hours {
            *self.hours.entry(hour).or_default() += events;
        }
        for (hours, users) in other.users_by_hours {
            *self.users_by_hours.entry(hours).or_default() += users;
        }
        for (events, users) in other.users_by_events {
            *self.users_by_events.entry(events).or_default() += users;
        }
        if self.cells.len() < other.cells.len() {
            self.cells.resize(other.cells.len(), 0);
        }
        for (all, more) in self.cells.iter_mut().zip(&other.cells) {
            *all += more;
        }
        self.digests.extend(other.digests);
    }

    /// Users by number of events.
    pub fn users_by_events(&self) -> BTreeMap<u64, u64> {
        self.users_by_events.iter().map(|(events, users)| (*events, *users)).collect()
    }
}

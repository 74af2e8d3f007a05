//! Dense numbers for user ids, each with the open run of that user.
//!
//! One cache line holds a user's id and open run, so that finding the user and counting the event touch
//! the same memory. Events of one user mostly stay at one cell within the hour, so an open run accepts
//! most events before it has to be flushed to the buffer.

use foldhash::fast::FixedState;
use std::hash::BuildHasher;

use super::run_buffer::RunBuffer;
use crate::checks::open_run::{Added, OpenRun, RunLimits};
use crate::domain::id_slot::IdSlot;
use crate::domain::ids::{UserKey, has_nul};
use crate::domain::time::SpanHour;
use crate::runtime::cache::prefetch;

/// Longest id inside the cache line, bytes.
const INLINE: usize = 32;
/// Ids that are looked up together: their cache misses overlap, because no look-up waits for another.
const LOOKUP_BATCH: usize = 256;
/// The bit of `len` that is set for text.
const TEXT: u32 = 1 << 31;

#[repr(align(64))]
#[derive(Clone, Copy)]
struct User {
    /// The id; for ids longer than [`INLINE`] bytes, their offset in the arena (first 8 bytes).
    key: [u8; INLINE],
    len: u32,
    open: OpenRun,
}

/// Interns user ids and counts their events.
pub struct UserIds {
    users: Vec<User>,
    arena: Vec<u8>,
    /// Open addressing over (upper half of the hash, user + 1); 0 is empty.
    slots: Vec<u64>,
    mask: usize,
    hasher: FixedState,
    /// How many users can be numbered, and whether there were more.
    capacity: u32,
    is_full: bool,
}

impl Default for UserIds {
    fn default() -> Self {
        let size = 1 << 12;
        UserIds {
            users: Vec::new(),
            arena: Vec::new(),
            slots: vec![0; size],
            mask: size - 1,
            hasher: FixedState::default(),
            capacity: IdSlot::CAPACITY,
            is_full: false,
        }
    }
}

impl UserIds {
    pub fn len(&self) -> usize {
        self.users.len()
    }

    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Bytes that the users take, and will take after `more` of them.
    pub fn bytes(&self, more: usize) -> usize {
        let users = self.users.len() + more;
        let grows = users > self.users.capacity();
        let records = if grows { 2 * users } else { self.users.capacity() };
        // while the slots grow, there are the old and the new ones
        let slots = if 2 * users > self.slots.len() { 3 } else { 1 } * self.slots.len();
        records * size_of::<User>() + slots * size_of::<u64>() + self.arena.capacity()
    }

    /// True if an id could not be numbered, because all numbers were in use: its rows are then unknown.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// The dense number of an id.
    pub fn intern(&mut self, key: UserKey) -> IdSlot {
        if key.is_too_long() {
            return IdSlot::TOO_LONG;
        }
        let (bytes, flag) = match key {
            UserKey::Bytes(bytes) => (bytes, 0),
            UserKey::Text(text) => (text.as_bytes(), TEXT),
        };
        let hash = self.hasher.hash_one(bytes);
        let mut at = hash as usize & self.mask;
        let len = bytes.len() as u32 | flag;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                // ids that are known have passed this
                if matches!(key, UserKey::Text(text) if has_nul(text)) {
                    return IdSlot::WITH_NUL;
                }
                if self.users.len() >= self.capacity as usize {
                    self.is_full = true;
                    return IdSlot::MISSING;
                }
                return IdSlot::new(self.insert(bytes, len, hash, at));
            }
            if slot >> 32 == hash >> 32 {
                let id = slot as u32 - 1;
                let user = &self.users[id as usize];
                if user.len == len && self.bytes_of(user) == bytes {
                    return IdSlot::new(id);
                }
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Appends the dense numbers of `rows` binary ids; an id that is null or empty is missing.
    ///
    /// First all hashes, then all slots, then all users: each pass asks for what the next one reads, so
    /// that the cache misses of many rows overlap with each other and with the computation. Looked up one
    /// by one, they would take most of the time of the stage.
    pub fn intern_all<'a>(
        &mut self,
        rows: usize,
        id: impl Fn(usize) -> Option<&'a [u8]>,
        out: &mut Vec<IdSlot>,
    ) {
        let mut hashes = [0u64; LOOKUP_BATCH];
        let mut found = [0u32; LOOKUP_BATCH];
        for start in (0..rows).step_by(LOOKUP_BATCH) {
            let count = LOOKUP_BATCH.min(rows - start);
            for (k, hash) in hashes[..count].iter_mut().enumerate() {
                *hash = id(start + k).map_or(0, |bytes| self.hasher.hash_one(bytes));
                prefetch(&self.slots[*hash as usize & self.mask]);
            }
            for (hash, number) in hashes[..count].iter().zip(&mut found) {
                let mut at = *hash as usize & self.mask;
                let mut slot = self.slots[at];
                while slot != 0 && slot >> 32 != hash >> 32 {
                    at = (at + 1) & self.mask;
                    slot = self.slots[at];
                }
                *number = (slot as u32).wrapping_sub(1);
                if let Some(user) = self.users.get(*number as usize) {
                    prefetch(user);
                }
            }
            let first = out.len();
            let mut unknown = false;
            for (k, number) in found[..count].iter().enumerate() {
                let known = match (id(start + k), self.users.get(*number as usize)) {
                    (Some(bytes), Some(user)) => {
                        user.len == bytes.len() as u32 && self.is_key(user, bytes)
                    }
                    _ => false,
                };
                unknown |= !known;
                out.push(if known { IdSlot::new(*number) } else { IdSlot::MISSING });
            }
            if unknown {
                for (k, number) in out[first..].iter_mut().enumerate() {
                    if *number == IdSlot::MISSING
                        && let Some(bytes) = id(start + k).filter(|bytes| !bytes.is_empty())
                    {
                        *number = self.intern(UserKey::Bytes(bytes));
                    }
                }
            }
        }
    }

    /// For binary ids of the same length.
    #[inline]
    fn is_key(&self, user: &User, bytes: &[u8]) -> bool {
        // ids of the usual length are compared without a function call
        match <&[u8; INLINE]>::try_from(bytes) {
            Ok(key) => user.key == *key,
            Err(_) => self.bytes_of(user) == bytes,
        }
    }

    fn insert(&mut self, bytes: &[u8], len: u32, hash: u64, at: usize) -> u32 {
        let id = self.users.len() as u32;
        let mut key = [0; INLINE];
        if bytes.len() <= INLINE {
            key[..bytes.len()].copy_from_slice(bytes);
        } else {
            key[..8].copy_from_slice(&(self.arena.len() as u64).to_le_bytes());
            self.arena.extend_from_slice(bytes);
        }
        self.users.push(User { key, len, open: OpenRun::default() });
        self.slots[at] = (hash >> 32) << 32 | u64::from(id + 1);
        if self.users.len() * 2 > self.slots.len() {
            self.grow();
        }
        id
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        self.slots = vec![0; size];
        self.mask = size - 1;
        for (id, user) in self.users.iter().enumerate() {
            let hash = self.hasher.hash_one(self.bytes_of(user));
            let mut at = hash as usize & self.mask;
            while self.slots[at] != 0 {
                at = (at + 1) & self.mask;
            }
            self.slots[at] = (hash >> 32) << 32 | (id as u64 + 1);
        }
    }

    fn bytes_of<'a>(&'a self, user: &'a User) -> &'a [u8] {
        let len = (user.len & !TEXT) as usize;
        if len <= INLINE {
            &user.key[..len]
        } else {
            let mut place = [0; 8];
            place.copy_from_slice(&user.key[..8]);
            let start = u64::from_le_bytes(place) as usize;
            &self.arena[start..start + len]
        }
    }

    /// Length of an id, bytes.
    pub fn length(&self, id: u32) -> u32 {
        self.users[id as usize].len & !TEXT
    }

    /// The id behind a dense number.
    pub fn key(&self, id: u32) -> UserKey<'_> {
        let user = &self.users[id as usize];
        let bytes = self.bytes_of(user);
        if user.len & TEXT == 0 {
            return UserKey::Bytes(bytes);
        }
        // text was interned as text
        std::str::from_utf8(bytes).map_or(UserKey::Bytes(bytes), UserKey::Text)
    }

    /// Counts one event at `us` microseconds into `hour`; a run that it ends goes to `buffer`.
    /// Returns false for a duplicate of the event before it, which is left out.
    #[inline]
    pub fn count(
        &mut self,
        id: u32,
        (hour, cell, us): (SpanHour, u32, u32),
        row_group: u32,
        limits: RunLimits,
        buffer: &mut RunBuffer,
    ) -> bool {
        let open = &mut self.users[id as usize].open;
        match open.add((hour, cell, us), row_group, limits) {
            Added::Accepted => true,
            Added::Duplicate => false,
            Added::Rejected => {
                let ended = std::mem::replace(open, OpenRun::new(hour, cell, us, row_group));
                flush(ended, id, buffer);
                true
            }
        }
    }

    /// Ends every open run.
    pub fn close(&mut self, buffer: &mut RunBuffer) {
        for (id, user) in self.users.iter_mut().enumerate() {
            flush(std::mem::take(&mut user.open), id as u32, buffer);
        }
    }
}

#[inline]
fn flush(run: OpenRun, user: u32, buffer: &mut RunBuffer) {
    if let Some(run) = run.close(user) {
        buffer.push(user, run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::open_run::RunPolicy;
    use crate::domain::ids::MAX_ID_BYTES;

    #[test]
    fn ids_of_every_length_keep_their_numbers() {
        let mut users = UserIds::default();
        let ids: Vec<Vec<u8>> =
            (0..20_000u32).map(|i| i.to_le_bytes().repeat(1 + i as usize % 12)).collect();
        let numbers: Vec<IdSlot> = ids.iter().map(|b| users.intern(UserKey::Bytes(b))).collect();
        assert_eq!(numbers, (0..20_000).map(IdSlot::new).collect::<Vec<_>>());
        let mut together = Vec::new();
        let mut fresh = UserIds::default();
        let some = |i: usize| (i % 7 != 3).then(|| ids[i % ids.len()].as_slice());
        fresh.intern_all(2 * ids.len(), some, &mut together);
        for (i, number) in together.iter().enumerate() {
            match some(i) {
                None => assert_eq!(*number, IdSlot::MISSING),
                Some(id) => {
                    assert_eq!(fresh.key(number.number().unwrap()), UserKey::Bytes(id));
                }
            }
        }
        assert_eq!(fresh.len(), 20_000, "each id once: all rows of the second round are known");
        fresh.intern_all(2, |i| [Some(&[][..]), None][i], &mut together);
        assert_eq!(together[together.len() - 2..], [IdSlot::MISSING; 2]);
        for (id, number) in ids.iter().zip(numbers) {
            assert_eq!(users.intern(UserKey::Bytes(id)), number);
            assert_eq!(users.key(number.number().unwrap()), UserKey::Bytes(id));
        }
    }

    #[test]
    fn events_become_runs_by_the_policy() {
        let hour = SpanHour::default();
        let runs = |policy| {
            let limits = RunLimits { policy, max_gap_us: u32::MAX };
            let (mut users, mut buffer) = (UserIds::default(), RunBuffer::default());
            let user = users.intern(UserKey::Bytes(b"u")).number().unwrap();
            let counted =
                [5, 7, 7, 6].map(|us| users.count(user, (hour, 1, us), 0, limits, &mut buffer));
            users.close(&mut buffer);
            buffer.sort_by_user();
            let runs = buffer.of(user).map(|r| (r.first_us, r.last_us, r.count));
            (counted, runs.collect::<Vec<_>>())
        };
        assert_eq!(runs(RunPolicy::Unordered), ([true; 4], vec![(5, 7, 4)]));
        assert_eq!(runs(RunPolicy::NonDecreasing), ([true; 4], vec![(5, 7, 3), (6, 6, 1)]));
        assert_eq!(runs(RunPolicy::Dedup), ([true, true, false, true], vec![(5, 7, 2), (6, 6, 1)]));
    }

    #[test]
    fn id_without_a_free_number_is_noted() {
        let mut users = UserIds { capacity: 2, ..UserIds::default() };
        let numbers = ["a", "b", "a"].map(|id| users.intern(UserKey::Text(id)));
        assert_eq!((numbers, users.is_full()), ([0, 1, 0].map(IdSlot::new), false));
        assert_eq!(users.intern(UserKey::Text("c")), IdSlot::MISSING);
        assert!(users.is_full());
    }

    #[test]
    fn id_that_is_too_long_gets_no_number() {
        let mut users = UserIds::default();
        let longest = "x".repeat(MAX_ID_BYTES);
        assert_eq!(users.intern(UserKey::Text(&longest)), IdSlot::new(0));
        assert_eq!(users.intern(UserKey::Text(&(longest.clone() + "x"))), IdSlot::TOO_LONG);
        // the text of a binary id has two digits for each byte
        let binary = longest.as_bytes();
        let mut slots = Vec::new();
        users.intern_all(2, |row| Some([binary, &binary[..MAX_ID_BYTES / 2]][row]), &mut slots);
        assert_eq!(slots, [IdSlot::TOO_LONG, IdSlot::new(1)]);
        assert_eq!(users.len(), 2);
    }

    #[test]
    fn bytes_and_text_of_the_same_octets_are_two_ids() {
        let mut users = UserIds::default();
        let bytes = users.intern(UserKey::Bytes(b"u1"));
        let text = users.intern(UserKey::Text("u1"));
        assert_ne!(bytes, text);
        assert_eq!(users.key(text.number().unwrap()), UserKey::Text("u1"));
    }
}

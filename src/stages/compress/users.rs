//! Dense numbers for user ids, each with the run that is being counted for that user.
//!
//! One cache line holds a user's id and its open run: finding the user and counting the
//! event touch the same memory. Events of one user mostly stay at one cell within the hour, so an
//! open run absorbs most events before it has to be put down.

use foldhash::fast::FixedState;
use std::hash::BuildHasher;

use super::group::{BatchHour, Pile, Run};
use crate::domain::ids::UserKey;
use crate::events::MISSING_ID;

/// Longest id that is kept inside the cache line, bytes.
const INLINE: usize = 32;
/// Ids looked up together. Their cache misses overlap, because no look-up waits for another.
const TOGETHER: usize = 256;
/// Stands for a null or empty user id.
pub const NO_USER: u32 = MISSING_ID;
/// Stands for a user id that is not as the config says; no number is as high.
pub const MALFORMED: u32 = u32::MAX - 1;
/// Marks text ids in `len`.
const TEXT: u32 = 1 << 31;

#[repr(align(64))]
#[derive(Clone, Copy)]
struct User {
    /// The id, or for ids over [`INLINE`] bytes their place in the arena (first 8 bytes).
    key: [u8; INLINE],
    len: u32,
    open: Open,
}

/// The run under way; `count` 0 says there is none.
#[derive(Clone, Copy)]
struct Open {
    hour: BatchHour,
    cell: u32,
    source: u32,
    first_us: u32,
    last_us: u32,
    count: u32,
}

/// What happened to an event that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It belongs to a run.
    Once,
    /// It repeats the event before it and was passed over.
    Again,
}

/// Which events a run takes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Any of the same hour and cell: nobody asks for their order.
    #[default]
    Any,
    /// Not earlier than the one before.
    Rising,
    /// Later than the one before; one at the same instant is the same event again.
    Once,
}

/// Interns user ids and counts their events.
pub struct Users {
    users: Vec<User>,
    arena: Vec<u8>,
    /// Open addressing over (upper half of the hash, user + 1); 0 is empty.
    slots: Vec<u64>,
    mask: usize,
    hasher: FixedState,
}

impl Default for Users {
    fn default() -> Self {
        let size = 1 << 12;
        Users {
            users: Vec::new(),
            arena: Vec::new(),
            slots: vec![0; size],
            mask: size - 1,
            hasher: FixedState::default(),
        }
    }
}

impl Users {
    pub fn len(&self) -> usize {
        self.users.len()
    }

    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The dense number of an id.
    pub fn intern(&mut self, key: UserKey) -> u32 {
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
                return self.insert(bytes, len, hash, at);
            }
            if slot >> 32 == hash >> 32 {
                let id = slot as u32 - 1;
                let user = &self.users[id as usize];
                if user.len == len && self.bytes_of(user) == bytes {
                    return id;
                }
            }
            at = (at + 1) & self.mask;
        }
    }

    /// The dense numbers of `rows` binary ids, [`NO_USER`] where there is none.
    ///
    /// First all hashes, then all slots, then all users: each pass only loads, without a branch
    /// that waits for what it loaded, so that the cache misses of many rows overlap. One by one
    /// they are most of the time that compress takes.
    pub fn intern_all<'a>(
        &mut self,
        rows: usize,
        id: impl Fn(usize) -> Option<&'a [u8]>,
        out: &mut Vec<u32>,
    ) {
        let mut hashes = [0u64; TOGETHER];
        let mut found = [0u64; TOGETHER];
        let mut lengths = [0u32; TOGETHER];
        for start in (0..rows).step_by(TOGETHER) {
            let count = TOGETHER.min(rows - start);
            for (k, hash) in hashes[..count].iter_mut().enumerate() {
                *hash = id(start + k).map_or(0, |bytes| self.hasher.hash_one(bytes));
            }
            for (hash, slot) in hashes[..count].iter().zip(&mut found) {
                *slot = self.slots[*hash as usize & self.mask];
            }
            for (hash, slot) in hashes[..count].iter().zip(&mut found) {
                let mut at = *hash as usize & self.mask;
                while *slot != 0 && *slot >> 32 != hash >> 32 {
                    at = (at + 1) & self.mask;
                    *slot = self.slots[at];
                }
            }
            for (slot, length) in found[..count].iter().zip(&mut lengths) {
                let user = self.users.get((*slot as u32).wrapping_sub(1) as usize);
                *length = user.map_or(u32::MAX, |user| user.len);
            }
            let first = out.len();
            let mut unknown = false;
            for (k, (slot, length)) in found[..count].iter().zip(&lengths).enumerate() {
                let number = (*slot as u32).wrapping_sub(1);
                let known = match (id(start + k), self.users.get(number as usize)) {
                    (Some(bytes), Some(user)) => {
                        *length == bytes.len() as u32 && self.is_key(user, bytes)
                    }
                    _ => false,
                };
                unknown |= !known;
                out.push(if known { number } else { NO_USER });
            }
            if unknown {
                for (k, number) in out[first..].iter_mut().enumerate() {
                    if *number == NO_USER
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
        // the usual length is compared without a call
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
        let open = Open { hour: 0, cell: 0, source: 0, first_us: 0, last_us: 0, count: 0 };
        self.users.push(User { key, len, open });
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
        // text came in as text
        std::str::from_utf8(bytes).map_or(UserKey::Bytes(bytes), UserKey::Text)
    }

    /// Counts one event at `us` microseconds into `hour`; a run that it ends goes to `pile`.
    #[inline]
    pub fn count(
        &mut self,
        id: u32,
        (hour, cell, us): (BatchHour, u32, u32),
        source: u32,
        order: Order,
        pile: &mut Pile,
    ) -> Counted {
        let open = &mut self.users[id as usize].open;
        let same = open.hour == hour && open.cell == cell && open.source == source;
        if same && open.count != 0 && open.count != u32::MAX {
            if us > open.last_us || (us == open.last_us && order == Order::Rising) {
                open.last_us = us;
                open.count += 1;
                return Counted::Once;
            }
            if order == Order::Any {
                open.first_us = open.first_us.min(us);
                open.count += 1;
                return Counted::Once;
            }
            if us == open.last_us {
                return Counted::Again;
            }
        }
        let next = Open { hour, cell, source, first_us: us, last_us: us, count: 1 };
        std::mem::replace(open, next).put_down(id, pile);
        Counted::Once
    }

    /// Ends every open run.
    pub fn close(&mut self, pile: &mut Pile) {
        for (id, user) in self.users.iter_mut().enumerate() {
            user.open.put_down(id as u32, pile);
            user.open.count = 0;
        }
    }
}

impl Open {
    #[inline]
    fn put_down(self, user: u32, pile: &mut Pile) {
        if self.count != 0 {
            let first = Run::event(user, self.hour, self.cell, self.first_us, self.source);
            pile.push(user, Run { last_us: self.last_us, count: self.count, ..first });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_ids_of_any_length_keep_their_numbers() {
        let mut users = Users::default();
        let ids: Vec<Vec<u8>> =
            (0..20_000u32).map(|i| i.to_le_bytes().repeat(1 + i as usize % 12)).collect();
        let numbers: Vec<u32> = ids.iter().map(|b| users.intern(UserKey::Bytes(b))).collect();
        assert_eq!(numbers, (0..20_000).collect::<Vec<_>>());
        let mut together = Vec::new();
        let mut fresh = Users::default();
        let some = |i: usize| (i % 7 != 3).then(|| ids[i % ids.len()].as_slice());
        fresh.intern_all(2 * ids.len(), some, &mut together);
        for (i, number) in together.iter().enumerate() {
            match some(i) {
                None => assert_eq!(*number, NO_USER),
                Some(id) => assert_eq!(fresh.key(*number), UserKey::Bytes(id)),
            }
        }
        assert_eq!(fresh.len(), 20_000, "each id once: every row of the second round is known");
        fresh.intern_all(2, |i| [Some(&[][..]), None][i], &mut together);
        assert_eq!(together[together.len() - 2..], [NO_USER, NO_USER]);
        for (id, number) in ids.iter().zip(numbers) {
            assert_eq!(users.intern(UserKey::Bytes(id)), number);
            assert_eq!(users.key(number), UserKey::Bytes(id));
        }
    }

    #[test]
    fn a_run_takes_up_what_its_order_allows() {
        let runs = |order| {
            let (mut users, mut pile) = (Users::default(), Pile::default());
            let user = users.intern(UserKey::Bytes(b"u"));
            let counted = [5, 7, 7, 6].map(|us| users.count(user, (0, 1, us), 0, order, &mut pile));
            users.close(&mut pile);
            pile.sort_by_user();
            let runs = pile.of(user).iter().map(|r| (r.first_us, r.last_us, r.count));
            (counted.map(|c| c == Counted::Once), runs.collect::<Vec<_>>())
        };
        assert_eq!(runs(Order::Any), ([true; 4], vec![(5, 7, 4)]));
        assert_eq!(runs(Order::Rising), ([true; 4], vec![(5, 7, 3), (6, 6, 1)]));
        assert_eq!(runs(Order::Once), ([true, true, false, true], vec![(5, 7, 2), (6, 6, 1)]));
    }

    #[test]
    fn bytes_and_text_of_the_same_octets_are_two_ids() {
        let mut users = Users::default();
        let bytes = users.intern(UserKey::Bytes(b"u1"));
        let text = users.intern(UserKey::Text("u1"));
        assert_ne!(bytes, text);
        assert_eq!(users.key(text), UserKey::Text("u1"));
    }
}

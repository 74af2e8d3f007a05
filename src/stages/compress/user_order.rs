//! The order of users by canonical id.

use std::cmp::Ordering;

use super::user_ids::UserIds;
use crate::domain::ids;
use crate::domain::ids::{UserKey, user_text};

/// The first eight bytes of a user's canonical id, which decide most comparisons without a look at the
/// ids, and the number of the user.
pub type PrefixedUser = (u64, u32);

/// Compares ids by their canonical text. Lower-case hexadecimal sorts as the bytes do, so that text is
/// only needed to compare bytes with text.
pub fn compare(a: UserKey, b: UserKey) -> Ordering {
    match (a, b) {
        (UserKey::Bytes(a), UserKey::Bytes(b)) => a.cmp(b),
        (UserKey::Text(a), UserKey::Text(b)) => a.cmp(b),
        (a, b) => user_text(a).cmp(&user_text(b)),
    }
}

/// The first eight bytes of the canonical text, as a number with the same order.
fn prefix(key: UserKey) -> u64 {
    let id = match key {
        UserKey::Text(text) => return ids::beginning(text),
        UserKey::Bytes(id) => id,
    };
    let mut bytes = [0; 8];
    for (pair, byte) in bytes.chunks_exact_mut(2).zip(id) {
        let digit = |d: u8| if d < 10 { b'0' + d } else { b'a' + d - 10 };
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    u64::from_be_bytes(bytes)
}

/// The users by canonical id.
pub fn sorted_users(users: &UserIds) -> Vec<PrefixedUser> {
    let key = |id| users.key(id);
    let mut all: Vec<PrefixedUser> =
        (0..users.len() as u32).map(|id| (prefix(key(id)), id)).collect();
    all.sort_unstable_by(|(a, x), (b, y)| a.cmp(b).then_with(|| compare(key(*x), key(*y))));
    all
}

/// A copy of a user id, in the order of canonical ids.
#[derive(Debug, Clone, Default)]
pub struct OwnedKey {
    prefix: u64,
    is_text: bool,
    id: Vec<u8>,
}

impl OwnedKey {
    pub fn new(key: UserKey) -> Self {
        let mut owned = OwnedKey::default();
        owned.set(key);
        owned
    }

    /// Becomes a copy of this id.
    pub fn set(&mut self, key: UserKey) {
        let (id, is_text) = match key {
            UserKey::Bytes(id) => (id, false),
            UserKey::Text(id) => (id.as_bytes(), true),
        };
        self.id.clear();
        self.id.extend_from_slice(id);
        (self.prefix, self.is_text) = (prefix(key), is_text);
    }

    pub fn key(&self) -> UserKey<'_> {
        let text = if self.is_text { std::str::from_utf8(&self.id).ok() } else { None };
        text.map_or(UserKey::Bytes(&self.id), UserKey::Text)
    }
}

impl Ord for OwnedKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.prefix.cmp(&other.prefix).then_with(|| match self.is_text == other.is_text {
            true => self.id.cmp(&other.id),
            false => compare(self.key(), other.key()),
        })
    }
}

impl PartialOrd for OwnedKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for OwnedKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for OwnedKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_text_of_one_canonical_id_are_equal() {
        let [a, b] = [UserKey::Bytes(&[0xab]), UserKey::Text("ab")].map(OwnedKey::new);
        assert_eq!((&a, a.key(), b.key()), (&b, UserKey::Bytes(&[0xab]), UserKey::Text("ab")));
        let mut keys = ["ac", "ab0", "x"].map(|text| OwnedKey::new(UserKey::Text(text)));
        keys.sort();
        assert_eq!(keys.each_ref().map(OwnedKey::key), ["ab0", "ac", "x"].map(UserKey::Text));
        assert!(a < keys[0] && OwnedKey::new(UserKey::Bytes(&[0xac, 0])) > keys[1]);
    }
}

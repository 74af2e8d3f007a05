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

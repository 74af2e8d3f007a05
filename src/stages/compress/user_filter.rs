//! A set of users in a fixed amount of memory, which may contain some that were not added.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::domain::ids::{UserKey, user_text};

const BITS: usize = 1 << 23;

/// A Bloom filter with two bits for each user.
#[derive(Debug, Default)]
pub struct UserFilter {
    /// Empty as long as no user was added.
    words: Vec<u64>,
}

impl UserFilter {
    fn bits(key: UserKey) -> [usize; 2] {
        // by the canonical text, which an id may have as bytes in one file and as text in another
        let hash = FixedState::default().hash_one(user_text(key).as_bytes());
        [hash as usize % BITS, (hash >> 32) as usize % BITS]
    }

    pub fn add(&mut self, key: UserKey) {
        self.words.resize(BITS / 64, 0);
        Self::bits(key).into_iter().for_each(|bit| self.words[bit / 64] |= 1 << (bit % 64));
    }

    /// True for users that were added, and for a few others.
    pub fn contains(&self, key: UserKey) -> bool {
        let is_set =
            |bit: usize| self.words.get(bit / 64).is_some_and(|w| w >> (bit % 64) & 1 == 1);
        !self.words.is_empty() && Self::bits(key).into_iter().all(is_set)
    }

    pub fn merge(&mut self, other: UserFilter) {
        if self.words.is_empty() {
            *self = other;
            return;
        }
        self.words.iter_mut().zip(other.words).for_each(|(all, more)| *all |= more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_that_were_added_are_found_in_every_form_and_few_others() {
        let (mut filter, mut other) = (UserFilter::default(), UserFilter::default());
        assert!(!filter.contains(UserKey::Text("a")));
        filter.add(UserKey::Bytes(&[0xab, 0x01]));
        (0..1_000).for_each(|n| other.add(UserKey::Text(&format!("u{n}"))));
        filter.merge(other);
        assert!(filter.contains(UserKey::Text("ab01")));
        assert!((0..1_000).all(|n| filter.contains(UserKey::Text(&format!("u{n}")))));
        let wrong = (0..1_000).filter(|n| filter.contains(UserKey::Text(&format!("v{n}")))).count();
        assert!(wrong < 10, "{wrong}");
    }
}

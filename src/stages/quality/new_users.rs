//! Users of a date that were not seen on the dates before it, or are seen again after it.

use anyhow::Result;

use crate::datasets::day_record::{UserDigest, UserDigests};

/// Counts the users of `today`, and those among them that are in none of `before`. All lists are
/// in ascending order, so they are merged without being held in memory.
///
/// # Errors
/// A list that cannot be read.
pub fn count(mut today: UserDigests, before: Vec<UserDigests>) -> Result<(u64, u64)> {
    let mut before = before.into_iter().map(Cursor::new).collect::<Result<Vec<_>>>()?;
    let mut new = 0;
    while let Some(user) = today.next_user()? {
        let mut seen = false;
        for list in &mut before {
            seen |= list.advance_to(&user)?;
        }
        new += u64::from(!seen);
    }
    Ok((today.count, new))
}

/// Counts the users of `today` who are in `later` as well; both are in ascending order.
///
/// # Errors
/// A list that cannot be read.
pub fn count_again(mut today: UserDigests, later: UserDigests) -> Result<u64> {
    let mut later = Cursor::new(later)?;
    let mut again = 0;
    while let Some(user) = today.next_user()? {
        again += u64::from(later.advance_to(&user)?);
    }
    Ok(again)
}

/// A list and its next user.
struct Cursor {
    users: UserDigests,
    next: Option<UserDigest>,
}

impl Cursor {
    fn new(mut users: UserDigests) -> Result<Self> {
        let next = users.next_user()?;
        Ok(Cursor { users, next })
    }

    /// Skips smaller users; true if `user` is next.
    fn advance_to(&mut self, user: &UserDigest) -> Result<bool> {
        while self.next.as_ref().is_some_and(|next| next < user) {
            self.next = self.users.next_user()?;
        }
        Ok(self.next.as_ref() == Some(user))
    }
}

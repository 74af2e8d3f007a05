//! Users of a date who were not seen on the dates before it.

use anyhow::Result;

use super::records::{UserDigest, Users};

/// Counts the users of `today`, and those among them who are in none of `before`; all lists
/// ascend, so that they are gone through side by side, whatever their length.
///
/// # Errors
/// What the lists meet.
pub fn count(mut today: Users, before: Vec<Users>) -> Result<(u64, u64)> {
    let mut before = before.into_iter().map(Ahead::new).collect::<Result<Vec<_>>>()?;
    let mut new = 0;
    while let Some(user) = today.next_user()? {
        let mut seen = false;
        for list in &mut before {
            seen |= list.reaches(&user)?;
        }
        new += u64::from(!seen);
    }
    Ok((today.count, new))
}

/// A list with the user that comes next.
struct Ahead {
    users: Users,
    next: Option<UserDigest>,
}

impl Ahead {
    fn new(mut users: Users) -> Result<Self> {
        let next = users.next_user()?;
        Ok(Ahead { users, next })
    }

    /// Goes on until `user`; true when it is there.
    fn reaches(&mut self, user: &UserDigest) -> Result<bool> {
        while self.next.as_ref().is_some_and(|next| next < user) {
            self.next = self.users.next_user()?;
        }
        Ok(self.next.as_ref() == Some(user))
    }
}

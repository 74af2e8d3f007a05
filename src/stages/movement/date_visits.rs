//! The visits of the users of a date, whose files hold ranges of users.

use std::path::PathBuf;
use std::vec::IntoIter;

use anyhow::Result;

use crate::datasets::visits::{UserVisits, VisitsReader};
use crate::movement::Visit;

/// Gives the visits of users that are asked for in the order of their ids.
pub struct DateVisits {
    files: IntoIter<PathBuf>,
    /// The first user that is asked for.
    from: String,
    reader: Option<VisitsReader>,
    user: UserVisits,
}

impl DateVisits {
    /// The visits in files, in order, of users from `from` on.
    pub fn new(files: Vec<PathBuf>, from: &str) -> Self {
        DateVisits {
            files: files.into_iter(),
            from: from.to_owned(),
            reader: None,
            user: UserVisits::default(),
        }
    }

    /// The visits of a user; none if there are none.
    ///
    /// # Errors
    /// A file that is damaged.
    pub fn of(&mut self, user: &str) -> Result<&[Visit]> {
        while self.user.user.as_str() < user && self.next()? {}
        Ok(if self.user.user == user { &self.user.visits } else { &[] })
    }

    /// Reads the next user; false at the end.
    fn next(&mut self) -> Result<bool> {
        loop {
            if let Some(reader) = &mut self.reader
                && reader.next_user(&mut self.user)?
            {
                return Ok(true);
            }
            let Some(file) = self.files.next() else { return Ok(false) };
            self.reader = Some(VisitsReader::open(&file, Some(&self.from))?);
        }
    }
}

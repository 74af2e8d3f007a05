//! The users of a date: `2024-10-01.users` holds one digest per user, in ascending order.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// Digest of a user id, see [`DigestKey::digest`](super::DigestKey::digest).
pub type UserDigest = [u8; 16];

const BUFFER_BYTES: usize = 1 << 18;

/// Reads the users of one date one by one.
pub struct UserDigests {
    file: BufReader<File>,
    path: PathBuf,
    last: Option<UserDigest>,
    /// Users read so far.
    pub count: u64,
}

impl UserDigests {
    /// Opens a file of user digests.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| {
            format!("cannot read {}; `mobility compress --force` rewrites it", path.display())
        })?;
        let file = BufReader::with_capacity(BUFFER_BYTES, file);
        Ok(UserDigests { file, path: path.to_owned(), last: None, count: 0 })
    }

    /// The next user; `None` at the end of the file.
    ///
    /// # Errors
    /// A file that is truncated or not in ascending order.
    pub fn next_user(&mut self) -> Result<Option<UserDigest>> {
        let mut user = UserDigest::default();
        let damaged = |what: &str| {
            format!("{} {what}; `mobility compress --force` rewrites it", self.path.display())
        };
        let mut filled = 0;
        while filled < user.len() {
            match self.file.read(&mut user[filled..]).with_context(|| damaged("cannot be read"))? {
                0 if filled == 0 => return Ok(None),
                0 => bail!(damaged("is truncated")),
                more => filled += more,
            }
        }
        ensure!(self.last.is_none_or(|last| last < user), damaged("is not in ascending order"));
        self.last = Some(user);
        self.count += 1;
        Ok(Some(user))
    }
}

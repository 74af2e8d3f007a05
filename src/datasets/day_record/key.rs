//! The key of the digests of user ids.
//!
//! Ids made from numbers, such as hashes of telephone numbers, can be found by hashing every number, so a
//! digest without a key would be as good as the id. The key is a file beside the outputs, which are made
//! to stay on the same machines; whoever has only the records cannot look an id up.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::users::UserDigest;
use crate::domain::ids::{hex, push_bytes};
use crate::storage::atomic::{AtomicFile, sync_folder};

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Only the owner may read a key, whatever `output.mode` grants to a group.
const MODE: u32 = 0o600;
/// What the id of a key is computed from. Digests are computed from texts of another length.
const ID_TEXT: &[u8] = b"mobility: id of this key";
/// Bytes of the id of a key.
const ID_BYTES: usize = 8;

/// A key, ready for use.
#[derive(Clone)]
pub struct DigestKey {
    mac: Hmac<Sha256>,
    id: String,
}

impl DigestKey {
    fn new(key: &[u8; KEY_BYTES]) -> Result<Self> {
        let mac = Hmac::<Sha256>::new_from_slice(key).context("a key of digests")?;
        let id = mac.clone().chain_update(ID_TEXT).finalize().into_bytes();
        Ok(DigestKey { mac, id: hex(&id[..ID_BYTES]) })
    }

    /// Identifies the key without telling anything about it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The digest of a user id in its canonical form: the beginning of the HMAC-SHA256 of
    /// [`unkeyed_digest`].
    pub fn digest(&self, user: &str) -> UserDigest {
        self.add_to(&unkeyed_digest(user))
    }

    /// The digest of the user with this unkeyed digest, which earlier versions of the program stored.
    pub fn add_to(&self, unkeyed: &UserDigest) -> UserDigest {
        beginning(&self.mac.clone().chain_update(unkeyed).finalize().into_bytes())
    }

    /// Reads a key; `None` if there is no file. A file that others can read is closed to them.
    ///
    /// # Errors
    /// A file that cannot be read or is not a key.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let _ = fs::set_permissions(path, Permissions::from_mode(MODE));
        match parse(&text) {
            Some(key) => DigestKey::new(&key).map(Some),
            None => bail!(
                "{} is not a key of {KEY_BYTES} bytes in hexadecimal digits; restore it from a backup, or \
                 remove it and run `mobility compress --force`, which creates a new key and every record",
                path.display()
            ),
        }
    }

    /// Creates a key, which appears completely or not at all and never replaces another.
    ///
    /// # Errors
    /// A folder that is not writable; a key that exists already.
    pub fn create(path: &Path) -> Result<Self> {
        let key: [u8; KEY_BYTES] = rand::random();
        let context = || format!("cannot write {}", path.display());
        let unfinished = AtomicFile::new(path)?;
        let options = OpenOptions::new().write(true).create_new(true).mode(MODE).to_owned();
        let mut file: File = options.open(unfinished.path()).with_context(context)?;
        file.write_all(format!("{}\n", hex(&key)).as_bytes()).with_context(context)?;
        file.sync_all().with_context(context)?;
        // a link fails where a rename would replace
        fs::hard_link(unfinished.path(), path).with_context(context)?;
        sync_folder(path)?;
        DigestKey::new(&key)
    }
}

/// The digest of a user id without a key, which can be looked up if the id can be guessed.
fn unkeyed_digest(user: &str) -> UserDigest {
    beginning(&Sha256::digest(user))
}

fn beginning(bytes: &[u8]) -> UserDigest {
    let mut digest = UserDigest::default();
    let length = digest.len();
    digest.copy_from_slice(&bytes[..length]);
    digest
}

fn parse(text: &[u8]) -> Option<[u8; KEY_BYTES]> {
    let mut key = Vec::with_capacity(KEY_BYTES);
    push_bytes(std::str::from_utf8(text).ok()?.trim_end().as_bytes(), &mut key)?;
    key.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_hmac_of_the_digest_without_a_key() {
        let key = DigestKey::new(&[0x0b; KEY_BYTES]).unwrap();
        // hashed twice over by hand: SHA-256((key ^ 5c) SHA-256((key ^ 36) SHA-256("u")[..16]))
        let pad = |with: u8| {
            let mut block = [with; 64];
            block[..KEY_BYTES].iter_mut().for_each(|byte| *byte ^= 0x0b);
            block
        };
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(&Sha256::digest("u")[..16]);
        let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner.finalize());
        assert_eq!(key.digest("u"), outer.finalize()[..16]);
        assert_ne!(key.digest("u"), DigestKey::new(&[1; KEY_BYTES]).unwrap().digest("u"));
    }

    #[test]
    fn a_key_is_created_once_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.key");
        assert!(DigestKey::read(&path).unwrap().is_none());
        let created = DigestKey::create(&path).unwrap();
        DigestKey::create(&path).err().expect("a key is not replaced");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let read = DigestKey::read(&path).unwrap().unwrap();
        assert_eq!((read.id(), read.digest("u")), (created.id(), created.digest("u")));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 1, "no temporary file remains");
        for damaged in ["", "12", &"x".repeat(64)] {
            fs::write(&path, damaged).unwrap();
            let error = DigestKey::read(&path).err().unwrap().to_string();
            assert!(error.contains("is not a key") && error.contains("--force"), "{error}");
        }
    }
}

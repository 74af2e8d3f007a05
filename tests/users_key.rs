//! The digests of user ids in the records of dates have a key.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::harness::{Workspace, mini_events};

const DATES: [&str; 2] = ["2024-10-01", "2024-10-02"];

/// The digests without a key of the users of a date, in order.
fn unkeyed(date: &str) -> Vec<[u8; 16]> {
    let of_date = |us: i64| {
        let time = chrono::DateTime::from_timestamp_micros(us).unwrap();
        time.date_naive().to_string() == date
    };
    let users: BTreeSet<String> = mini_events()
        .into_iter()
        .filter(|(_, _, us)| of_date(*us))
        .map(|(user, ..)| user.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    let digest = |user: &String| Sha256::digest(user)[..16].try_into().unwrap();
    let mut digests: Vec<[u8; 16]> = users.iter().map(digest).collect();
    digests.sort_unstable();
    digests
}

/// HMAC-SHA256 by its definition.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let pad = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

/// The digests that the file of the key gives for the users of a date.
fn keyed(work: &Workspace, date: &str) -> Vec<u8> {
    let text = work.read("processed/users.key");
    let text = text.trim();
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    let key: Vec<u8> = (0..text.len()).step_by(2).map(byte).collect();
    assert_eq!(key.len(), 32);
    let mut digests: Vec<Vec<u8>> =
        unkeyed(date).iter().map(|digest| hmac(&key, digest)[..16].to_vec()).collect();
    digests.sort_unstable();
    digests.concat()
}

fn users(work: &Workspace, date: &str) -> Vec<u8> {
    work.read_bytes(&format!("processed/days/{date}.users"))
}

/// Gives the records the form in which earlier versions of the program wrote them.
fn without_key(work: &Workspace) {
    work.remove("processed/users.key");
    for date in DATES {
        let name = format!("processed/days/{date}.json");
        let mut record: Value = serde_json::from_str(&work.read(&name)).unwrap();
        record.as_object_mut().unwrap().remove("users_key").expect("the record names its key");
        work.write(&name, record.to_string());
        work.write(&format!("processed/days/{date}.users"), unkeyed(date).concat());
    }
}

#[test]
fn digests_of_users_cannot_be_found_without_the_key() {
    let work = Workspace::mini();
    work.ok(&["compress"]);
    for date in DATES {
        assert_eq!(users(&work, date), keyed(&work, date));
        for digest in unkeyed(date) {
            assert!(!users(&work, date).chunks(16).any(|stored| stored == digest));
        }
    }
    let other = Workspace::mini();
    other.ok(&["compress"]);
    assert_ne!(other.read("processed/users.key"), work.read("processed/users.key"));
    // the same key is used again
    let key = work.read("processed/users.key");
    work.ok(&["compress", "--force"]);
    assert_eq!(work.read("processed/users.key"), key);
}

#[test]
fn records_of_an_earlier_version_get_a_key_and_lose_nothing() {
    let work = Workspace::mini();
    work.ok(&["run-all"]);
    let figures = || work.ok(&["query", "quality-daily", "--format", "csv"]);
    let before = figures();
    without_key(&work);
    // also without the raw files of the first date
    work.remove("raw/events/year=2024/month=10/day=1");
    work.ok(&["compress", "--since", "2024-10-02"]);
    for date in DATES {
        assert_eq!(users(&work, date), keyed(&work, date), "{date}");
    }
    work.ok(&["run-all", "--since", "2024-10-02"]);
    assert_eq!(figures(), before);
    assert!(before.lines().nth(2).unwrap().contains("2024-10-02"), "{before}");
}

#[test]
fn missing_or_foreign_key_is_an_error_that_names_the_remedy() {
    let work = Workspace::mini();
    work.ok(&["compress"]);
    let key = work.read("processed/users.key");
    work.add_late_event(1);
    work.remove("processed/users.key");
    let words = ["users.key is missing", "restore it", "compress --force"];
    work.fails(&["compress"], 1, &words);
    assert!(!work.path("processed/users.key").exists(), "no new key for old records");
    work.write("processed/users.key", "ab".repeat(32));
    work.fails(&["compress"], 1, &["is not the key", "restore it", "compress --force"]);
    work.write("processed/users.key", "no key");
    work.fails(&["compress"], 1, &["users.key is not a key", "compress --force"]);
    work.write("processed/users.key", &key);
    work.ok(&["compress"]);
    work.remove("processed/users.key");
    work.ok(&["compress", "--force"]);
    assert_ne!(work.read("processed/users.key"), key);
}

#[test]
fn lists_of_users_with_different_keys_are_not_compared() {
    let work = Workspace::mini();
    work.ok(&["run-all"]);
    let first = ["json", "users"].map(|end| {
        let name = format!("processed/days/2024-10-01.{end}");
        (name.clone(), work.read_bytes(&name))
    });
    work.remove("processed/users.key");
    work.ok(&["compress", "--force"]);
    for (name, bytes) in first {
        work.write(&name, bytes);
    }
    work.fails(&["quality", "--force"], 1, &["different keys", "mobility compress --force"]);
}

//! From the shares of all threads to rows in their final order.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use super::group::{Partial, merge};
use super::worker::Share;
use crate::ids::{self, UserKey, user_text};

/// The shares of a batch, with users and cells numbered so that numbers sort as the texts do.
pub struct Combined {
    shares: Vec<Share>,
    /// Every (share, number there), by canonical id; those of one user are neighbours.
    members: Vec<(u32, u32)>,
    /// Where in `members` each user begins, and the end.
    users: Vec<u32>,
    /// Canonical cell ids in byte order.
    pub cells: Vec<String>,
    /// For each share its cells' places in `cells`.
    ranks: Vec<Vec<u32>>,
}

/// Rows of one day, by user, hour and cell, each group once.
#[derive(Debug, Default)]
pub struct DayRows {
    pub rows: Vec<Partial>,
    /// Users and where their rows end.
    pub users: Vec<(u32, usize)>,
}

impl Combined {
    /// Number of users.
    pub fn users(&self) -> usize {
        self.users.len() - 1
    }

    /// Canonical text of a user.
    pub fn user(&self, number: u32) -> std::borrow::Cow<'_, str> {
        let (share, id) = self.members[self.users[number as usize] as usize];
        user_text(self.shares[share as usize].users.key(id))
    }

    /// The rows of some users by day of the batch, counted from 0.
    pub fn rows_of(&self, users: Range<usize>) -> BTreeMap<u32, DayRows> {
        let mut days: BTreeMap<u32, DayRows> = BTreeMap::new();
        let mut rows = Vec::new();
        for user in users {
            rows.clear();
            let members = self.users[user] as usize..self.users[user + 1] as usize;
            for &(share, id) in &self.members[members] {
                let ranks = &self.ranks[share as usize];
                let partials = self.shares[share as usize].pile.of(id);
                rows.extend(partials.iter().map(|p| p.at_cell(ranks[p.cell() as usize])));
            }
            merge(&mut rows);
            for of_day in rows.chunk_by(|a, b| a.hour() / 24 == b.hour() / 24) {
                let day = days.entry(of_day[0].hour() / 24).or_default();
                day.rows.extend_from_slice(of_day);
                day.users.push((user as u32, day.rows.len()));
            }
        }
        days
    }
}

/// Joins the shares: equal ids of two threads become one number.
pub fn combine(shares: Vec<Share>) -> Combined {
    let (members, users) = rank_users(&shares);
    let (cells, ranks) = rank_cells(&shares);
    Combined { shares, members, users, cells, ranks }
}

/// Orders ids by their canonical text. Lower-case hexadecimal sorts as the bytes do, so texts are
/// only made where bytes meet text.
fn compare(a: UserKey, b: UserKey) -> Ordering {
    match (a, b) {
        (UserKey::Bytes(a), UserKey::Bytes(b)) => a.cmp(b),
        (UserKey::Text(a), UserKey::Text(b)) => a.cmp(b),
        (a, b) => user_text(a).cmp(&user_text(b)),
    }
}

/// The first eight bytes of the canonical text, as a number that orders as they do.
fn beginning(key: UserKey) -> u64 {
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

/// A user of a share, led by the beginning of its id, which decides most comparisons without a look
/// at the ids themselves.
pub type Led = (u64, u32);

/// The users of a share by canonical id.
pub fn sorted_users(share: &Share) -> Vec<Led> {
    let key = |id| share.users.key(id);
    let mut all: Vec<Led> =
        (0..share.users.len() as u32).map(|id| (beginning(key(id)), id)).collect();
    all.sort_unstable_by(|(a, x), (b, y)| a.cmp(b).then_with(|| compare(key(*x), key(*y))));
    all
}

fn rank_users(shares: &[Share]) -> (Vec<(u32, u32)>, Vec<u32>) {
    let key = |(share, id): (u32, u32)| shares[share as usize].users.key(id);
    let led = |(s, share): (usize, &Share)| {
        let of_share = move |(led, id): &Led| (*led, (s as u32, *id));
        share.sorted_users.iter().map(of_share).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = shares.iter().enumerate().flat_map(led).collect();
    // each share is in order already, so that this sort has only to merge them
    all.sort_by(|(a, at), (b, bt)| a.cmp(b).then_with(|| compare(key(*at), key(*bt))));
    let mut users = Vec::new();
    for (i, (led, at)) in all.iter().enumerate() {
        let new = i.checked_sub(1).map(|before| all[before]).is_none_or(|(before, bt)| {
            before != *led || compare(key(bt), key(*at)) != Ordering::Equal
        });
        if new {
            users.push(i as u32);
        }
    }
    users.push(all.len() as u32);
    (all.into_iter().map(|(_, at)| at).collect(), users)
}

fn rank_cells(shares: &[Share]) -> (Vec<String>, Vec<Vec<u32>>) {
    let mut cells: Vec<String> =
        shares.iter().flat_map(|s| s.cells.names().iter().cloned()).collect();
    cells.sort_unstable();
    cells.dedup();
    let rank = |name: &String| cells.binary_search(name).unwrap_or_default() as u32;
    let ranks = shares.iter().map(|s| s.cells.names().iter().map(rank).collect()).collect();
    (cells, ranks)
}

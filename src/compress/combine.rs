//! From the shares of all threads to rows in their final order.

use std::cmp::Ordering;
use std::ops::Range;
use std::panic::resume_unwind;

use super::group::{Partial, merge};
use super::worker::Share;
use crate::ids::{UserKey, user_text};

/// Rows of a batch, numbered so that numbers sort as the texts do.
pub struct Combined {
    /// Canonical user ids are `users[i]` of `shares[..]`; see [`Combined::user`].
    users: Vec<(u32, u32)>,
    /// Canonical cell ids in byte order.
    pub cells: Vec<String>,
    /// Sorted by user, hour, cell; each group once.
    pub rows: Vec<Partial>,
    shares: Vec<Share>,
}

impl Combined {
    /// Canonical text of a user.
    pub fn user(&self, number: u32) -> std::borrow::Cow<'_, str> {
        let (share, id) = self.users[number as usize];
        user_text(self.shares[share as usize].users.key(id))
    }
}

/// Joins the shares: equal ids of two threads become one number, then groups are merged, every
/// thread those of its own users.
pub fn combine(shares: Vec<Share>) -> Combined {
    let (users, user_maps) = rank_users(&shares);
    let (cells, cell_maps) = rank_cells(&shares);
    let threads = shares.len().max(1);
    let bound = |i: usize| (users.len() * i / threads) as u32;
    let mut merged: Vec<Vec<Partial>> = std::thread::scope(|scope| {
        let (shares, user_maps, cell_maps) = (&shares, &user_maps, &cell_maps);
        let handles: Vec<_> = (0..threads)
            .map(|i| bound(i)..bound(i + 1))
            .map(|range| scope.spawn(move || of_users(shares, user_maps, cell_maps, range)))
            .collect();
        // a thread that broke down breaks this one down too
        let joined = handles.into_iter().map(|h| h.join().unwrap_or_else(|e| resume_unwind(e)));
        joined.collect()
    });
    let mut shares = shares;
    shares.iter_mut().for_each(|share| share.partials = Vec::new());
    let mut rows = std::mem::take(&mut merged[0]);
    merged.into_iter().for_each(|more| rows.extend(more));
    Combined { users, cells, rows, shares }
}

/// The merged rows of the users in `range`.
fn of_users<'a>(
    shares: &'a [Share],
    user_maps: &'a Maps,
    cell_maps: &'a Maps,
    range: Range<u32>,
) -> Vec<Partial> {
    let of_share = |((share, users), cells): ((&'a Share, &'a Vec<u32>), &'a Vec<u32>)| {
        let range = range.clone();
        let ranked = move |p: &Partial| {
            let user = users[p.user as usize];
            let cell = cells[p.cell as usize];
            range.contains(&user).then(|| Partial { user: user - range.start, cell, ..*p })
        };
        share.partials.iter().filter_map(ranked)
    };
    let all = || shares.iter().zip(user_maps).zip(cell_maps).flat_map(of_share);
    let mut rows = merge(all, range.len());
    rows.iter_mut().for_each(|row| row.user += range.start);
    rows
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
    let mut bytes = [0; 8];
    match key {
        UserKey::Text(text) => {
            let length = text.len().min(8);
            bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        }
        UserKey::Bytes(id) => {
            for (pair, byte) in bytes.chunks_exact_mut(2).zip(id) {
                let digit = |d: u8| if d < 10 { b'0' + d } else { b'a' + d - 10 };
                pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    u64::from_be_bytes(bytes)
}

type Maps = Vec<Vec<u32>>;

fn rank_users(shares: &[Share]) -> (Vec<(u32, u32)>, Maps) {
    let key = |(share, id): (u32, u32)| shares[share as usize].users.key(id);
    // the beginnings decide most comparisons without a look at the ids themselves
    let mut all: Vec<(u64, (u32, u32))> = shares
        .iter()
        .enumerate()
        .flat_map(|(s, share)| (0..share.users.len() as u32).map(move |id| (s as u32, id)))
        .map(|at| (beginning(key(at)), at))
        .collect();
    all.sort_unstable_by(|(a, at), (b, bt)| a.cmp(b).then_with(|| compare(key(*at), key(*bt))));
    let mut maps: Maps = shares.iter().map(|s| vec![0; s.users.len()]).collect();
    let mut distinct: Vec<(u32, u32)> = Vec::new();
    for (_, at) in all {
        if distinct.last().is_none_or(|last| compare(key(*last), key(at)) != Ordering::Equal) {
            distinct.push(at);
        }
        maps[at.0 as usize][at.1 as usize] = distinct.len() as u32 - 1;
    }
    (distinct, maps)
}

fn rank_cells(shares: &[Share]) -> (Vec<String>, Maps) {
    let mut cells: Vec<String> =
        shares.iter().flat_map(|s| s.cells.names().iter().cloned()).collect();
    cells.sort_unstable();
    cells.dedup();
    let rank = |name: &String| cells.binary_search(name).unwrap_or_default() as u32;
    let maps = shares.iter().map(|s| s.cells.names().iter().map(rank).collect()).collect();
    (cells, maps)
}

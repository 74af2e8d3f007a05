//! From the shares of all threads to rows in their final order.

use std::cmp::Ordering;

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

/// Joins the shares: equal ids of two threads become one number, then groups are merged.
pub fn combine(mut shares: Vec<Share>) -> Combined {
    let (users, user_maps) = rank_users(&shares);
    let (cells, cell_maps) = rank_cells(&shares);
    let total = shares.iter().map(|s| s.partials.len()).sum();
    let mut partials = Vec::with_capacity(total);
    for ((share, users), cells) in shares.iter_mut().zip(&user_maps).zip(&cell_maps) {
        // frees each thread's list before the next is copied
        for p in std::mem::take(&mut share.partials) {
            partials.push(Partial {
                user: users[p.user as usize],
                cell: cells[p.cell as usize],
                ..p
            });
        }
    }
    let rows = merge(&partials, users.len());
    Combined { users, cells, rows, shares }
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

type Maps = Vec<Vec<u32>>;

fn rank_users(shares: &[Share]) -> (Vec<(u32, u32)>, Maps) {
    let key = |(share, id): (u32, u32)| shares[share as usize].users.key(id);
    let mut all: Vec<(u32, u32)> = shares
        .iter()
        .enumerate()
        .flat_map(|(s, share)| (0..share.users.len() as u32).map(move |id| (s as u32, id)))
        .collect();
    all.sort_unstable_by(|a, b| compare(key(*a), key(*b)));
    let mut maps: Maps = shares.iter().map(|s| vec![0; s.users.len()]).collect();
    let mut distinct: Vec<(u32, u32)> = Vec::new();
    for at in all {
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

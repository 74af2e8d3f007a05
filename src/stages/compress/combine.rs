//! From the shares of all threads to rows in their final order.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::Result;

use super::details::Details;
use super::findings::{Findings, SetAside};
use super::group::{HOURS_A_DAY, Run};
use super::judge::{Day, Rules, Verdict};
use super::plan::RowGroup;
use super::rows;
use super::rows::Row;
use super::tally::Tally;
use super::worker::{Repeat, Share};
use crate::checks::Code;
use crate::domain::ids;
use crate::domain::ids::{UserKey, user_text};
use crate::runtime::parallel::in_chunks;

/// Fewest users for which a thread is started.
const USERS_A_THREAD: usize = 4_096;

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
    pub rows: Vec<Row>,
    /// Users and where their rows end.
    pub users: Vec<(u32, usize)>,
    pub tally: Tally,
}

/// What the rows of a batch are judged by.
pub struct Bench<'a> {
    pub rules: &'a Rules,
    /// The days of the batch, in order.
    pub days: Vec<Day<'a>>,
    pub groups: &'a [RowGroup],
    /// Rejected rows are remembered.
    pub keep_rejected: bool,
}

/// Runs of a user in one share that are still to come, and the ranks of the share's cells.
type OfShare<'a> = (&'a [Run], &'a [u32]);

/// Rows of some users by day of the batch, counted from 0, and what was found wrong with them.
pub type Judged = (BTreeMap<u32, DayRows>, Findings);

impl Combined {
    /// Number of users.
    pub fn users(&self) -> usize {
        self.users.len() - 1
    }

    /// Canonical text of a user.
    pub fn user(&self, number: u32) -> std::borrow::Cow<'_, str> {
        user_text(self.key(number))
    }

    /// The id of a user.
    pub fn key(&self, number: u32) -> UserKey<'_> {
        let (share, id) = self.members[self.users[number as usize] as usize];
        self.shares[share as usize].users.key(id)
    }

    /// The number of the user of that id.
    pub fn find(&self, key: UserKey) -> Option<u32> {
        let (mut low, mut high) = (0, self.users() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            match compare(self.key(middle), key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn members_of(&self, user: u32) -> &[(u32, u32)] {
        &self.members[self.users[user as usize] as usize..self.users[user as usize + 1] as usize]
    }

    /// The runs of a user in order of time, with the numbers of the combined cells.
    pub fn runs_of(&self, user: u32, runs: &mut Vec<Run>) {
        runs.clear();
        for &(share, id) in self.members_of(user) {
            let ranks = &self.ranks[share as usize];
            let of_share = self.shares[share as usize].pile.of(id);
            runs.extend(of_share.iter().map(|run| run.at_cell(ranks[run.cell() as usize])));
        }
        // those of each share mostly come in order, which the stable sort makes use of
        runs.sort_by_key(|run| (run.begins(), run.last_us));
    }

    /// The users whose runs overlap in time, and their number of events: only a second look at each
    /// event tells what the checks ask about them. With `exact_rows` the row of every duplicate has to
    /// be known, else runs at one cell may touch: see [`once_where_they_touch`].
    ///
    /// # Errors
    /// A thread that breaks down.
    pub fn unclear(&self, exact_rows: bool) -> Result<Vec<(u32, u64)>> {
        let all: Vec<u32> = (0..self.users() as u32).collect();
        in_chunks(&all, USERS_A_THREAD, |users| {
            let (mut runs, mut shares) = (Vec::new(), Vec::new());
            let mut unclear = Vec::new();
            for &user in users {
                let given_up = |(share, id): &(u32, u32)| {
                    self.shares[*share as usize].given_up.get(id).copied().unwrap_or_default()
                };
                let given_up: u64 = self.members_of(user).iter().map(given_up).sum();
                if given_up == 0 && self.follow(user, &mut shares, !exact_rows) {
                    continue;
                }
                self.runs_of(user, &mut runs);
                if given_up > 0 || !in_order(&runs, !exact_rows) {
                    let events: u64 = runs.iter().map(|run| u64::from(run.count)).sum();
                    unclear.push((user, events + given_up));
                }
            }
            Ok(unclear)
        })
    }

    /// True where the runs of a user follow each other as [`in_order`] says and those of each share
    /// came in order, as they mostly do: then they need not be brought together to know.
    fn follow<'a>(&'a self, user: u32, shares: &mut Vec<OfShare<'a>>, may_touch: bool) -> bool {
        shares.clear();
        shares.extend(self.members_of(user).iter().map(|&(share, id)| {
            (self.shares[share as usize].pile.of(id), self.ranks[share as usize].as_slice())
        }));
        let mut before: Option<Run> = None;
        loop {
            shares.retain(|(runs, _)| !runs.is_empty());
            let first =
                shares.iter_mut().min_by_key(|(runs, _)| (runs[0].begins(), runs[0].last_us));
            let Some((runs, ranks)) = first else { return true };
            let run = runs[0].at_cell(ranks[runs[0].cell() as usize]);
            if before.is_some_and(|before| !in_order(&[before, run], may_touch)) {
                return false;
            }
            before = Some(run);
            *runs = &runs[1..];
        }
    }

    /// The rows of some users by day, judged. Those that `details` knows are taken from there.
    pub fn judge(&self, users: Range<usize>, details: &Details, bench: &Bench) -> Judged {
        let mut days: BTreeMap<u32, DayRows> = BTreeMap::new();
        let mut findings = Findings::default();
        let (mut runs, mut verdict) = (Vec::new(), Verdict::default());
        for user in users {
            let user = user as u32;
            if let Some(repeats) = details.runs_of(user, &mut runs, bench.rules) {
                for (run, row) in repeats {
                    bench.repeated(&mut findings, run.hour() / HOURS_A_DAY, run.source, Some(row));
                }
            } else {
                self.runs_of(user, &mut runs);
                if bench.rules.on(Code::Duplicate) {
                    once_where_they_touch(&mut runs, |day, source| {
                        bench.repeated(&mut findings, day, source, None);
                    });
                }
                for &(share, id) in self.members_of(user) {
                    for Repeat { hour, source, row, .. } in
                        self.shares[share as usize].repeats_of(id)
                    {
                        bench.repeated(&mut findings, hour / HOURS_A_DAY, *source, Some(*row));
                    }
                }
            }
            let name = self.user(user);
            for of_day in runs.chunk_by_mut(|a, b| a.hour() / HOURS_A_DAY == b.hour() / HOURS_A_DAY)
            {
                let number = of_day[0].hour() / HOURS_A_DAY;
                let judged = &bench.days[number as usize];
                verdict.judge(bench.rules, judged, of_day);
                for &(source, code, rows) in &verdict.codes {
                    let file = bench.groups[source as usize].file as u32;
                    findings.add((file, Some(judged.date)), code, rows);
                }
                let day = days.entry(number).or_default();
                let start = day.rows.len();
                rows::merge(of_day, &mut day.rows);
                let fresh = &mut day.rows[start..];
                for &(hour, cell, events) in &verdict.two_places {
                    if let Ok(at) = fresh.binary_search_by_key(&(hour, cell), |r| (r.hour, r.cell))
                    {
                        fresh[at].two_places += events;
                    }
                }
                day.tally.add(&name, fresh);
                day.users.push((user, day.rows.len()));
            }
        }
        (days, findings)
    }
}

impl Bench<'_> {
    /// A duplicate, with its row in the row group where that is known.
    fn repeated(&self, findings: &mut Findings, day: u32, source: u32, row: Option<u32>) {
        let group = &self.groups[source as usize];
        let date = Some(self.days[day as usize].date);
        let file = group.file as u32;
        findings.add((file, date), Code::Duplicate, 1);
        findings.met(Code::Duplicate, || match row {
            Some(row) => group.place_of(u64::from(row)),
            None => group.place(),
        });
        if let Some(row) = row.filter(|_| self.keep_rejected) {
            let row = group.first_row + u64::from(row) + 1;
            findings.rows.push(SetAside { date, file, row, code: Code::Duplicate });
        }
    }
}

/// True of runs that follow each other without touching; those of one cell may touch where that is
/// said.
pub fn in_order(runs: &[Run], may_touch: bool) -> bool {
    runs.windows(2).all(|pair| {
        pair[0].ends() < pair[1].begins() || (may_touch && touching(&pair[0], &pair[1]))
    })
}

/// True of runs of one cell of which one ends at the instant at which the other begins.
fn touching(run: &Run, next: &Run) -> bool {
    run.ends() == next.begins() && run.cell() == next.cell()
}

/// Where a run begins with the event with which the one before it ended, as happens where a row group
/// ends within a second, takes that event out. `repeated` gets its day and row group.
///
/// When a run goes on afterwards, its beginning is unknown; nobody asks for it, since the run before
/// is at the same place in the same hour.
fn once_where_they_touch(runs: &mut Vec<Run>, mut repeated: impl FnMut(u32, u32)) {
    runs.dedup_by(|next, kept| {
        if !touching(kept, next) {
            return false;
        }
        repeated(next.hour() / HOURS_A_DAY, next.source.max(kept.source));
        // the first copy counts, whichever thread read it
        if kept.source > next.source {
            kept.count -= 1;
            if kept.count == 0 {
                *kept = *next;
                return true;
            }
            if kept.count == 1 {
                kept.last_us = kept.first_us;
            }
            return false;
        }
        next.count -= 1;
        if next.count == 1 {
            next.first_us = next.last_us;
        }
        next.count == 0
    });
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

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last event, count, row group.
    type Short = (u32, u32, u32, u32);

    fn once(runs: &[Short]) -> (Vec<Short>, Vec<u32>) {
        let run = |&(first, last, count, source): &Short| Run {
            last_us: last,
            count,
            ..Run::event(0, 0, 7, first, source)
        };
        let mut runs: Vec<Run> = runs.iter().map(run).collect();
        let mut repeated = Vec::new();
        once_where_they_touch(&mut runs, |_, source| repeated.push(source));
        let short = |r: &Run| (r.first_us, r.last_us, r.count, r.source);
        (runs.iter().map(short).collect(), repeated)
    }

    #[test]
    fn of_two_copies_that_of_the_later_row_group_repeats_whichever_thread_read_it() {
        assert_eq!(once(&[(5, 5, 1, 2), (5, 5, 1, 3)]), (vec![(5, 5, 1, 2)], vec![3]));
        assert_eq!(once(&[(5, 5, 1, 3), (5, 5, 1, 2)]), (vec![(5, 5, 1, 2)], vec![3]));
        let (left, repeated) = once(&[(1, 5, 2, 3), (5, 9, 4, 2)]);
        assert_eq!((left, repeated), (vec![(1, 1, 1, 3), (5, 9, 4, 2)], vec![3]));
        let (left, repeated) = once(&[(1, 5, 2, 2), (5, 9, 2, 3)]);
        assert_eq!((left, repeated), (vec![(1, 5, 2, 2), (9, 9, 1, 3)], vec![3]));
    }
}

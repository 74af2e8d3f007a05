//! The runs of a batch on disk, in ranges of users.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::Result;

use super::memory::DIGEST;
use super::spill::{Pieces, SpilledUser};
use super::user_order::OwnedKey;
use super::user_read::{Overlaps, UserRead, sort_runs};
use crate::checks::duplicates::{Touching, is_in_order};
use crate::checks::event_run::EventRun;
use crate::runtime::parallel::{Tasks, on_threads};

/// Ranges of users for each file of the output: to begin a file, at most one range is read in vain.
const RANGES_PER_FILE: usize = 8;

/// The runs of all threads. Users have numbers that sort as their canonical ids do.
pub struct SpilledRuns {
    pieces: Pieces,
    ranges: Vec<KeyRange>,
    users: usize,
    /// Canonical cell ids in byte order.
    pub cells: Vec<String>,
    /// Bytes that a piece is read through.
    buffer: usize,
}

/// Users whose ids follow each other, with what was counted of them.
#[derive(Debug, Default)]
struct KeyRange {
    start: Option<OwnedKey>,
    end: Option<OwnedKey>,
    /// Number of the first user.
    first: usize,
    users: usize,
    runs_by_date: BTreeMap<u32, u64>,
    /// Most runs of a user.
    most_runs: u64,
}

/// How the runs are read for the first time.
pub struct CountOptions {
    /// Files of the output.
    pub files: usize,
    pub threads: usize,
    /// Bytes that a piece is read through.
    pub buffer: usize,
    /// Whether overlapping runs matter, and which runs may touch.
    pub in_order: bool,
    pub touching: Touching,
}

impl SpilledRuns {
    /// Counts the users and finds those with overlapping runs.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn count(
        pieces: Pieces,
        cells: Vec<String>,
        options: &CountOptions,
    ) -> Result<(Self, Overlaps)> {
        let dividing = pieces.dividing_users(RANGES_PER_FILE * options.files.max(options.threads));
        let starts = std::iter::once(None).chain(dividing.iter().cloned().map(Some));
        let ends = dividing.iter().cloned().map(Some).chain(std::iter::once(None));
        let tasks: Vec<_> = starts.zip(ends).enumerate().collect();
        let in_turn = Tasks::new(&tasks);
        let counted = on_threads(options.threads, || {
            let (mut ranges, mut overlaps) = (Vec::new(), Overlaps::default());
            in_turn.each(|(number, (start, end))| {
                let bounds = (start.as_ref(), end.as_ref());
                ranges.push((*number, count_range(&pieces, bounds, options, &mut overlaps)?));
                Ok(())
            })?;
            Ok((ranges, overlaps))
        })?;
        let (mut ranges, mut overlaps) = (Vec::new(), Overlaps::default());
        for (of_thread, more) in counted {
            ranges.extend(of_thread);
            overlaps.merge(more);
        }
        ranges.sort_unstable_by_key(|(number, _)| *number);
        let mut ranges: Vec<KeyRange> = ranges.into_iter().map(|(_, range)| range).collect();
        let mut users = 0;
        for (range, (_, (start, end))) in ranges.iter_mut().zip(tasks) {
            (range.start, range.end, range.first) = (start, end, users);
            users += range.users;
        }
        Ok((SpilledRuns { pieces, ranges, users, cells, buffer: options.buffer }, overlaps))
    }

    /// Number of users.
    pub fn users(&self) -> usize {
        self.users
    }

    /// Bytes, at most, of the digests of users until the records of all dates are written.
    pub fn digest_bytes(&self) -> u64 {
        let of_range = |range: &KeyRange| {
            let runs: u64 = range.runs_by_date.values().sum();
            runs.min((range.users * range.runs_by_date.len()) as u64)
        };
        DIGEST * self.ranges.iter().map(of_range).sum::<u64>()
    }

    /// Most runs of a user.
    pub fn most_runs(&self) -> u64 {
        self.ranges.iter().map(|range| range.most_runs).max().unwrap_or_default()
    }

    /// Runs by date of the ranges that contain some of the users: at least as many as these have.
    pub fn runs_by_date(&self, users: &Range<usize>) -> BTreeMap<u32, u64> {
        let mut all = BTreeMap::new();
        let overlapping =
            |range: &&KeyRange| range.first < users.end && users.start < range.first + range.users;
        for range in self.ranges.iter().filter(overlapping) {
            for (date, runs) in &range.runs_by_date {
                *all.entry(*date).or_default() += runs;
            }
        }
        all
    }

    /// Calls `visit` with each of the users, in order.
    ///
    /// # Errors
    /// Those of `visit`; a file that cannot be read.
    pub fn visit(
        &self,
        users: Range<usize>,
        mut visit: impl FnMut(UserRead) -> Result<()>,
    ) -> Result<()> {
        let range = self.ranges.partition_point(|range| range.first <= users.start);
        let Some(range) = range.checked_sub(1).map(|before| &self.ranges[before]) else {
            return Ok(());
        };
        let mut merged = self.pieces.users(range.start.as_ref(), None, self.buffer)?;
        let mut user = SpilledUser::default();
        for _ in range.first..users.start {
            merged.skip_user(&mut user.key)?;
        }
        for _ in users {
            if !merged.next_user(&mut user)? {
                break;
            }
            let SpilledUser { key, records, duplicates } = &mut user;
            sort_runs(records);
            visit(UserRead { key: key.key(), runs: records, duplicates })?;
        }
        Ok(())
    }
}

fn count_range(
    pieces: &Pieces,
    (start, end): (Option<&OwnedKey>, Option<&OwnedKey>),
    options: &CountOptions,
    overlaps: &mut Overlaps,
) -> Result<KeyRange> {
    let mut range = KeyRange::default();
    let mut merged = pieces.users(start, end, options.buffer)?;
    let mut user = SpilledUser::<EventRun>::default();
    while merged.next_user(&mut user)? {
        range.users += 1;
        range.most_runs = range.most_runs.max(user.records.len() as u64);
        sort_runs(&mut user.records);
        for of_date in user.records.chunk_by(|a, b| a.hour().date() == b.hour().date()) {
            let runs = range.runs_by_date.entry(of_date[0].hour().date()).or_default();
            *runs += of_date.len() as u64;
        }
        if options.in_order && !is_in_order(&user.records, options.touching) {
            overlaps.add(user.key.key(), &user.records);
        }
    }
    Ok(range)
}

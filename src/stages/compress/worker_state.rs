//! What one thread has read of a batch: row groups in, runs of events out.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};
use chrono_tz::Tz;
use hashbrown::HashMap;

use super::batches::{Batch, RowGroup};
use super::cell_ids::CellIds;
use super::duplicate_events::{self, DuplicateEvent};
use super::findings::{FileDate, Findings, RejectedRow};
use super::run_buffer::RunBuffer;
use super::spill::{Piece, PieceFile};
use super::user_filter::UserFilter;
use super::user_ids::UserIds;
use super::user_order::{PrefixedUser, sorted_users};
use crate::checks::Checks;
use crate::checks::event_run::{RunKey, SingleEvent};
use crate::checks::open_run::RunLimits;
use crate::checks::row::RowChecks;
use crate::domain::id_slot::IdSlot;
use crate::domain::ids::UserKey;
use crate::domain::numbers::grouped;
use crate::domain::time::{EventTime, EventTimeView, LocalDate, MICROS_PER_HOUR, SpanHour};
use crate::events::EventFile;
use crate::events::{EventBatch, EventReader, IdEncoder};
use crate::progress::StageBar;
use crate::storage::ByteSource;

/// Rows of an [`EventBatch`]: its columns and the cache lines of its users fit the second-level cache.
const BATCH_ROWS: usize = 1 << 12;
/// Batches that are read at least before users and runs go to disk.
const BATCHES_PER_PIECE: u32 = 4;
/// Bytes of a user beside its entry in the table, once sorted.
const SORTED_USER: usize = 24;

/// How a batch is read.
pub struct ReadOptions<'a> {
    pub batch: &'a Batch,
    pub zone: Option<Tz>,
    pub checks: &'a Checks,
    pub limits: RunLimits,
    /// Later local times, µs, are in the future.
    pub latest_us: i64,
    /// In a reread, the users whose events are kept one by one.
    pub only_users: Option<&'a UserFilter>,
    /// Bytes of users and runs beyond which a thread moves them to disk.
    pub state_bytes: u64,
    /// Where that disk is.
    pub scratch: &'a Path,
    pub bar: &'a StageBar,
}

/// The state of one thread.
#[derive(Default)]
pub struct WorkerState {
    pub users: UserIds,
    pub cells: CellIds,
    pub runs: RunBuffer,
    /// Filled instead of `runs` in a reread.
    pub events: RunBuffer<SingleEvent>,
    /// The users by canonical id, once closed.
    pub sorted_users: Vec<PrefixedUser>,
    pub findings: Findings,
    /// Rows by file and date, including rejected ones.
    pub rows: HashMap<FileDate, u64>,
    duplicates: Vec<DuplicateEvent>,
    /// In a reread, whether a user is one of `only_users`.
    is_reread: Vec<bool>,
    /// What went to disk.
    pub pieces: Vec<Piece>,
    piece_file: Option<PieceFile>,
    /// Batches that were read since then.
    batches: u32,
    /// Accepted rows by clock hour since the first date of the batch.
    by_hour: Vec<u64>,
    batch: EventBatch,
}

/// Numbers the ids of users and cells.
struct Ids<'a> {
    users: &'a mut UserIds,
    cells: &'a mut CellIds,
}

impl IdEncoder for Ids<'_> {
    fn user(&mut self, id: UserKey) -> IdSlot {
        self.users.intern(id)
    }

    fn users<'a>(
        &mut self,
        rows: usize,
        id: impl Fn(usize) -> Option<&'a [u8]>,
        out: &mut Vec<IdSlot>,
    ) {
        self.users.intern_all(rows, id, out);
    }

    fn cell(&mut self, id: &str) -> IdSlot {
        self.cells.intern(id)
    }

    #[inline]
    fn cell_number(&mut self, id: i64) -> IdSlot {
        self.cells.intern_number(id)
    }
}

/// A row group under way.
struct Reading<'a> {
    /// Its number.
    number: u32,
    group: &'a RowGroup,
    options: &'a ReadOptions<'a>,
    checks: RowChecks,
    /// Start of the batch, local µs.
    base_us: i64,
    /// Local times, µs, of the batch that pass all checks.
    accepted_us: Range<i64>,
}

impl<'a> Reading<'a> {
    fn new(number: u32, group: &'a RowGroup, options: &'a ReadOptions<'a>) -> Self {
        let start = |date: i32| LocalDate(date).first_hour().start_us();
        let batch_us = start(options.batch.first.0)..start(options.batch.last.0 + 1);
        let checks = RowChecks::new(options.checks, group.folder, options.latest_us);
        let accepted_us = checks.accepted_us(&batch_us);
        Reading { number, group, options, checks, base_us: batch_us.start, accepted_us }
    }

    /// Clock hours since the start of the batch, and µs into that hour, which 32 bits can hold.
    #[inline]
    fn hour(&self, us: i64) -> (u32, u32) {
        let hour = (us - self.base_us) / MICROS_PER_HOUR;
        (hour as u32, (us - self.base_us - hour * MICROS_PER_HOUR) as u32)
    }
}

impl WorkerState {
    /// Reads one row group from `source` and counts its events that belong to the dates of the batch.
    ///
    /// # Errors
    /// Damaged data; a footer whose time range does not match its rows.
    pub fn read(
        &mut self,
        file: &EventFile,
        source: ByteSource,
        number: u32,
        group: &RowGroup,
        first_read: bool,
        options: &ReadOptions,
    ) -> Result<()> {
        let place = || file.place(group.index);
        if group.rows > u64::from(u32::MAX) {
            bail!(
                "{}: {} rows; write the file in smaller row groups",
                place(),
                grouped(group.rows)
            );
        }
        let times = file.times(options.zone).with_context(place)?.tracking_repeats();
        let mut batch = std::mem::take(&mut self.batch);
        let bytes = file.bytes(group.index);
        let reading = Reading::new(number, group, options);
        self.by_hour.clear();
        let dates = (options.batch.last.0 - options.batch.first.0 + 1) as usize;
        self.by_hour.resize(dates * 24, 0);
        let mut row = 0;
        let mut reader = EventReader::open(file, source, group.index, times, BATCH_ROWS)?;
        loop {
            let mut ids = Ids { users: &mut self.users, cells: &mut self.cells };
            if !reader.next_batch(&mut ids, &mut batch)? {
                break;
            }
            if self.users.is_full() || self.cells.is_full() {
                bail!(
                    "{}: more than {} different ids in one batch of dates; compress with engine = \
                     \"spark\"",
                    place(),
                    grouped(IdSlot::CAPACITY.into())
                );
            }
            let rows = batch.len() as u64;
            self.mark_malformed(&mut batch.users, &reading.checks);
            self.count(&batch, row, &reading)?;
            row += rows;
            if first_read && options.only_users.is_none() {
                options.bar.add_rows(rows);
                options.bar.add_bytes(bytes * rows / group.rows.max(1));
            }
            self.batches += 1;
            if self.batches >= BATCHES_PER_PIECE && self.bytes(BATCH_ROWS) > options.state_bytes {
                self.write_piece(options)?;
                reader.forget_users();
            }
        }
        self.batch = batch;
        if row != group.rows {
            let expected = if group.of_text { "there were" } else { "the footer says" };
            bail!("{}: {row} rows where {expected} {}", place(), group.rows);
        }
        for (date, hours) in (options.batch.first.0..).zip(self.by_hour.chunks_exact(24)) {
            let rows = hours.iter().sum::<u64>();
            if rows > 0 {
                *self.rows.entry((group.file as u32, Some(LocalDate(date)))).or_default() += rows;
            }
        }
        Ok(())
    }

    /// Marks users whose ids do not have the configured length.
    fn mark_malformed(&self, users: &mut [IdSlot], checks: &RowChecks) {
        let Some(length) = checks.user_id_bytes() else { return };
        for user in users {
            if user.number().is_some_and(|number| self.users.length(number) != length) {
                *user = IdSlot::MALFORMED;
            }
        }
    }

    fn count(&mut self, events: &EventBatch, first_row: u64, reading: &Reading) -> Result<()> {
        let options = reading.options;
        let rows = events.users.iter().zip(&events.cells).zip(&events.times);
        for (i, ((&user, &cell), &time)) in rows.enumerate() {
            let row = first_row + i as u64;
            let accepted = match (user.number(), cell.number(), time.within(&reading.accepted_us)) {
                (Some(user), Some(cell), Some(us)) => {
                    let (hour, into_hour) = reading.hour(us);
                    self.by_hour[hour as usize] += 1;
                    (user, cell, SpanHour::new(hour, false), into_hour)
                }
                _ => match self.unusual((user, cell, time), row, reading)? {
                    Some(accepted) => accepted,
                    None => continue,
                },
            };
            let (user, cell, hour, us) = accepted;
            let (row, row_group) = (row as u32, reading.number);
            if let Some(only) = options.only_users {
                if self.is_reread(user, only) {
                    let key = RunKey::new(user, hour, cell);
                    self.events.push(user, SingleEvent { key, us, row, row_group });
                }
                continue;
            }
            let event = (hour, cell, us);
            if !self.users.count(user, event, row_group, options.limits, &mut self.runs) {
                self.duplicates.push(DuplicateEvent { user, hour, row_group, row });
            }
        }
        Ok(())
    }

    /// Handles a row that the fast path does not accept: in a repeated hour, of another batch, or to be
    /// rejected. Returns user, cell, hour and µs into the hour of an accepted row.
    #[cold]
    fn unusual(
        &mut self,
        (user, cell, time): (IdSlot, IdSlot, EventTime),
        row: u64,
        reading: &Reading,
    ) -> Result<Option<(u32, u32, SpanHour, u32)>> {
        let Reading { group, checks, .. } = reading;
        let ReadOptions { batch, .. } = reading.options;
        let place = || group.place_of(row);
        let own_date = checks.own_date(time);
        if let Some(date) = own_date
            && group.dates.binary_search(&date).is_err()
        {
            bail!(
                "{}: {date} is outside the time range in the file's footer; write the file again",
                place()
            );
        }
        let date = own_date.or(group.fallback_date);
        let in_batch = match date {
            Some(date) => date >= batch.first && date <= batch.last,
            None => batch.undated,
        };
        if !in_batch {
            return Ok(None);
        }
        let Some(code) = checks.code(user, time, cell) else {
            let (Some(user), Some(cell), EventTimeView::Local { us, repeated }) =
                (user.number(), cell.number(), time.view())
            else {
                return Ok(None);
            };
            let (hour, into_hour) = reading.hour(us);
            self.by_hour[hour as usize] += 1;
            return Ok(Some((user, cell, SpanHour::new(hour, repeated), into_hour)));
        };
        if reading.options.only_users.is_none() {
            let file = group.file as u32;
            self.findings.add((file, date), code, 1);
            self.findings.note_first(code, Some((reading.number, row)), place);
            *self.rows.entry((file, date)).or_default() += 1;
            if reading.options.checks.quarantine {
                let row = group.first_row + row + 1;
                self.findings.rows.push(RejectedRow { date, file, row, code });
            }
        }
        Ok(None)
    }

    fn is_reread(&mut self, user: u32, only: &UserFilter) -> bool {
        while self.is_reread.len() <= user as usize {
            let key = self.users.key(self.is_reread.len() as u32);
            self.is_reread.push(only.contains(key));
        }
        self.is_reread[user as usize]
    }

    /// Bytes of what [`WorkerState::write_piece`] can move to disk after `more` rows, and of the cells.
    fn bytes(&self, more: usize) -> u64 {
        let users = self.users.bytes(more) + self.users.len() * SORTED_USER;
        let duplicates = self.duplicates.capacity() * size_of::<DuplicateEvent>();
        let runs = self.runs.bytes() + self.events.bytes() + duplicates;
        (users + runs + self.cells.bytes()) as u64
    }

    /// Bytes of users, runs and cells.
    pub fn bytes_in_use(&self) -> u64 {
        self.bytes(0)
    }

    /// Moves users and what was read of them to disk; cells keep their numbers.
    ///
    /// # Errors
    /// A disk that is full; a folder that cannot be written.
    pub fn write_piece(&mut self, options: &ReadOptions) -> Result<()> {
        self.close();
        let file = match &mut self.piece_file {
            Some(file) => file,
            none => none.insert(PieceFile::create(options.scratch)?),
        };
        let users = self.sorted_users.iter().map(|(_, user)| *user);
        let piece = match options.only_users {
            None => file.append(users.map(|user| {
                let duplicates = duplicate_events::of_user(&self.duplicates, user);
                (self.users.key(user), self.runs.of(user), duplicates)
            })),
            Some(_) => {
                let of_user = |user| (self.users.key(user), self.events.of(user), &[][..]);
                file.append(users.map(of_user).filter(|(_, events, _)| events.len() > 0))
            }
        };
        self.pieces.push(piece?);
        self.users = UserIds::default();
        self.runs = RunBuffer::default();
        self.events = RunBuffer::default();
        self.duplicates = Vec::new();
        self.sorted_users = Vec::new();
        self.is_reread.clear();
        self.batches = 0;
        Ok(())
    }

    /// Ends reading: what is left goes where the rest is.
    ///
    /// # Errors
    /// As [`WorkerState::write_piece`].
    pub fn finish(&mut self, options: &ReadOptions) -> Result<()> {
        self.batch = EventBatch::default();
        if !self.pieces.is_empty() {
            return self.write_piece(options);
        }
        self.close();
        Ok(())
    }

    /// Flushes every open run, and sorts runs and users.
    pub fn close(&mut self) {
        self.users.close(&mut self.runs);
        self.runs.sort_by_user();
        self.events.sort_by_user();
        self.duplicates.sort_unstable_by_key(|duplicate| duplicate.user);
        self.sorted_users = sorted_users(&self.users);
    }

    /// The duplicates of a user that were left out while reading.
    pub fn duplicates_of(&self, user: u32) -> &[DuplicateEvent] {
        duplicate_events::of_user(&self.duplicates, user)
    }
}

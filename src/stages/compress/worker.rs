//! One thread's share of a batch: row groups in, runs of events out.

use std::collections::HashSet;

use anyhow::{Context, Result, bail};
use chrono_tz::Tz;
use hashbrown::HashMap;

use super::cells::{Cells, NO_CELL};
use super::combine::{Led, in_order, sorted_users};
use super::findings::{Findings, Place, SetAside};
use super::group::{BatchHour, Pile, Run};
use super::plan::{Batch, RowGroup};
use super::users::{Counted, MALFORMED, NO_USER, Order, Users};
use crate::checks::Code;
use crate::config::Checks;
use crate::domain::ids::{UserKey, user_text};
use crate::domain::time::columns::{MISSING, UNREADABLE, is_in_range};
use crate::domain::time::{LocalDate, LocalHour, MICROS_PER_HOUR, unmarked};
use crate::events::input::EventInput;
use crate::events::{EventBatch, EventReader, IdEncoder};
use crate::progress::StageBar;
use crate::storage::Source;

/// Rows handled at a time: their columns and the lines of their users stay in the second-level cache.
const BATCH_ROWS: usize = 1 << 12;
/// Runs that may pile up before room is made: 192 MiB.
const PILE: usize = 8 << 20;

/// What a batch is read with.
pub struct Reading<'a> {
    pub batch: &'a Batch,
    pub zone: Option<Tz>,
    pub checks: &'a Checks,
    pub order: Order,
    /// Local time beyond which a time stamp lies in the future, µs.
    pub latest_us: i64,
    /// In a second reading, canonical ids of the users whose events are kept one by one.
    pub only: Option<&'a HashSet<String>>,
    pub bar: &'a StageBar,
}

/// An event that came again right after itself.
#[derive(Debug, Clone, Copy)]
pub struct Repeat {
    user: u32,
    pub hour: BatchHour,
    pub source: u32,
    /// From 0, within the row group.
    pub row: u32,
}

/// What one thread found.
#[derive(Default)]
pub struct Share {
    pub users: Users,
    pub cells: Cells,
    pub pile: Pile,
    /// The users by canonical id, once closed.
    pub sorted_users: Vec<Led>,
    pub findings: Findings,
    /// Rows by file and date, those included that were rejected.
    pub rows: HashMap<Place, u64>,
    repeats: Vec<Repeat>,
    /// Events of users whose runs overlapped and were dropped to make room.
    pub given_up: HashMap<u32, u64>,
    /// In a second reading, whether a user is one of those looked for.
    wanted: Vec<bool>,
    make_room_at: usize,
    by_hour: Vec<u64>,
    batch: EventBatch,
}

/// Numbers the ids of a share's users and cells.
struct Ids<'a> {
    users: &'a mut Users,
    cells: &'a mut Cells,
}

impl<'a> Ids<'a> {
    fn of(share: &'a mut Share) -> Self {
        Ids { users: &mut share.users, cells: &mut share.cells }
    }
}

impl IdEncoder for Ids<'_> {
    fn user(&mut self, id: UserKey) -> u32 {
        self.users.intern(id)
    }

    fn users<'a>(
        &mut self,
        rows: usize,
        id: impl Fn(usize) -> Option<&'a [u8]>,
        out: &mut Vec<u32>,
    ) {
        self.users.intern_all(rows, id, out);
    }

    fn cell(&mut self, id: &str) -> u32 {
        self.cells.intern(id)
    }

    #[inline]
    fn cell_number(&mut self, id: i64) -> u32 {
        self.cells.intern_number(id)
    }
}

/// Bounds of the local times that count, µs, from and up to.
struct Bounds {
    base: i64,
    start: i64,
    end: i64,
}

impl Bounds {
    fn new(group: &RowGroup, reading: &Reading) -> Self {
        let day = |date: i32| LocalDate(date).first_hour().start_us();
        let base = day(reading.batch.first.0);
        let (mut start, mut end) = (base, day(reading.batch.last.0 + 1));
        if let Some((folder, tolerance)) = group.folder.zip(reading.checks.folder_tolerance_days)
            && reading.checks.on(Code::OutsideFolder)
        {
            let tolerance = i32::try_from(tolerance).unwrap_or(i32::MAX);
            start = start.max(day(folder.0.saturating_sub(tolerance)));
            end = end.min(day(folder.0.saturating_add(tolerance).saturating_add(1)));
        }
        if reading.checks.on(Code::TimeFuture) {
            end = end.min(reading.latest_us.saturating_add(1));
        }
        Bounds { base, start, end }
    }
}

impl Share {
    /// Reads one row group out of `bytes_of` and counts its events that belong to the batch's days.
    ///
    /// # Errors
    /// Pages that cannot be decoded; a footer whose time range is not that of its rows.
    pub fn read(
        &mut self,
        file: &EventInput,
        bytes_of: Source,
        source: u32,
        group: &RowGroup,
        first_read: bool,
        reading: &Reading,
    ) -> Result<()> {
        let place = || file.place(group.index);
        let times = file.times(reading.zone).with_context(place)?.marking();
        let mut batch = std::mem::take(&mut self.batch);
        let bytes = file.bytes(group.index);
        let bounds = Bounds::new(group, reading);
        self.by_hour.clear();
        let days = (reading.batch.last.0 - reading.batch.first.0 + 1) as usize;
        self.by_hour.resize(days * 24, 0);
        let mut row = 0;
        let mut reader = EventReader::open(file, bytes_of, group.index, times, BATCH_ROWS)?;
        while reader.next_batch(&mut Ids::of(self), &mut batch)? {
            let rows = batch.len() as u64;
            self.mark_malformed(&mut batch.users, reading.checks);
            self.count(&batch, (source, group), row, &bounds, reading)?;
            row += rows;
            if first_read && reading.only.is_none() {
                reading.bar.add_rows(rows);
                reading.bar.add_bytes(bytes * rows / group.rows.max(1));
            }
            self.make_room(reading.order);
        }
        self.batch = batch;
        if row != group.rows {
            let counted = if group.of_text { "there were" } else { "the footer says" };
            bail!("{}: {row} rows where {counted} {}", place(), group.rows);
        }
        for (day, hours) in (reading.batch.first.0..).zip(self.by_hour.chunks_exact(24)) {
            let rows = hours.iter().sum::<u64>();
            if rows > 0 {
                *self.rows.entry((group.file as u32, Some(LocalDate(day)))).or_default() += rows;
            }
        }
        Ok(())
    }

    /// Puts a mark in the place of users whose ids have another length than the config says.
    fn mark_malformed(&self, users: &mut [u32], checks: &Checks) {
        let Some(length) = checks.user_id_bytes.filter(|_| checks.on(Code::UserMalformed)) else {
            return;
        };
        for user in users.iter_mut().filter(|user| **user != NO_USER) {
            if self.users.length(*user) != length {
                *user = MALFORMED;
            }
        }
    }

    fn count(
        &mut self,
        events: &EventBatch,
        (source, group): (u32, &RowGroup),
        first_row: u64,
        bounds: &Bounds,
        reading: &Reading,
    ) -> Result<()> {
        let rows = events.users.iter().zip(&events.cells).zip(&events.local_us);
        let &Bounds { base, start, end } = bounds;
        for (i, ((&user, &cell), &us)) in rows.enumerate() {
            let usable = user < MALFORMED && cell != NO_CELL;
            let (hour, into_hour) = if usable && us >= start && us < end {
                let hour = (us - base) / MICROS_PER_HOUR;
                self.by_hour[hour as usize] += 1;
                // within an hour there are 3.6e9 microseconds, which 32 bits hold
                (2 * hour as u32, (us - base - hour * MICROS_PER_HOUR) as u32)
            } else {
                let row = first_row + i as u64;
                match self.unusual((user, cell, us), group, row, bounds, reading)? {
                    Some(event) => event,
                    None => continue,
                }
            };
            let row = (first_row + i as u64) as u32;
            if let Some(only) = reading.only {
                if self.is_wanted(user, only) {
                    let run = Run::event(user, hour, cell, into_hour, source);
                    self.pile.push(user, Run { count: row, ..run });
                }
                continue;
            }
            let event = (hour, cell, into_hour);
            if self.users.count(user, event, source, reading.order, &mut self.pile)
                == Counted::Again
            {
                self.repeats.push(Repeat { user, hour, source, row });
            }
        }
        Ok(())
    }

    /// An event that does not lie between the bounds: at an hour that is shown for the second time,
    /// of another batch, or one to reject.
    #[cold]
    fn unusual(
        &mut self,
        (user, cell, marked_us): (u32, u32, i64),
        group: &RowGroup,
        row: u64,
        bounds: &Bounds,
        reading: &Reading,
    ) -> Result<Option<(BatchHour, u32)>> {
        let (us, repeated) = unmarked(marked_us);
        let Reading { batch, checks, .. } = reading;
        let place = || group.place_of(row);
        let future = checks.on(Code::TimeFuture) && us > reading.latest_us;
        let own_day = (is_in_range(us) && !future).then(|| LocalHour::of(us).date());
        if let Some(day) = own_day
            && group.days.binary_search(&day).is_err()
        {
            bail!(
                "{}: {day} is outside the time range that the file's footer states; write the file again",
                place()
            );
        }
        let date = own_day.or(group.home);
        let here = match date {
            Some(date) => date >= batch.first && date <= batch.last,
            None => batch.of_no_date,
        };
        if !here {
            return Ok(None);
        }
        let code = match marked_us {
            _ if user == NO_USER => Code::UserMissing,
            _ if user == MALFORMED => Code::UserMalformed,
            MISSING => Code::TimeMissing,
            UNREADABLE => Code::TimeUnreadable,
            _ if !is_in_range(us) => Code::TimestampOutOfRange,
            _ if future => Code::TimeFuture,
            _ if us < bounds.start || us >= bounds.end => Code::OutsideFolder,
            _ if cell == NO_CELL => Code::CellMissing,
            _ => {
                let hour = (us - bounds.base) / MICROS_PER_HOUR;
                self.by_hour[hour as usize] += 1;
                let into_hour = (us - bounds.base - hour * MICROS_PER_HOUR) as u32;
                return Ok(Some((2 * hour as u32 + u32::from(repeated), into_hour)));
            }
        };
        if reading.only.is_none() {
            let file = group.file as u32;
            self.findings.add((file, date), code, 1);
            self.findings.met(code, place);
            *self.rows.entry((file, date)).or_default() += 1;
            if checks.quarantine {
                let row = group.first_row + row + 1;
                self.findings.rows.push(SetAside { date, file, row, code });
            }
        }
        Ok(None)
    }

    fn is_wanted(&mut self, user: u32, only: &HashSet<String>) -> bool {
        while self.wanted.len() <= user as usize {
            let key = self.users.key(self.wanted.len() as u32);
            self.wanted.push(only.contains(user_text(key).as_ref()));
        }
        self.wanted[user as usize]
    }

    /// Where runs pile up, merges them or drops those of users that need a second reading anyway.
    fn make_room(&mut self, order: Order) {
        if self.pile.len() < self.make_room_at.max(PILE) {
            return;
        }
        if order == Order::Any {
            self.pile.compact();
        } else {
            let given_up = &mut self.given_up;
            self.pile.retain(|user, runs| {
                let keep = !given_up.contains_key(&user) && in_order(runs, true);
                if !keep {
                    let events: u64 = runs.iter().map(|run| u64::from(run.count)).sum();
                    *given_up.entry(user).or_default() += events;
                }
                keep
            });
        }
        self.make_room_at = 2 * self.pile.len();
    }

    /// Ends the share: every open run is put down, and users are brought into order.
    pub fn close(&mut self) {
        self.users.close(&mut self.pile);
        self.pile.sort_by_user();
        self.repeats.sort_unstable_by_key(|repeat| repeat.user);
        self.sorted_users = sorted_users(self);
    }

    /// The repeated events of a user.
    pub fn repeats_of(&self, user: u32) -> &[Repeat] {
        let start = self.repeats.partition_point(|repeat| repeat.user < user);
        let rest = &self.repeats[start..];
        &rest[..rest.partition_point(|repeat| repeat.user == user)]
    }
}

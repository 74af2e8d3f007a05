//! One thread's share of a batch: row groups in, partial presences out.

use anyhow::{Context, Result, bail};
use chrono_tz::Tz;

use super::cells::{Cells, NO_CELL};
use super::columns::{Columns, PageColumns};
use super::combine::{Led, sorted_users};
use super::group::Pile;
use super::plan::{Batch, RowGroup};
use super::rejects::{Reason, Rejects};
use super::users::{NO_USER, Users};
use crate::io::events::EventFile;
use crate::progress::StageBar;
use crate::time::columns::{MISSING, Times, UNREADABLE, believable};
use crate::time::{LocalHour, MICROS_PER_HOUR};

/// Rows handled at a time: their columns and the lines of their users stay in the second-level cache.
const BATCH_ROWS: usize = 1 << 12;
/// Partials that may pile up before they are merged, if nothing merged before: 192 MiB.
const PILE: usize = 8 << 20;

/// What one thread found.
#[derive(Default)]
pub struct Share {
    pub users: Users,
    pub cells: Cells,
    pub pile: Pile,
    /// The users by canonical id, once closed.
    pub sorted_users: Vec<Led>,
    pub rejects: Rejects,
    /// Rows read for the first time, and events counted.
    pub rows: u64,
    pub events: u64,
    merge_at: usize,
    columns: Columns,
}

impl Share {
    /// Reads one row group and counts its events that belong to the batch's days.
    ///
    /// # Errors
    /// Pages that cannot be decoded; a footer whose time range is not that of its rows.
    pub fn read(
        &mut self,
        file: &EventFile,
        group: &RowGroup,
        batch: &Batch,
        first_read: bool,
        zone: Option<Tz>,
        bar: &StageBar,
    ) -> Result<()> {
        let place = || file.place(group.index);
        let damaged =
            || format!("{}: damaged; copy the file again, or take it out of the folder", place());
        let mut times = Times::new(zone, file.timestamp_type()).with_context(place)?;
        let mut columns = std::mem::take(&mut self.columns);
        let bytes = file.bytes(group.index);
        let mut row = 0;
        let mut counted = |share: &mut Share, columns: &Columns| -> Result<()> {
            let rows = columns.users.len() as u64;
            share.count(columns, group, batch, first_read, |i| {
                format!("{}, row {}", place(), row + i as u64 + 1)
            })?;
            row += rows;
            if first_read {
                share.rows += rows;
                bar.add_rows(rows);
                bar.add_bytes(bytes * rows / group.rows.max(1));
            }
            if share.pile.len() >= share.merge_at.max(PILE) {
                share.pile.compact();
                share.merge_at = 2 * share.pile.len();
            }
            Ok(())
        };
        if let Some(mut pages) = PageColumns::open(file, group.index)? {
            let mut left = usize::try_from(group.rows)?;
            while left > 0 {
                let rows = left.min(BATCH_ROWS);
                let Share { users, cells, .. } = self;
                columns
                    .take_pages(&mut pages, rows, users, cells, &mut times)
                    .with_context(damaged)?;
                counted(self, &columns)?;
                left -= rows;
            }
            pages.finish().with_context(damaged)?;
        } else {
            for arrays in file.read(group.index, BATCH_ROWS)? {
                let arrays = arrays.with_context(damaged)?;
                let Share { users, cells, .. } = self;
                columns.take_arrays(&arrays, users, cells, &mut times).with_context(place)?;
                counted(self, &columns)?;
            }
        }
        self.columns = columns;
        if row != group.rows {
            bail!("{}: {row} rows where the footer says {}", place(), group.rows);
        }
        Ok(())
    }

    fn count(
        &mut self,
        columns: &Columns,
        group: &RowGroup,
        batch: &Batch,
        first_read: bool,
        place: impl Fn(usize) -> String,
    ) -> Result<()> {
        let base = batch.first.first_hour();
        let start = base.start_us();
        let end = crate::time::LocalDate(batch.last.0 + 1).first_hour().start_us();
        let rows = columns.users.iter().zip(&columns.cells).zip(&columns.local_us);
        for (i, ((&user, &cell), &us)) in rows.enumerate() {
            let usable = user != NO_USER && cell != NO_CELL;
            if usable && us >= start && us < end {
                let into_batch = us - start;
                let hour = into_batch / MICROS_PER_HOUR;
                // within an hour there are 3.6e9 microseconds, which 32 bits hold
                let into_hour = (into_batch - hour * MICROS_PER_HOUR) as u32;
                self.users.count(user, hour as u32, cell, into_hour, &mut self.pile);
                self.events += 1;
                continue;
            }
            if usable && believable(us) {
                let day = LocalHour::of(us).date();
                if group.days.is_none_or(|(low, high)| day < low || day > high) {
                    bail!(
                        "{}: {day} is outside the time range that the file's footer states; write the file again",
                        place(i)
                    );
                }
                // another batch's day
                continue;
            }
            if first_read {
                self.rejects.add(reason(user, us), || place(i));
            }
        }
        Ok(())
    }

    /// Ends the share: every open presence is put down, and users are brought into order.
    pub fn close(&mut self) {
        self.users.close(&mut self.pile);
        self.pile.sort_by_user();
        self.sorted_users = sorted_users(self);
    }
}

fn reason(user: u32, local_us: i64) -> Reason {
    match local_us {
        _ if user == NO_USER => Reason::UserMissing,
        MISSING => Reason::TimeMissing,
        UNREADABLE => Reason::TimeUnreadable,
        us if !believable(us) => Reason::TimeUnbelievable,
        _ => Reason::CellMissing,
    }
}

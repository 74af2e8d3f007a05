//! One thread's share of a batch: row groups in, partial presences out.

use anyhow::{Context, Result, anyhow, bail};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use chrono_tz::Tz;

use super::cells::{Cells, NO_CELL};
use super::combine::{Led, sorted_users};
use super::group::Pile;
use super::plan::{Batch, RowGroup};
use super::rejects::{Reason, Rejects};
use super::users::{NO_USER, Users};
use crate::ids::user_key_of_text;
use crate::io::events::EventFile;
use crate::io::id_pages::{IdPages, NULL_NUMBER, Piece};
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
    /// Numbers of the ids in the dictionary of the column chunk under way.
    dictionary: Vec<u32>,
}

/// Reused column buffers.
#[derive(Default)]
struct Columns {
    users: Vec<u32>,
    cells: Vec<u32>,
    local_us: Vec<i64>,
    text: Vec<u8>,
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
        let mut times = Times::new(zone, file.timestamp_type()).with_context(place)?;
        let mut row = 0;
        let share = file.bytes(group.index);
        let damaged =
            || format!("{}: damaged; copy the file again, or take it out of the folder", place());
        let mut pages = file.user_pages(group.index)?;
        self.dictionary.clear();
        for columns in file.read(group.index, BATCH_ROWS, pages.is_none())? {
            let columns = columns.with_context(damaged)?;
            let rows = columns.cells.len();
            let mut buffers = std::mem::take(&mut self.columns);
            buffers.users.clear();
            match (&mut pages, &columns.users) {
                (Some(pages), _) => self
                    .users_of_pages(pages, rows, file.users_are_text(), &mut buffers)
                    .with_context(damaged)?,
                (None, Some(column)) => self.users_of_column(column, &mut buffers),
                (None, None) => {}
            }
            self.cells.intern_column(&columns.cells, &mut buffers.cells).with_context(place)?;
            times.convert(&columns.times, &mut buffers.local_us).with_context(place)?;
            self.count(&buffers, group, batch, first_read, |i| {
                format!("{}, row {}", place(), row + i + 1)
            })?;
            self.columns = buffers;
            row += rows;
            if first_read {
                self.rows += rows as u64;
                bar.add_rows(rows as u64);
                bar.add_bytes(share * rows as u64 / group.rows.max(1));
            }
            if self.pile.len() >= self.merge_at.max(PILE) {
                self.pile.compact();
                self.merge_at = 2 * self.pile.len();
            }
        }
        if let Some(pages) = &mut pages
            && pages.next(1).with_context(damaged)?.is_some()
        {
            return Err(anyhow!("there are more user ids than rows")).with_context(damaged);
        }
        if row as u64 != group.rows {
            bail!("{}: {row} rows where the footer says {}", place(), group.rows);
        }
        Ok(())
    }

    /// Numbers of the next `rows` user ids of a column that is read page by page.
    fn users_of_pages(
        &mut self,
        pages: &mut IdPages,
        rows: usize,
        text: bool,
        buffers: &mut Columns,
    ) -> Result<()> {
        let Columns { users: out, text: scratch, .. } = buffers;
        while out.len() < rows {
            let Some(piece) = pages.next(rows - out.len())? else {
                bail!("there are fewer user ids than rows");
            };
            let (page, ids, out) = match piece {
                Piece::Numbers(numbers) => {
                    for &number in numbers {
                        out.push(match self.dictionary.get(number as usize) {
                            Some(user) => *user,
                            None if number == NULL_NUMBER => NO_USER,
                            None => bail!("a user id is not in the dictionary of its page"),
                        });
                    }
                    continue;
                }
                Piece::Dictionary { page, ids } => {
                    self.dictionary.clear();
                    (page, ids, &mut self.dictionary)
                }
                Piece::Ids { page, ids } => (page, ids, &mut *out),
            };
            if text {
                for id in ids {
                    let id = std::str::from_utf8(id.of(page)).context("text that is not UTF-8")?;
                    out.push(user_of_text(&mut self.users, id, scratch));
                }
            } else {
                self.users.intern_all(ids.len(), |i| Some(ids[i].of(page)), out);
            }
        }
        Ok(())
    }

    /// Numbers of the user ids of a column in memory.
    fn users_of_column(&mut self, column: &ArrayRef, buffers: &mut Columns) {
        let Columns { users: out, text, .. } = buffers;
        let users = &mut self.users;
        match column.data_type() {
            DataType::FixedSizeBinary(_) => {
                let ids = column.as_fixed_size_binary();
                users.intern_all(ids.len(), |i| ids.is_valid(i).then(|| ids.value(i)), out);
            }
            DataType::BinaryView => {
                let ids = column.as_binary_view();
                users.intern_all(ids.len(), |i| ids.is_valid(i).then(|| ids.value(i)), out);
            }
            // the footer check leaves text only
            _ => {
                let ids = column.as_string_view().iter();
                out.extend(ids.map(|id| user_of_text(users, id.unwrap_or_default(), text)));
            }
        }
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

fn user_of_text(users: &mut Users, id: &str, scratch: &mut Vec<u8>) -> u32 {
    if id.is_empty() { NO_USER } else { users.intern(user_key_of_text(id, scratch)) }
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

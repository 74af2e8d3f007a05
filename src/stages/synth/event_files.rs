//! Writes the event files of one day on several threads, and counts the rows.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow};
use chrono::NaiveDate;

use super::cells::Cells;
use super::event_writer::{EventWriter, Rows};
use super::events::{Segment, draw, slices};
use super::layout::Layout;
use super::people::{DayPaths, user_id};
use super::random::stream;
use super::tables::days_since_1970;
use crate::progress::StageBar;

/// Rows per batch of the Parquet writer.
const BATCH_ROWS: usize = 1 << 15;
/// Size of a row in memory, bytes: 32 for the user id, 8 each for cell and time.
pub const ROW_BYTES: u64 = 48;

/// Counts of one day, taken while rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayCount {
    pub events: u64,
    pub events_per_hour: [u64; 24],
    /// Rows with the same user, second and cell as an earlier row.
    pub repeated_rows: u64,
    /// Rows with a cell outside the main country.
    pub events_outside: u64,
    /// For each user, whether there is at least one row.
    pub seen: Vec<bool>,
}

impl DayCount {
    /// Of a day without rows.
    pub fn new(users: usize) -> DayCount {
        DayCount {
            events: 0,
            events_per_hour: [0; 24],
            repeated_rows: 0,
            events_outside: 0,
            seen: vec![false; users],
        }
    }

    fn add(&mut self, other: &DayCount) {
        self.events += other.events;
        self.repeated_rows += other.repeated_rows;
        self.events_outside += other.events_outside;
        for (own, more) in self.events_per_hour.iter_mut().zip(other.events_per_hour) {
            *own += more;
        }
        for (own, more) in self.seen.iter_mut().zip(&other.seen) {
            *own |= more;
        }
    }
}

/// The data from which events are generated.
pub struct EventContext<'a> {
    pub seed: u64,
    pub layout: Layout,
    pub user_ids: &'a [[u8; 32]],
    pub cells: &'a Cells,
    /// True for cells outside the main country.
    pub outside: &'a [bool],
}

/// The pseudonymous ids of all users.
pub fn user_ids(seed: u64, users: u64) -> Vec<[u8; 32]> {
    (0..users as u32).map(|user| user_id(seed, user)).collect()
}

/// Writes the files of one day into `folder`. Each file has its own random stream, so its bytes do
/// not depend on the number of threads.
///
/// # Errors
/// If the folder cannot be written.
pub fn write_day(
    context: &EventContext,
    paths: &DayPaths,
    day: NaiveDate,
    events: u64,
    folder: &Path,
    bar: &StageBar,
) -> Result<DayCount> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let files = slices(events);
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let work = || -> Result<DayCount> {
        let mut count = DayCount::new(context.user_ids.len());
        let mut latest_s = vec![u32::MAX; context.user_ids.len()];
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(segments) = files.get(number) else { return Ok(count) };
            if failed.load(Ordering::Relaxed) {
                return Ok(count);
            }
            let path = folder.join(format!("part-{number:05}.{}", context.layout.extension()));
            let file = EventFile { context, paths, day, number, bar };
            file.write(segments, &path, &mut count, &mut latest_s)
                .inspect_err(|_| failed.store(true, Ordering::Relaxed))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    };
    let threads =
        std::thread::available_parallelism().map_or(1, usize::from).min(files.len()).min(8);
    let counts: Vec<Result<DayCount>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let panicked = || anyhow!("a thread that wrote events panicked");
        workers.into_iter().map(|w| w.join().unwrap_or_else(|_| Err(panicked()))).collect()
    });
    let mut total = DayCount::new(context.user_ids.len());
    for count in counts {
        total.add(&count?);
    }
    Ok(total)
}

struct EventFile<'a> {
    context: &'a EventContext<'a>,
    paths: &'a DayPaths,
    day: NaiveDate,
    number: usize,
    bar: &'a StageBar,
}

impl EventFile<'_> {
    fn write(
        &self,
        segments: &[Segment],
        path: &Path,
        count: &mut DayCount,
        latest_s: &mut [u32],
    ) -> Result<()> {
        let users = self.context.user_ids.len();
        let file = File::create(path)?;
        let mut writer = match self.context.layout.csv() {
            Some(layout) => EventWriter::csv(file, layout, self.day)?,
            None => EventWriter::parquet(file, self.day, users)?,
        };
        let day = days_since_1970(self.day);
        let mut rng = stream(self.context.seed, "events", &[day as u64, self.number as u64]);
        let mut rows = Rows::default();
        for &segment in segments {
            draw(segment, users as u32, &mut rng, |second, user| -> Result<()> {
                let cell = self.paths.cell_at(user, second) as usize;
                rows.users.extend_from_slice(&self.context.user_ids[user as usize]);
                rows.cells.push(self.context.cells.ids[cell]);
                rows.seconds.push(second);
                count.events += 1;
                count.events_per_hour[second as usize / 3_600] += 1;
                count.events_outside += u64::from(self.context.outside[cell]);
                // in one second a user is always at the same cell
                count.repeated_rows += u64::from(latest_s[user as usize] == second);
                latest_s[user as usize] = second;
                if rows.cells.len() == BATCH_ROWS {
                    self.flush(&mut rows, &mut writer)?;
                }
                Ok(())
            })?;
        }
        self.flush(&mut rows, &mut writer)?;
        writer.finish()?;
        for (seen, latest) in count.seen.iter_mut().zip(&mut *latest_s) {
            *seen |= *latest != u32::MAX;
        }
        Ok(())
    }

    fn flush(&self, rows: &mut Rows, writer: &mut EventWriter) -> Result<()> {
        let rows = std::mem::take(rows);
        let count = rows.cells.len() as u64;
        writer.write(rows)?;
        self.bar.add_rows(count);
        self.bar.add_bytes(count * ROW_BYTES);
        Ok(())
    }
}

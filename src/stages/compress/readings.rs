//! What was read of a batch, in memory or on disk.

use std::ops::Range;

use anyhow::{Context, Result};

use super::combined::{Combined, combine, rank_cells};
use super::memory::MemoryBound;
use super::presence_file::rows_in_memory;
use super::presence_files::files_for;
use super::reread::Reread;
use super::spill::Pieces;
use super::spilled_runs::{CountOptions, SpilledRuns};
use super::survey::SurveyedInput;
use super::user_read::{Overlaps, UserRead};
use super::work::Work;
use super::worker_state::{ReadOptions, WorkerState};
use crate::checks::duplicates::Touching;
use crate::domain::numbers::size;
use crate::events;
use crate::runtime::parallel::{Tasks, cores, on_threads};
use crate::storage::Location;

/// The runs of all users. Users and cells have numbers that sort as their canonical ids do.
pub enum Readings {
    InMemory(Combined),
    OnDisk(SpilledRuns),
}

impl Readings {
    /// Number of users.
    pub fn users(&self) -> usize {
        match self {
            Readings::InMemory(runs) => runs.users(),
            Readings::OnDisk(runs) => runs.users(),
        }
    }

    /// Canonical cell ids in byte order.
    pub fn cells(&self) -> &[String] {
        match self {
            Readings::InMemory(runs) => &runs.cells,
            Readings::OnDisk(runs) => &runs.cells,
        }
    }

    /// Bytes of users and runs in memory.
    pub fn bytes_in_use(&self) -> u64 {
        match self {
            Readings::InMemory(runs) => runs.bytes_in_use(),
            Readings::OnDisk(_) => 0,
        }
    }

    /// Calls `visit` with each of the users, in order.
    ///
    /// # Errors
    /// Those of `visit`; a temporary file that cannot be read.
    pub fn visit(
        &self,
        users: Range<usize>,
        visit: impl FnMut(UserRead) -> Result<()>,
    ) -> Result<()> {
        match self {
            Readings::InMemory(runs) => runs.visit(users, visit),
            Readings::OnDisk(runs) => runs.visit(users, visit),
        }
    }
}

/// Reads the row groups of a batch.
pub struct Reader<'a> {
    pub work: &'a Work<'a>,
    pub memory: &'a MemoryBound,
    /// Whether overlapping runs matter, and which runs may touch.
    pub in_order: bool,
    pub touching: Touching,
}

impl Reader<'_> {
    /// Reads the row groups of a batch on all cores, while `in_use` bytes hold other results.
    ///
    /// # Errors
    /// Damaged inputs; a full disk; a bound on memory that cannot be kept.
    pub fn read(&self, options: &ReadOptions, in_use: u64) -> Result<Vec<WorkerState>> {
        let work = self.work;
        let opened = |number: &usize| {
            let group = &work.groups[*number];
            let file = work.survey.inputs[group.file].file.as_ref();
            file.context("a file that is to be read was not opened").map(|file| (file, group))
        };
        let groups = &options.batch.groups;
        let rows = groups.iter().map(|(number, _)| work.groups[*number].rows).sum();
        let rows = rows_of_file(rows, rows);
        let is_remote = |input: &SurveyedInput| matches!(input.input.location, Location::Remote(_));
        let fetched = match work.survey.inputs.iter().any(is_remote) {
            true => self.memory.to_fetch(in_use),
            false => 0,
        };
        let share = self.memory.to_read(cores().min(groups.len()), in_use + fetched, rows)?;
        let options = &ReadOptions { state_bytes: share.state_bytes, ..*options };
        let in_order = groups.iter().map(|(n, _)| opened(n).map(|(file, g)| (file, g.index)));
        let in_order = in_order.collect::<Result<Vec<_>>>()?;
        let ahead = events::prefetch_within(in_order, fetched)?;
        let tasks: Vec<_> = groups.iter().enumerate().collect();
        let tasks = Tasks::new(&tasks);
        on_threads(share.threads, || {
            let mut worker = WorkerState::default();
            tasks.each(|(turn, (number, first_read))| {
                let (file, group) = opened(number)?;
                let source = ahead.take(*turn).with_context(|| group.place())?;
                worker.read(file, source, *number as u32, group, *first_read, options)
            })?;
            worker.finish(options)?;
            Ok(worker)
        })
    }

    /// Combines what the threads have read: equal ids get one number. `events` is the number of events.
    ///
    /// # Errors
    /// More ids than can be numbered; a full disk.
    pub fn combine(
        &self,
        mut workers: Vec<WorkerState>,
        options: &ReadOptions,
        events: u64,
    ) -> Result<(Readings, Overlaps)> {
        if self.has_room_to_write(&workers, events) {
            let combined = combine(workers)?;
            let overlaps = match self.in_order {
                true => combined.overlaps(self.touching)?,
                false => Overlaps::default(),
            };
            if overlaps.users == 0 || self.memory.has_room_to_read(cores(), combined.bytes_in_use())
            {
                return Ok((Readings::InMemory(combined), overlaps));
            }
            workers = combined.into_workers();
        }
        let (cells, ranks) = rank_cells(&workers);
        let pieces = on_disk(workers, ranks, options)?;
        self.work.progress.detail(&format!(
            "compress: {} of what was read did not fit into memory and went to disk",
            size(pieces.bytes())
        ));
        let count = CountOptions {
            files: files_for(events),
            threads: cores(),
            buffer: MemoryBound::merge_buffer(pieces.len()),
            in_order: self.in_order,
            touching: self.touching,
        };
        let (runs, overlaps) = SpilledRuns::count(pieces, cells, &count)?;
        Ok((Readings::OnDisk(runs), overlaps))
    }

    /// Reads the events of users with overlapping runs again, one by one.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn reread(
        &self,
        first: &Readings,
        overlaps: &Overlaps,
        options: &ReadOptions,
        events: u64,
    ) -> Result<Reread> {
        if overlaps.users == 0 {
            return Ok(Reread::None);
        }
        let in_use = first.bytes_in_use();
        let options = ReadOptions { only_users: Some(&overlaps.filter), ..*options };
        let workers = self.read(&options, in_use)?;
        let rank = |cell: &String| first.cells().binary_search(cell).unwrap_or_default() as u32;
        let bytes: u64 = workers.iter().map(WorkerState::bytes_in_use).sum();
        let is_in_memory = workers.iter().all(|worker| worker.pieces.is_empty());
        if is_in_memory && self.has_room_beside(first, bytes, events) {
            let events = combine(workers)?;
            let cells = events.cells.iter().map(rank).collect();
            return Ok(Reread::InMemory { events, cells });
        }
        let ranks = workers.iter().map(|w| w.cells.names().iter().map(rank).collect()).collect();
        let events = on_disk(workers, ranks, &options)?;
        let buffer = MemoryBound::merge_buffer(events.len());
        Ok(Reread::OnDisk { events, buffer })
    }

    /// True if everything is in memory and the rows can be written without moving it to disk.
    fn has_room_to_write(&self, workers: &[WorkerState], events: u64) -> bool {
        let bytes = workers.iter().map(WorkerState::bytes_in_use).sum();
        let runs: u64 = workers.iter().map(|worker| worker.runs.len() as u64).sum();
        workers.iter().all(|worker| worker.pieces.is_empty())
            && self.memory.writers(cores(), bytes, rows_of_file(runs, events)).is_some()
    }

    /// True if the rows can be written while `reread` bytes hold the events that were read again.
    fn has_room_beside(&self, first: &Readings, reread: u64, events: u64) -> bool {
        match first {
            Readings::InMemory(runs) => {
                let in_use = runs.bytes_in_use() + reread;
                let rows = rows_of_file(runs.runs(), events);
                self.memory.writers(cores(), in_use, rows).is_some()
            }
            Readings::OnDisk(runs) => {
                let in_use = runs.digest_bytes() + reread;
                self.memory.has_room_to_write_from_disk(in_use, runs.most_runs())
            }
        }
    }
}

/// Rows of a file that are in memory at once, about: files have the same number of users, but some of these
/// have more runs.
pub fn rows_of_file(runs: u64, events: u64) -> u64 {
    rows_in_memory(2 * runs / files_for(events) as u64)
}

/// Moves to disk what is left in memory. `cells` are the combined numbers of the cells of each thread.
fn on_disk(
    mut workers: Vec<WorkerState>,
    cells: Vec<Vec<u32>>,
    options: &ReadOptions,
) -> Result<Pieces> {
    for worker in &mut workers {
        if !worker.users.is_empty() {
            worker.write_piece(options)?;
        }
    }
    let of_thread = |(thread, worker): (usize, WorkerState)| {
        worker.pieces.into_iter().map(move |piece| (thread, piece))
    };
    let pieces = workers.into_iter().enumerate().flat_map(of_thread).collect();
    Ok(Pieces::new(pieces, cells))
}

//! Checks and writes the dates of a batch, on all cores.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::StringArray;

use super::batches::Batch;
use super::date_rows::{Judge, JudgeContext};
use super::date_totals::DateTotals;
use super::findings::Findings;
use super::memory::MemoryBound;
use super::output::Output;
use super::presence_file::{PresenceFile, rows_in_memory};
use super::presence_files;
use super::readings::{Readings, rows_of_file};
use super::reread::Reread;
use super::spilled_runs::SpilledRuns;
use super::visits_file::VisitsFile;
use crate::domain::time::LocalDate;
use crate::runtime::parallel::{Tasks, cores, on_threads};

/// What is written, and from what.
pub struct WriteDates<'a> {
    pub context: &'a JudgeContext<'a>,
    pub readings: &'a Readings,
    pub reread: &'a Reread,
    pub batch: &'a Batch,
    pub output: &'a Output,
}

/// Some users, whose rows are in one file of each date, and the dates that are written at once.
struct Task {
    file: usize,
    users: Range<usize>,
    dates: Range<u32>,
}

/// Totals by date of the batch, from 0, and what the checks found.
type Written = (BTreeMap<u32, DateTotals>, Findings);

impl WriteDates<'_> {
    /// Writes the files of all dates, which contain `events`; returns the results of each thread.
    ///
    /// # Errors
    /// When a file cannot be written; a bound on memory that cannot be kept.
    pub fn all(&self, memory: &MemoryBound, events: u64) -> Result<Vec<Written>> {
        let users = presence_files::user_ranges(self.readings.users(), events);
        let dates = 0..self.context.dates.len() as u32;
        let (threads, tasks) = match self.readings {
            Readings::InMemory(runs) => {
                let in_use = runs.bytes_in_use() + self.reread.bytes_in_use();
                let rows = rows_of_file(runs.runs(), events);
                let threads = memory.writers(cores(), in_use, rows).unwrap_or(1);
                let task = |(file, users)| Task { file, users, dates: dates.clone() };
                (threads, users.into_iter().enumerate().map(task).collect())
            }
            Readings::OnDisk(runs) => self.tasks_on_disk(memory, runs, users)?,
        };
        let cells = Arc::new(StringArray::from_iter_values(self.readings.cells()));
        let in_turn = Tasks::new(&tasks);
        on_threads(threads.min(tasks.len()), || {
            let (mut totals, mut findings) = (BTreeMap::new(), Findings::default());
            in_turn.each(|task| {
                let (of_task, found) = self.write(task, &cells)?;
                findings.merge(found);
                for (day, more) in of_task {
                    totals.entry(day).or_insert_with(DateTotals::default).merge(more);
                }
                Ok(())
            })?;
            Ok((totals, findings))
        })
    }

    /// The tasks, each with as many dates as can be written at once, and the number of threads.
    fn tasks_on_disk(
        &self,
        memory: &MemoryBound,
        runs: &SpilledRuns,
        users: Vec<Range<usize>>,
    ) -> Result<(usize, Vec<Task>)> {
        let rows: Vec<BTreeMap<u32, u64>> =
            users.iter().map(|users| runs.runs_by_date(users)).collect();
        let largest = rows.iter().flat_map(BTreeMap::values).copied().max().unwrap_or_default();
        let largest = rows_in_memory(largest);
        let in_use = runs.digest_bytes() + self.reread.bytes_in_use();
        let threads = memory.writers_from_disk(cores(), in_use, largest, runs.most_runs())?;
        let most = memory.rows_at_once(threads, in_use).max(largest);
        let mut tasks = Vec::new();
        for ((file, users), by_date) in users.into_iter().enumerate().zip(&rows) {
            let (mut dates, mut rows) = (0..0, 0);
            for number in 0..self.context.dates.len() as u32 {
                let of_date = rows_in_memory(by_date.get(&number).copied().unwrap_or_default());
                if rows + of_date > most && !dates.is_empty() {
                    tasks.push(Task { file, users: users.clone(), dates });
                    (dates, rows) = (number..number, 0);
                }
                dates.end = number + 1;
                rows += of_date;
            }
            tasks.push(Task { file, users, dates });
        }
        Ok((threads, tasks))
    }

    fn write(&self, task: &Task, cells: &Arc<StringArray>) -> Result<Written> {
        let mut judge = Judge::new(self.context, task.dates.clone(), self.reread);
        let mut files: BTreeMap<u32, (PresenceFile, VisitsFile)> = BTreeMap::new();
        self.readings.visit(task.users.clone(), |user| {
            judge.add(user, |day, name, rows, visits| {
                let (file, visits_file) = match files.entry(day) {
                    Entry::Occupied(file) => file.into_mut(),
                    Entry::Vacant(place) => {
                        let date = LocalDate(self.batch.first.0 + day as i32);
                        let first = self.batch.first;
                        let rows = self.output.presence_file(date, task.file, cells, first)?;
                        place.insert((rows, self.output.visits_file(date, task.file)?))
                    }
                };
                file.add(name, rows)?;
                visits_file.add(name, visits)
            })
        })?;
        let Judge { mut totals, findings, .. } = judge;
        for (day, (file, visits_file)) in files {
            visits_file.finish()?;
            totals.entry(day).or_default().bytes += file.finish()?;
        }
        Ok((totals, findings))
    }
}

//! The floor of `compress`: what it takes to read and decode event files, and to number their ids too, on
//! all cores and without anything else. Run as `cargo bench --bench decode -- FOLDER`; the folder contains
//! event files with the default columns.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, ensure};
use mobility::config::Columns;
use mobility::domain::id_slot::IdSlot;
use mobility::domain::ids::UserKey;
use mobility::events::{self, EventBatch, EventFile, EventReader, IdEncoder};
use mobility::runtime::parallel::{Tasks, cores, on_threads};
use mobility::stages::compress::cell_ids::CellIds;
use mobility::stages::compress::user_ids::UserIds;

/// Rows that are decoded at a time, as in `compress`.
const BATCH_ROWS: usize = 1 << 12;
const ROUNDS: usize = 5;

/// Looks at the length of each id and numbers none.
#[derive(Default)]
struct Undistinguished {
    bytes: usize,
}

impl IdEncoder for Undistinguished {
    fn user(&mut self, id: UserKey) -> IdSlot {
        black_box(id);
        IdSlot::new(0)
    }

    fn users<'a>(
        &mut self,
        rows: usize,
        id: impl Fn(usize) -> Option<&'a [u8]>,
        out: &mut Vec<IdSlot>,
    ) {
        for row in 0..rows {
            self.bytes += id(row).map_or(0, <[u8]>::len);
            out.push(IdSlot::new(0));
        }
    }

    fn cell(&mut self, id: &str) -> IdSlot {
        self.bytes += id.len();
        IdSlot::new(0)
    }

    fn cell_number(&mut self, id: i64) -> IdSlot {
        black_box(id);
        IdSlot::new(0)
    }
}

/// Numbers all ids, as `compress` does.
#[derive(Default)]
struct Numbered {
    users: UserIds,
    cells: CellIds,
}

impl IdEncoder for Numbered {
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

    fn cell_number(&mut self, id: i64) -> IdSlot {
        self.cells.intern_number(id)
    }
}

/// Reads all files and returns the number of events.
fn read<E: IdEncoder + Default>(files: &[EventFile]) -> Result<usize> {
    let parts: Vec<(&EventFile, usize)> =
        files.iter().flat_map(|file| (0..file.parts()).map(move |part| (file, part))).collect();
    let tasks = Tasks::new(&parts);
    let counts = on_threads(cores().min(parts.len()), || {
        let (mut ids, mut batch, mut events) = (E::default(), EventBatch::default(), 0);
        tasks.each(|(file, part)| {
            let (source, times) = (file.source(*part)?, file.times(None)?);
            let mut reader = EventReader::open(file, source, *part, times, BATCH_ROWS)?;
            while reader.next_batch(&mut ids, &mut batch)? {
                events += black_box(&batch).len();
            }
            Ok(())
        })?;
        Ok(events)
    })?;
    Ok(counts.into_iter().sum())
}

fn time(what: &str, run: impl Fn() -> Result<usize>) -> Result<()> {
    let mut seconds = Vec::new();
    let mut events = 0;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        events = run()?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let [least, median, most] = [seconds[0], seconds[ROUNDS / 2], seconds[ROUNDS - 1]];
    println!("{what}: {events} events in {median:.2} s [{least:.2}–{most:.2}]");
    Ok(())
}

fn main() -> Result<()> {
    let folders: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    ensure!(
        !folders.is_empty(),
        "name a folder with event files: cargo bench --bench decode -- FOLDER"
    );
    let files = events::open(&Columns::default(), events::list_files(&folders)?.files)?;
    time("reading and decoding", || read::<Undistinguished>(&files))?;
    time("the same with numbers for users and cells", || read::<Numbered>(&files))
}

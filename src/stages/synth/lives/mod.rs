//! Devices with lives: homes, work places, holidays, trips and phones that lie still, and what was planted.
//!
//! Dates are generated one after the other, blocks of devices on all cores. What happens after midnight is
//! kept until the next date, so memory does not grow with the number of days.

mod blocks;
mod calendar;
mod device;
mod network;
mod plan;
mod signals;
#[cfg(test)]
mod tests;
mod truth_tables;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use anyhow::{Context, Result, anyhow, bail};
use chrono::{Days, NaiveDate};
use sha2::{Digest, Sha256};

use super::event_files::{DayCount, ROW_BYTES};
use super::people::user_id;
use super::settings::{Settings, days};
use super::truth::Truth;
use crate::progress::{Progress, StageBar};
use crate::storage::atomic::AtomicFile;
use blocks::{BlockDay, BlockState, DEVICES_PER_BLOCK, World};
pub use device::Device;
use device::SEEN_PER_DAY;
pub use network::Network;
pub use truth_tables::OF_PEOPLE_ALONE;
use truth_tables::{Period, TruthTables};

/// How the work is divided.
#[derive(Debug, Clone, Copy)]
pub struct Workers {
    pub threads: usize,
    /// Each block of devices has an event file of its own on each date.
    pub devices_per_block: usize,
}

impl Workers {
    /// As many threads as there are cores.
    pub fn of_machine() -> Workers {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Workers { threads, devices_per_block: DEVICES_PER_BLOCK }
    }
}

/// All devices; they are the same for the same seed and cells.
pub fn devices(settings: &Settings, network: &Network) -> Vec<Device> {
    (0..settings.people as u32).map(|n| Device::new(settings.seed, n, network)).collect()
}

/// Writes the events of all days into `folder`, and the ground truth beside the final folders. Returns its
/// files, which are still to be renamed.
///
/// # Errors
/// If a file cannot be written.
pub fn write(
    settings: &Settings,
    network: &Network,
    devices: &[Device],
    folder: &Path,
    truth: &mut Truth,
    progress: &Progress,
    workers: Workers,
) -> Result<Vec<AtomicFile>> {
    let seed = settings.seed;
    let devices_per_block = workers.devices_per_block;
    let layout = settings.layout;
    let world = World { seed, layout, network, devices, devices_per_block };
    let last = settings.start + Days::new(u64::from(settings.days) - 1);
    let mut tables = TruthTables::create(&settings.out, network, last)?;
    let bar = progress.bar("synth", expected_rows(settings) * ROW_BYTES);
    let mut states: Vec<Option<BlockState>> = (0..world.blocks()).map(|_| None).collect();
    let mut user_ids = pseudonyms(seed, devices.len(), 0);
    tables.add_homes(devices, &user_ids, &period(settings, 0, last))?;
    for day in days(settings) {
        if let Some(before) = settings.rotations.iter().position(|date| *date == day) {
            let number = before + 1;
            let new = pseudonyms(seed, devices.len(), number);
            tables.add_rotation(day, &user_ids, &new)?;
            tables.add_homes(devices, &new, &period(settings, number, last))?;
            truth.rotate();
            user_ids = new;
        }
        let into = folder.join(settings.layout.day_folder(day));
        std::fs::create_dir_all(&into)
            .with_context(|| format!("cannot create the folder {}", into.display()))?;
        let mut count = DayCount::new(devices.len());
        let work = DayWork { world: &world, day, user_ids: &user_ids, folder: &into, bar: &bar };
        work.run(&mut states, workers.threads, |number, block| {
            add(&mut count, number * devices_per_block, &block);
            tables.add_day(day, &block)
        })?;
        truth.add_day(day, &count);
    }
    bar.finish();
    tables.finish()
}

/// About as many as there will be; devices abroad and phones that are off have fewer.
fn expected_rows(settings: &Settings) -> u64 {
    let per_day: f64 = SEEN_PER_DAY.iter().map(|(seen, share)| f64::from(*seen) * share).sum();
    (per_day * 0.88 * settings.people as f64) as u64 * u64::from(settings.days)
}

/// The dates between two changes of pseudonyms, the first period being 0.
fn period(settings: &Settings, number: usize, last: NaiveDate) -> Period {
    let first = number.checked_sub(1).map_or(settings.start, |before| settings.rotations[before]);
    let next = settings.rotations.get(number).and_then(|date| date.pred_opt());
    Period { first, last: next.unwrap_or(last) }
}

/// The pseudonymous ids of all devices in a period.
fn pseudonyms(seed: u64, devices: usize, period: usize) -> Vec<[u8; 32]> {
    (0..devices as u32)
        .map(|device| match period {
            0 => user_id(seed, device),
            _ => Sha256::digest(format!("{seed}:{device}:{period}")).into(),
        })
        .collect()
}

/// `first` is the first device of the block.
fn add(count: &mut DayCount, first: usize, block: &BlockDay) {
    count.events += block.events;
    count.events_outside += block.events_outside;
    for (own, more) in count.events_per_hour.iter_mut().zip(block.events_per_hour) {
        *own += more;
    }
    count.seen[first..first + block.seen.len()].copy_from_slice(&block.seen);
}

/// A date that is to be generated.
struct DayWork<'a> {
    world: &'a World<'a>,
    day: NaiveDate,
    user_ids: &'a [[u8; 32]],
    folder: &'a Path,
    bar: &'a StageBar,
}

impl DayWork<'_> {
    /// Generates all blocks on several threads, and calls `done` for each of them in order.
    fn run(
        &self,
        states: &mut [Option<BlockState>],
        threads: usize,
        mut done: impl FnMut(usize, BlockDay) -> Result<()>,
    ) -> Result<()> {
        let blocks = states.len();
        let waiting = Mutex::new(states.iter_mut().enumerate());
        let failed = AtomicBool::new(false);
        let (send, receive) = mpsc::channel();
        let work = |send: mpsc::Sender<(usize, Result<BlockDay>)>| {
            while !failed.load(Ordering::Relaxed) {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((number, state)) = next else { return };
                // no receiver is left once another block has failed
                if send.send((number, self.block(number, state))).is_err() {
                    return;
                }
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.clamp(1, blocks.max(1)))
                .map(|_| {
                    let (send, work) = (send.clone(), &work);
                    scope.spawn(move || work(send))
                })
                .collect();
            drop(send);
            let outcome = in_order(&receive, &mut done);
            failed.store(outcome.is_err(), Ordering::Relaxed);
            drop(receive);
            for worker in workers {
                worker.join().map_err(|_| anyhow!("a thread that wrote events panicked"))?;
            }
            match outcome? {
                count if count == blocks => Ok(()),
                count => bail!("only {count} of {blocks} blocks of events were written"),
            }
        })
    }

    fn block(&self, number: usize, state: &mut Option<BlockState>) -> Result<BlockDay> {
        let state = state.get_or_insert_with(|| self.world.begin(number, self.day));
        let user_ids = &self.user_ids[self.world.range(number)];
        let block = self.world.write_day(number, self.day, state, user_ids, self.folder)?;
        self.bar.add_rows(block.events);
        self.bar.add_bytes(block.events * ROW_BYTES);
        Ok(block)
    }
}

/// Passes on what is received in the order of the blocks, and returns the number of blocks.
fn in_order(
    receive: &mpsc::Receiver<(usize, Result<BlockDay>)>,
    done: &mut impl FnMut(usize, BlockDay) -> Result<()>,
) -> Result<usize> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    for (number, block) in receive {
        early.insert(number, block?);
        while let Some(block) = early.remove(&next) {
            done(next, block)?;
            next += 1;
        }
    }
    Ok(next)
}

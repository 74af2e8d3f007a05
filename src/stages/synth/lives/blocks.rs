//! Blocks of devices: each has one event file a day, which any thread can write.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::NaiveDate;

use super::super::event_writer::{EventWriter, Rows};
use super::super::layout::Layout;
use super::super::tables::days_since_1970;
use super::calendar::{Night, Reason};
use super::device::Device;
use super::network::Network;
use super::plan::{DAY_S, Plan};
use super::signals::Signals;

/// Devices of a block; so many user ids fit the dictionary of a Parquet file.
pub const DEVICES_PER_BLOCK: usize = 1 << 14;
/// Rows per batch of the writer.
const BATCH_ROWS: usize = 1 << 15;
/// Bits of a cell, and of a device in its block, in [`pack`].
const CELL_BITS: u32 = 22;
const DEVICE_BITS: u32 = 14;

/// A planned trip. Times are seconds since the midnight before `day`, and may be of the next date.
#[derive(Debug, Clone, Copy)]
pub struct Trip {
    pub device: u32,
    pub day: i32,
    pub departed_s: i32,
    pub arrived_s: i32,
    pub from: u32,
    pub to: u32,
}

/// A date on which a device in the country does not move.
#[derive(Debug, Clone, Copy)]
pub struct StillDate {
    pub device: u32,
    pub site: u32,
    pub handovers: u16,
    /// Distance to the farthest site to which it was handed, metres.
    pub farthest_m: f32,
}

/// A night that is not spent at home.
#[derive(Debug, Clone, Copy)]
pub struct NightAway {
    pub device: u32,
    pub night: Night,
}

/// What a block did on a date.
pub struct BlockDay {
    pub events: u64,
    pub events_per_hour: [u64; 24],
    pub events_outside: u64,
    /// For each device, whether there is at least one event.
    pub seen: Vec<bool>,
    /// Trips of the plans of this date, and on the first date also of the night before.
    pub trips: Vec<Trip>,
    pub still: Vec<StillDate>,
    pub nights: Vec<NightAway>,
}

/// A device that stays at one site in a part of a date.
#[derive(Clone, Copy, Default)]
struct StillPart {
    site: Option<u32>,
    handovers: u16,
    farthest_m: f32,
}

/// What a block keeps of the plans of a date for the next one: what happens after midnight.
#[derive(Default)]
pub struct BlockState {
    events: Vec<u64>,
    /// Filled only before the first date: trips else belong to the date of their plan.
    trips: Vec<Trip>,
    still: Vec<StillPart>,
}

/// What all blocks share.
pub struct World<'a> {
    pub seed: u64,
    pub layout: Layout,
    pub network: &'a Network,
    pub devices: &'a [Device],
    /// At most [`DEVICES_PER_BLOCK`].
    pub devices_per_block: usize,
}

impl World<'_> {
    pub fn blocks(&self) -> usize {
        self.devices.len().div_ceil(self.devices_per_block)
    }

    /// The devices of a block.
    pub fn range(&self, number: usize) -> Range<usize> {
        let first = number * self.devices_per_block;
        first..self.devices.len().min(first + self.devices_per_block)
    }

    /// The state before `day`: what the plans of the date before leave for it.
    pub fn begin(&self, number: usize, day: NaiveDate) -> BlockState {
        let mut state = BlockState::default();
        let (before, _) = self.plan(number, days_since_1970(day) - 1, &mut state);
        state.trips = before.trips.into_iter().filter(|trip| trip.departed_s >= DAY_S).collect();
        state
    }

    /// Generates a date and writes its event file. `user_ids` are those of the block.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_day(
        &self,
        number: usize,
        day: NaiveDate,
        state: &mut BlockState,
        user_ids: &[[u8; 32]],
        folder: &Path,
    ) -> Result<BlockDay> {
        let (mut date, events) = self.plan(number, days_since_1970(day), state);
        let path = folder.join(format!("part-{number:05}.{}", self.layout.extension()));
        self.write(&events, day, user_ids, &path, &mut date)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(date)
    }

    /// The events of a date in order of time, and what goes into the ground truth.
    fn plan(&self, number: usize, day: i32, state: &mut BlockState) -> (BlockDay, Vec<u64>) {
        let range = self.range(number);
        let (first, devices) = (range.start as u32, &self.devices[range]);
        let mut date = BlockDay {
            events: 0,
            events_per_hour: [0; 24],
            events_outside: 0,
            seen: vec![false; devices.len()],
            trips: std::mem::take(&mut state.trips),
            still: Vec::new(),
            nights: Vec::new(),
        };
        let mut events = std::mem::take(&mut state.events);
        let mut later = Vec::new();
        state.still.resize(devices.len(), StillPart::default());
        let mut signals = Signals::new(self.seed, self.network);
        let mut plan = Plan::default();
        for (within, device) in devices.iter().enumerate() {
            let number = first + within as u32;
            plan.fill(self.seed, number, device, self.network, day);
            signals.of(number, device, day, &plan, |at_s, cell| {
                if at_s < DAY_S {
                    events.push(pack(at_s, within, cell));
                } else {
                    later.push(pack(at_s - DAY_S, within, cell));
                }
            });
            date.trips.extend(plan.stays.windows(2).map(|pair| Trip {
                device: number,
                day,
                departed_s: pair[0].to_s,
                arrived_s: pair[1].from_s,
                from: pair[0].site,
                to: pair[1].site,
            }));
            let away = |n: &Night| !matches!(n.reason, Reason::Home | Reason::Absent);
            if let Some(night) = plan.night.filter(away) {
                date.nights.push(NightAway { device: number, night });
            }
            let morning = state.still[within];
            let [rest, after_midnight] = self.still_parts(&plan, &signals);
            if morning.site.is_some() && morning.site == rest.site {
                date.still.extend(rest.site.map(|site| StillDate {
                    device: number,
                    site,
                    handovers: morning.handovers + rest.handovers,
                    farthest_m: morning.farthest_m.max(rest.farthest_m),
                }));
            }
            state.still[within] = after_midnight;
        }
        events.sort_unstable();
        state.events = later;
        (date, events)
    }

    /// Where a device stays during the part of a plan before midnight, and during that after midnight.
    fn still_parts(&self, plan: &Plan, signals: &Signals) -> [StillPart; 2] {
        let whole = |from_s: i32, to_s: i32| {
            let stay = plan.stays.iter().find(|stay| stay.from_s <= from_s && stay.to_s >= to_s);
            let mut part = StillPart { site: stay.map(|stay| stay.site), ..StillPart::default() };
            let within = |from: i32| (from_s..to_s).contains(&from);
            for handover in signals.handovers.iter().filter(|h| within(h.from_s)) {
                part.handovers += 1;
                let metres = self.network.distance_m(handover.at, handover.site) as f32;
                part.farthest_m = part.farthest_m.max(metres);
            }
            part
        };
        [whole(plan.from_s, DAY_S), whole(DAY_S, plan.to_s)]
    }

    fn write(
        &self,
        events: &[u64],
        day: NaiveDate,
        user_ids: &[[u8; 32]],
        path: &Path,
        date: &mut BlockDay,
    ) -> Result<()> {
        let file = File::create(path)?;
        let mut writer = match self.layout.csv() {
            Some(layout) => EventWriter::csv(file, layout, day)?,
            None => EventWriter::parquet(file, day, user_ids.len())?,
        };
        for events in events.chunks(BATCH_ROWS) {
            let mut rows = Rows::default();
            for &event in events {
                let (second, within, cell) = unpack(event);
                rows.users.extend_from_slice(&user_ids[within]);
                rows.cells.push(self.network.cells.ids[cell]);
                rows.seconds.push(second);
                date.seen[within] = true;
                date.events_per_hour[second as usize / 3_600] += 1;
                date.events_outside += u64::from(self.network.outside[cell]);
            }
            date.events += events.len() as u64;
            writer.write(rows)?;
        }
        writer.finish()
    }
}

/// An event as a number that sorts by second of the day, device within the block, and cell.
fn pack(second: i32, within: usize, cell: u32) -> u64 {
    ((second as u64) << (DEVICE_BITS + CELL_BITS))
        | ((within as u64) << CELL_BITS)
        | u64::from(cell)
}

fn unpack(event: u64) -> (u32, usize, usize) {
    let second = event >> (DEVICE_BITS + CELL_BITS);
    let within = event >> CELL_BITS & ((1 << DEVICE_BITS) - 1);
    (second as u32, within as usize, (event & ((1 << CELL_BITS) - 1)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_events_hold_the_largest_values_and_sort_by_time() {
        let last = (86_399, DEVICES_PER_BLOCK - 1, 1_999_999);
        let packed = pack(last.0, last.1, last.2);
        assert_eq!(unpack(packed), (86_399, last.1, 1_999_999));
        assert!(pack(86_398, last.1, last.2) < packed && packed < pack(86_400, 0, 0));
    }
}

//! The events of a device on a day: when it is seen, and which cell serves it.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::random::{chance, mix, pick, quick_stream, signed_unit, unit};
use super::device::{Device, Kind};
use super::network::Network;
use super::plan::{DAY_S, Plan, Stay};

const HOUR: i32 = 3_600;

/// Relative number of events in each clock hour.
const HOURLY: [u8; 24] = [
    50, 36, 30, 28, 30, 42, 64, 88, 104, 108, 110, 112, 114, 112, 110, 112, 116, 120, 118, 110,
    104, 96, 84, 66,
];
/// Share of events that another follows within a minute.
const FOLLOWED_SHARE: f64 = 0.25;
/// Share of events on the way at one of the sites around the nearest one.
const DETOURED_SHARE: f64 = 0.1;
/// Largest sideways deviation of a route, as a share of its length.
const BEND: f64 = 0.15;

/// Seconds between handovers at a place, and the share of places (by device) where it is so.
const HANDOVER_GAPS: [(f64, f64); 3] = [(3_600.0, 0.15), (3.0 * 3_600.0, 0.3), (36_000.0, 0.55)];
/// A phone that lies still is handed over for 1 to 30 minutes, seconds.
const SHORTEST_HANDOVER_S: f64 = 60.0;
const LONGEST_HANDOVER_S: f64 = 1_800.0;
/// Share of handovers to another cell at the same site.
const SAME_SITE_SHARE: f64 = 0.25;
/// Probability that a handover to a neighbouring site is to the nearest, else to the second, and so on.
const NEXT_SITE_SHARE: f64 = 0.45;
/// Number of sites to which phones that lie still are handed.
pub const HANDOVER_SITES: usize = 8;

/// Share of nights on which devices are off that are switched off at night.
const OFF_NIGHTS_SHARE: f64 = 0.8;
/// Share of days on which a device is off for some hours.
const OFF_HOURS_SHARE: f64 = 0.04;
/// Share of days on which a device is off.
const OFF_DAY_SHARE: f64 = 0.015;

/// A time in which another cell serves a phone that lies still.
#[derive(Debug, Clone, Copy)]
pub struct Handover {
    /// Seconds since the midnight before the plan.
    pub from_s: i32,
    pub to_s: i32,
    /// The site whose cell serves, and the one where the phone is.
    pub site: u32,
    pub at: u32,
    cell: u32,
}

/// Generates events, one device after the other.
pub struct Signals<'a> {
    seed: u64,
    network: &'a Network,
    /// Each clock hour as often as events fall into it.
    hours: Vec<u8>,
    times: Vec<i32>,
    off: Vec<(i32, i32)>,
    /// Those of the latest plan, in order of time.
    pub handovers: Vec<Handover>,
}

impl<'a> Signals<'a> {
    pub fn new(seed: u64, network: &'a Network) -> Signals<'a> {
        let hours = (0..24u8).zip(HOURLY).flat_map(|(hour, n)| std::iter::repeat_n(hour, n.into()));
        Signals {
            seed,
            network,
            hours: hours.collect(),
            times: Vec::new(),
            off: Vec::new(),
            handovers: Vec::new(),
        }
    }

    /// Calls `event(second, cell)` for each event of a device during a plan, in order of time. Seconds are
    /// counted from the midnight before the plan and distinct.
    pub fn of(
        &mut self,
        number: u32,
        device: &Device,
        day: i32,
        plan: &Plan,
        mut event: impl FnMut(i32, u32),
    ) {
        self.handovers.clear();
        if plan.stays.is_empty() {
            return;
        }
        let rng = &mut quick_stream(self.seed, 3, number.into(), day as u64);
        for stay in &plan.stays {
            self.hand_over(number, stay, rng);
        }
        self.switch_off(number, device, day, plan, rng);
        self.draw_times(number, device, plan, rng);
        let (mut next, mut handover) = (0, 0);
        for &at_s in &self.times {
            while plan.stays.get(next).is_some_and(|stay| stay.to_s <= at_s) {
                next += 1;
            }
            while self.handovers.get(handover).is_some_and(|h| h.to_s <= at_s) {
                handover += 1;
            }
            let Some(stay) = plan.stays.get(next) else { break };
            if self.off.iter().any(|(from, to)| (*from..*to).contains(&at_s)) {
                continue;
            }
            if at_s >= stay.from_s {
                let away = self.handovers.get(handover).filter(|h| h.from_s <= at_s);
                event(at_s, away.map_or_else(|| self.own_cell(number, stay.site), |h| h.cell));
            } else if let Some(before) = next.checked_sub(1).map(|last| plan.stays[last]) {
                let bend =
                    signed_unit(mix(mix(self.seed, 33, number.into()), day as u64, next as u64));
                event(at_s, self.on_the_way(&before, stay, BEND * bend, at_s, rng));
            }
        }
    }

    /// The cell that serves a device at a site as a rule.
    fn own_cell(&self, number: u32, site: u32) -> u32 {
        self.network.cell(site, mix(mix(self.seed, 31, number.into()), site.into(), 0))
    }

    fn draw_times(&mut self, number: u32, device: &Device, plan: &Plan, rng: &mut ChaCha8Rng) {
        self.times.clear();
        let habit = 0.7 + 0.6 * unit(mix(self.seed, 32, number.into()));
        let today = rng.random_range(0.6..1.4);
        let expected = f64::from(device.seen_per_day) * habit * today / (1.0 + FOLLOWED_SHARE);
        let whole = expected as u32;
        for _ in 0..whole + u32::from(chance(rng, expected - f64::from(whole))) {
            let hour = self.hours[rng.random_range(0..self.hours.len())];
            let clock_s = i32::from(hour) * HOUR + rng.random_range(0..HOUR);
            let at_s = if clock_s < plan.from_s { clock_s + DAY_S } else { clock_s };
            self.times.push(at_s);
            if chance(rng, FOLLOWED_SHARE) {
                self.times.push((at_s + rng.random_range(1..60)).min(plan.to_s - 1));
            }
        }
        self.times.sort_unstable();
        self.times.dedup();
    }

    /// The times in a stay in which the phone is handed to another cell. A place has one to three sites
    /// around it to which it is handed.
    fn hand_over(&mut self, number: u32, stay: &Stay, rng: &mut ChaCha8Rng) {
        let hash = |n: u64| mix(mix(self.seed, 34, number.into()), stay.site.into(), n);
        let mut left = unit(hash(0));
        let mut usual_gap_s = 0.0;
        for (gap_s, share) in HANDOVER_GAPS {
            usual_gap_s = gap_s;
            left -= share;
            if left < 0.0 {
                break;
            }
        }
        let own = self.own_cell(number, stay.site);
        let mut at_s = f64::from(stay.from_s);
        loop {
            at_s += usual_gap_s * rng.random_range(0.2..1.8);
            let share = rng.random::<f64>();
            let length_s = SHORTEST_HANDOVER_S
                + (LONGEST_HANDOVER_S - SHORTEST_HANDOVER_S) * share * share * share;
            if at_s + length_s >= f64::from(stay.to_s) {
                return;
            }
            let site = if chance(rng, SAME_SITE_SHARE) {
                stay.site
            } else {
                let place = 1 + rng.random_range(0..1 + hash(1) % 3);
                self.site_around(stay.site, hash(1 + place))
            };
            let cell = self.network.cell(site, hash(9).wrapping_add(rng.random()));
            if cell != own {
                let (from_s, to_s) = (at_s as i32, (at_s + length_s) as i32);
                self.handovers.push(Handover { from_s, to_s, site, at: stay.site, cell });
            }
            at_s += length_s;
        }
    }

    /// One of the sites around a site, the nearest ones most often.
    fn site_around(&self, site: u32, hash: u64) -> u32 {
        let around = self.network.neighbours(site);
        let mut left = unit(hash);
        let mut share = NEXT_SITE_SHARE;
        for other in around.iter().take(HANDOVER_SITES) {
            left -= share;
            if left < 0.0 {
                return *other;
            }
            share *= 1.0 - NEXT_SITE_SHARE;
        }
        around.first().copied().unwrap_or(site)
    }

    /// The times in which the phone is off.
    fn switch_off(
        &mut self,
        number: u32,
        device: &Device,
        day: i32,
        plan: &Plan,
        rng: &mut ChaCha8Rng,
    ) {
        self.off.clear();
        if device.off_at_night && !device.works_at_night() {
            // the end of the night before, and the night of this day
            for (night, shift_s) in [(day - 1, -DAY_S), (day, 0)] {
                let hash = mix(mix(self.seed, 35, number.into()), night as u64, 0);
                if unit(hash) < OFF_NIGHTS_SHARE {
                    let from_s = (22.75 * f64::from(HOUR)) as i32 + (hash % 4_500) as i32;
                    let to_s = (30.25 * f64::from(HOUR)) as i32 + (hash / 4_500 % 4_500) as i32;
                    self.off.push((from_s + shift_s, to_s + shift_s));
                }
            }
        }
        if device.kind != Kind::Still && chance(rng, OFF_HOURS_SHARE) {
            let from_s = rng.random_range(plan.from_s..plan.to_s);
            self.off.push((from_s, from_s + rng.random_range(HOUR..9 * HOUR)));
        }
        if chance(rng, OFF_DAY_SHARE) {
            self.off.push((plan.from_s, plan.to_s));
        }
    }

    /// The cell that serves a phone between two stays: of the nearest site to a point on a bent line.
    fn on_the_way(
        &self,
        before: &Stay,
        after: &Stay,
        bend: f64,
        at_s: i32,
        rng: &mut ChaCha8Rng,
    ) -> u32 {
        let [x, y] = self.network.cells.position_m(before.site);
        let [to_x, to_y] = self.network.cells.position_m(after.site);
        let share = f64::from(at_s - before.to_s) / f64::from((after.from_s - before.to_s).max(1));
        let (east, north) = (to_x - x, to_y - y);
        let aside = 4.0 * bend * share * (1.0 - share);
        let position = [x + share * east - aside * north, y + share * north + aside * east];
        let nearest = self.network.serving(&position).unwrap_or(before.site);
        let site = if chance(rng, DETOURED_SHARE) {
            let around = self.network.neighbours(nearest);
            pick(rng, &around[..around.len().min(3)]).unwrap_or(nearest)
        } else {
            nearest
        };
        self.network.cell(site, rng.random())
    }
}

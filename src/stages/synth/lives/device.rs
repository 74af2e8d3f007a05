//! Devices: where they live and work, and how often they are seen.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::random::{chance, pick, quick_stream};
use super::network::Network;

/// Share of devices that never move, such as meters and alarms.
const STILL_SHARE: f64 = 0.04;
/// Share of devices from abroad.
const FOREIGN_SHARE: f64 = 0.08;
/// Share of residents with a work place.
const WORKER_SHARE: f64 = 0.6;
/// Share of workers whose work place is chosen in the LAU of their home. Many others happen to be there too,
/// so that about 60 % work in it.
const LOCAL_WORK_SHARE: f64 = 0.35;
/// Share of residents with a second home, unless they work at night.
const SECOND_HOME_SHARE: f64 = 0.08;
/// Share of devices that are switched off on most nights.
const OFF_AT_NIGHT_SHARE: f64 = 0.1;
/// How often devices are seen on a day, and the share of devices that are seen so often.
pub const SEEN_PER_DAY: [(u16, f64); 3] = [(10, 0.3), (40, 0.4), (130, 0.3)];
/// Shifts, and the share of workers who work in them.
const SHIFTS: [(Shift, f64); 4] =
    [(Shift::Night, 0.07), (Shift::Early, 0.1), (Shift::Late, 0.08), (Shift::Day, 0.75)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Lives at a home in the main country.
    Resident,
    /// Never moves from its home.
    Still,
    /// Comes for one to three nights now and then, and has no home in the country.
    Foreign,
}

impl Kind {
    /// As in the ground truth.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Resident => "resident",
            Kind::Still => "still",
            Kind::Foreign => "foreign",
        }
    }
}

/// When a worker works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    Early,
    Day,
    Late,
    Night,
}

impl Shift {
    /// As in the ground truth.
    pub fn name(self) -> &'static str {
        match self {
            Shift::Early => "early",
            Shift::Day => "day",
            Shift::Late => "late",
            Shift::Night => "night",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    pub site: u32,
    pub shift: Shift,
}

/// A device; all of this stays the same on every day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    pub kind: Kind,
    /// Mean number of events on a day in the country.
    pub seen_per_day: u16,
    pub home: Option<u32>,
    pub job: Option<Job>,
    pub second_home: Option<u32>,
    pub off_at_night: bool,
}

impl Device {
    pub fn new(seed: u64, number: u32, network: &Network) -> Device {
        let rng = &mut quick_stream(seed, 1, number.into(), 0);
        let seen_per_day = weighted(&SEEN_PER_DAY, rng);
        let kind = weighted(
            &[
                (Kind::Still, STILL_SHARE),
                (Kind::Foreign, FOREIGN_SHARE),
                (Kind::Resident, 1.0 - STILL_SHARE - FOREIGN_SHARE),
            ],
            rng,
        );
        let off_at_night = kind != Kind::Still && chance(rng, OFF_AT_NIGHT_SHARE);
        let mut device =
            Device { kind, seen_per_day, home: None, job: None, second_home: None, off_at_night };
        if kind != Kind::Foreign {
            device.home = pick(rng, network.in_main_country());
        }
        if let (Kind::Resident, Some(home)) = (kind, device.home) {
            device.job = job(home, network, rng);
            let works_at_night = device.job.is_some_and(|job| job.shift == Shift::Night);
            if !works_at_night && chance(rng, SECOND_HOME_SHARE) {
                device.second_home = (0..8)
                    .filter_map(|_| pick(rng, network.in_main_country()))
                    .find(|site| !network.same_lau(home, *site));
            }
        }
        device
    }

    /// Whether the device works at night.
    pub fn works_at_night(&self) -> bool {
        self.job.is_some_and(|job| job.shift == Shift::Night)
    }
}

/// A work place other than the home: in the LAU of the home, or the nearest of a few random sites, so
/// that most commutes are short and some are long.
fn job(home: u32, network: &Network, rng: &mut ChaCha8Rng) -> Option<Job> {
    if !chance(rng, WORKER_SHARE) {
        return None;
    }
    let shift = weighted(&SHIFTS, rng);
    let local = chance(rng, LOCAL_WORK_SHARE)
        .then(|| network.nearest_of(3, home, network.in_lau_of(home), rng))
        .flatten();
    let site = local.or_else(|| network.nearest_of(8, home, network.in_main_country(), rng))?;
    Some(Job { site, shift })
}

/// A random item of a list with shares; the last one takes what rounding leaves.
fn weighted<T: Copy>(items: &[(T, f64)], rng: &mut ChaCha8Rng) -> T {
    let mut left = rng.random::<f64>();
    let mut chosen = items[0].0;
    for (item, share) in items {
        chosen = *item;
        left -= share;
        if left < 0.0 {
            break;
        }
    }
    chosen
}

//! `od_pairs_per_day`: pairs of LAUs in which devices were seen, in order.

use arrow::array::ArrayRef;
use hashbrown::HashMap;

use super::Computation;
use super::columns::{integers, optional_texts, same_day};
use super::planned_places::PlannedPlaces;
use super::user_rows::Seen;
use crate::domain::time::MICROS_PER_HOUR;

/// The number of the LAU of events outside all LAUs, which comes last.
const OUTSIDE: u32 = u32::MAX;

/// When a device was seen in a LAU.
struct InLau {
    lau: u32,
    first_us: i64,
    last_us: i64,
}

pub struct OdPairs {
    day: i32,
    /// The labels of the second ones of equal clock hours.
    repeated: Vec<i64>,
    devices: HashMap<(u32, u32), i64>,
    /// The LAUs of a user.
    seen: Vec<InLau>,
}

impl OdPairs {
    pub fn on(day: i32, repeated: Vec<i64>) -> Self {
        OdPairs { day, repeated, devices: HashMap::new(), seen: Vec::new() }
    }

    /// The first and the last time of a row in the order of the day: from a repeated hour on, an hour later than
    /// by the clock.
    fn times(&self, row: &Seen) -> (i64, i64) {
        let is_later = |repeated: &i64| row.label_us >= *repeated;
        let hour = |is_later: bool| if is_later { MICROS_PER_HOUR } else { 0 };
        // with several repeated hours on a date, the earliest and the latest time by any of them
        let all = !self.repeated.is_empty() && self.repeated.iter().all(is_later);
        let any = self.repeated.iter().any(is_later);
        (row.first_us + hour(all), row.last_us + hour(any))
    }
}

impl Computation for OdPairs {
    const WITH_TIMES: bool = true;

    fn add(&mut self, _: &str, rows: &[Seen]) {
        let mut seen = std::mem::take(&mut self.seen);
        seen.clear();
        for row in rows {
            let lau = row.place.lau.unwrap_or(OUTSIDE);
            let (first_us, last_us) = self.times(row);
            match seen.iter_mut().find(|known| known.lau == lau) {
                Some(known) => {
                    known.first_us = known.first_us.min(first_us);
                    known.last_us = known.last_us.max(last_us);
                }
                None => seen.push(InLau { lau, first_us, last_us }),
            }
        }
        for from in &seen {
            for to in seen.iter().filter(|to| from.first_us <= to.last_us) {
                *self.devices.entry((from.lau, to.lau)).or_default() += 1;
            }
        }
        self.seen = seen;
    }

    fn combined(parts: Vec<Self>) -> Vec<Self> {
        let add = |mut a: OdPairs, b: OdPairs| {
            for (pair, devices) in b.devices {
                *a.devices.entry(pair).or_default() += devices;
            }
            a
        };
        parts.into_iter().reduce(add).into_iter().collect()
    }

    fn columns(self, plan: &PlannedPlaces) -> Vec<ArrayRef> {
        let mut pairs: Vec<((u32, u32), i64)> = self.devices.into_iter().collect();
        pairs.sort_unstable();
        let lau = |number: u32| (number != OUTSIDE).then(|| plan.lau(number));
        vec![
            same_day(self.day, pairs.len()),
            optional_texts(pairs.iter().map(|((from, _), _)| lau(*from))),
            optional_texts(pairs.iter().map(|((_, to), _)| lau(*to))),
            integers(pairs.iter().map(|(_, devices)| *devices)),
        ]
    }
}

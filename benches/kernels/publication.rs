//! Disclosure control of linked tables.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use mobility::publication::{Problem, Table, Thresholds, suppress};

use crate::random::Random;

const LAUS: u64 = 79;
const DATES: u64 = 31;
const DEVICES: u64 = 3_686;

/// Devices by date, by LAU, and by LAU and half of the day; few LAUs have most of the devices.
fn tables() -> Problem {
    let mut random = Random(11);
    let mut problem = Problem::new(Thresholds::default());
    for date in 0..DATES {
        let day = problem.count(format!("{date}"), DEVICES, Table::Sparse);
        for lau in 0..LAUS {
            let devices = 1 + random.below(2 * DEVICES / (lau + 1) / 5);
            let by_day = 1 + random.below(devices);
            // the others, and some that are seen in both halves
            let by_night = devices - by_day + random.below(by_day);
            let name = |part: &str| format!("{date} {lau} {part}");
            let all = problem.count(name("all"), devices, Table::Sparse);
            let parts = [("day", by_day), ("night", by_night)]
                .map(|(part, n)| problem.count(name(part), n, Table::Complete));
            problem.contains(day, &[all]).unwrap();
            problem.seen_in(all, &parts).unwrap();
        }
    }
    problem
}

#[divan::bench(sample_count = 5)]
fn withhold(bencher: Bencher) {
    let problem = tables();
    bencher
        .counter(ItemsCount::new(problem.len()))
        .bench_local(|| suppress(black_box(&problem)).unwrap());
}

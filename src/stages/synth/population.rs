//! The population of LAU units, which the weights of devices are made from.

use rand::RngExt;

use super::cells::Cells;
use super::random::{chance, stream};

/// Inhabitants for each device that lives in a unit: the share of people with a device differs between units.
const INHABITANTS_PER_DEVICE: std::ops::Range<f64> = 3.0..12.0;
/// Inhabitants of a unit in which no device lives.
const WITHOUT_DEVICES: std::ops::Range<i64> = 40..400;
/// Share of units without a population.
const MISSING_SHARE: f64 = 0.05;
/// How the files of Eurostat mark a missing value.
const MISSING: i64 = -9_999;

/// The number of devices that live in each unit, from the indices of the cells where they live.
pub fn by_unit(homes: impl Iterator<Item = u32>, cells: &Cells, units: u32) -> Vec<u32> {
    let mut count = vec![0; units as usize];
    for unit in homes.filter_map(|home| cells.unit[home as usize]) {
        count[unit as usize] += 1;
    }
    count
}

/// The population of each unit; one in twenty has none.
pub fn of_units(seed: u64, homes_by_unit: &[u32]) -> Vec<i64> {
    let mut rng = stream(seed, "population", &[]);
    let population = |homes: &u32| {
        let per_device = rng.random_range(INHABITANTS_PER_DEVICE);
        let alone = rng.random_range(WITHOUT_DEVICES);
        match homes {
            _ if chance(&mut rng, MISSING_SHARE) => MISSING,
            0 => alone,
            homes => (f64::from(*homes) * per_device).round() as i64,
        }
    };
    homes_by_unit.iter().map(population).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn population_follows_the_devices_that_live_in_a_unit() {
        let homes: Vec<u32> = (0..400).map(|unit| (unit % 4) * 100).collect();
        let population = of_units(1, &homes);
        assert_eq!(population, of_units(1, &homes));
        assert_ne!(population, of_units(2, &homes));
        let missing = population.iter().filter(|p| **p == MISSING).count();
        assert!((8..=35).contains(&missing), "{missing}");
        for (homes, people) in homes.iter().zip(&population).filter(|(_, p)| **p != MISSING) {
            let homes = i64::from(*homes);
            let expected = if homes == 0 { 40..=399 } else { 3 * homes..=12 * homes };
            assert!(expected.contains(people), "{people} people, {homes} devices");
        }
    }
}

//! Assigns hexagons to LAU units: coast, two countries, units, enclosed towns, exclaves.

use anyhow::{Result, bail};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rstar::RTree;
use rstar::primitives::GeomWithData;

use super::lattice::{BOX_M, Lattice};
use super::random::{Noise, mix, pick, stream};
use super::settings::Settings;

/// The label of hexagons that belong to no unit.
pub const SEA: u32 = u32::MAX;

/// Mean northing of the border between the countries, metres.
const BORDER_NORTHING_M: f64 = 3_945_000.0;

/// Number of random candidates for the seed of each unit. The candidate farthest from earlier seeds
/// is used, which reduces differences in size but keeps units irregular.
const SEED_CANDIDATES: usize = 5;

/// Enclosed towns and exclaves: radius of the enclosed disc, and radius of the disc that must lie in
/// the host. Larger ones are tried first.
const ENCLOSURES: [(i32, i32); 4] = [(2, 3), (1, 2), (0, 1), (0, 0)];

type SeedTree = RTree<GeomWithData<[f64; 2], u32>>;

/// The labelled map. Units of EE are `0..main_units`, units of LV follow.
#[derive(Debug)]
pub struct LauMap {
    pub lattice: Lattice,
    labels: Vec<u32>,
    /// Units of the main country.
    pub main_units: u32,
    /// Units of both countries.
    pub units: u32,
    /// Start of each unit's hexagons in `by_unit`, and the end of the last unit.
    starts: Vec<usize>,
    by_unit: Vec<u32>,
}

impl LauMap {
    /// # Errors
    /// If there is not enough land for the units.
    pub fn new(settings: &Settings) -> Result<LauMap> {
        let main_units = settings.laus as u32;
        let second_units = settings.second_country_laus() as u32;
        let units = main_units + second_units;
        let lattice = Lattice::new(hexagons_for(units));
        let seed = settings.seed;
        let spacing_m =
            (lattice.side_m * lattice.side_m * 1.5 * 3f64.sqrt() * lattice.len() as f64
                / f64::from(units))
            .sqrt();
        let warp = Warp::new(seed, spacing_m);
        let mut labels = vec![SEA; lattice.len()];
        let [main_land, second_land] = land(&lattice, seed);
        // towns are cut out of other units
        let towns = main_units / 16;
        let mut rng = stream(seed, "laus", &[]);
        for (land, first, count) in
            [(&main_land, 0, main_units - towns), (&second_land, main_units, second_units)]
        {
            if land.len() < count as usize {
                bail!(
                    "not enough land for {count} LAUs: {} hexagons; choose another --seed",
                    land.len()
                );
            }
            let seeds = seeds(&lattice, &warp, land, first, count, &mut rng);
            for &hexagon in land {
                let at = warp.apply(lattice.centre_m(hexagon));
                labels[hexagon as usize] =
                    seeds.nearest_neighbor(&at).map_or(SEA, |seed| seed.data);
            }
        }
        let mut map =
            LauMap { lattice, labels, main_units, units, starts: vec![], by_unit: vec![] };
        map.index();
        map.enclose(towns, &mut rng)?;
        map.index();
        Ok(map)
    }

    /// The unit of a hexagon; [`SEA`] for none and outside the map.
    pub fn label(&self, hexagon: Option<u32>) -> u32 {
        hexagon.map_or(SEA, |h| self.labels[h as usize])
    }

    /// Hexagons of a unit in ascending order.
    pub fn hexagons(&self, unit: u32) -> &[u32] {
        &self.by_unit[self.starts[unit as usize]..self.starts[unit as usize + 1]]
    }

    /// True if the hexagon and its six neighbours have the same label.
    pub fn is_interior(&self, hexagon: u32) -> bool {
        let own = self.label(Some(hexagon));
        self.lattice.sides(hexagon).iter().all(|(_, _, across)| self.label(*across) == own)
    }

    fn index(&mut self) {
        let mut starts = vec![0usize; self.units as usize + 1];
        for &label in self.labels.iter().filter(|l| **l != SEA) {
            starts[label as usize + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut next = starts.clone();
        self.by_unit = vec![0; starts.last().copied().unwrap_or(0)];
        for (hexagon, &label) in self.labels.iter().enumerate().filter(|(_, l)| **l != SEA) {
            self.by_unit[next[label as usize]] = hexagon as u32;
            next[label as usize] += 1;
        }
        self.starts = starts;
    }

    /// Places `towns` units, the last ones of the main country, inside other units, and gives some
    /// units an exclave inside a neighbour. Hosts get holes, and owners of exclaves a second polygon.
    fn enclose(&mut self, towns: u32, rng: &mut ChaCha8Rng) -> Result<()> {
        let base = self.main_units - towns;
        let mut hosts: Vec<u32> = (0..base).collect();
        for i in (1..hosts.len()).rev() {
            hosts.swap(i, rng.random_range(0..=i));
        }
        let exclaves = if base < 2 { 0 } else { (self.main_units / 40).max(1) };
        let mut newcomers: Vec<Option<u32>> = (base..self.main_units).map(Some).collect();
        newcomers.extend((0..exclaves).map(|_| None));
        let mut waiting = newcomers.into_iter().peekable();
        for (enclosed, inside) in ENCLOSURES {
            let mut unused = Vec::new();
            for host in hosts {
                let Some(newcomer) = waiting.peek().copied() else { return Ok(()) };
                let owner = newcomer.or_else(|| self.neighbour(host));
                let disc = owner.and_then(|_| self.room(host, enclosed, inside));
                match (owner, disc) {
                    (Some(owner), Some(disc)) => {
                        disc.iter().for_each(|h| self.labels[*h as usize] = owner);
                        waiting.next();
                    }
                    _ => unused.push(host),
                }
            }
            hosts = unused;
        }
        match waiting.next() {
            // a town that cannot be placed would be a unit without land
            Some(Some(_)) => bail!("cannot place {towns} enclosed towns; choose another --seed"),
            _ => Ok(()),
        }
    }

    /// A disc inside the host, with a margin around it, that does not cover the whole host.
    fn room(&self, host: u32, enclosed: i32, inside: i32) -> Option<Vec<u32>> {
        let hexagons = self.hexagons(host);
        let owned = |disc: &[u32]| disc.iter().all(|h| self.labels[*h as usize] == host);
        // start in the middle: hexagons are ordered by row, and middle rows are rarely at a border
        let (south, north) = hexagons.split_at(hexagons.len() / 2);
        let place = north
            .iter()
            .chain(south)
            .find(|h| self.lattice.disc(**h, inside).is_some_and(|disc| owned(&disc)))?;
        let disc = self.lattice.disc(*place, enclosed)?;
        (disc.len() < hexagons.len()).then_some(disc)
    }

    /// Any other unit of the main country that is adjacent to this one.
    fn neighbour(&self, unit: u32) -> Option<u32> {
        let around = self.hexagons(unit).iter().flat_map(|h| self.lattice.sides(*h));
        around
            .map(|(_, _, across)| self.label(across))
            .find(|label| *label != unit && *label < self.main_units)
    }
}

/// Number of hexagons; fewer per unit if there are many units, to limit the size of the file.
fn hexagons_for(units: u32) -> u64 {
    let per_unit = match units {
        0..=1_000 => 300,
        1_001..=10_000 => 120,
        _ => 45,
    };
    (u64::from(units) * per_unit).max(6_000)
}

/// Distorts positions, so that straight borders between seeds become irregular.
struct Warp {
    east: Noise,
    north: Noise,
    reach_m: f64,
}

impl Warp {
    fn new(seed: u64, spacing_m: f64) -> Warp {
        let noise = |n| Noise { seed: mix(seed, n, 1), wavelength_m: 0.9 * spacing_m, octaves: 3 };
        Warp { east: noise(1), north: noise(2), reach_m: 0.5 * spacing_m }
    }

    fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [x + self.reach_m * self.east.at(x, y), y + self.reach_m * self.north.at(x, y)]
    }
}

/// Land hexagons of the main and of the second country.
fn land(lattice: &Lattice, seed: u64) -> [Vec<u32>; 2] {
    let coast = Noise { seed: mix(seed, 3, 1), wavelength_m: 90_000.0, octaves: 5 };
    let border = Noise { seed: mix(seed, 4, 1), wavelength_m: 120_000.0, octaves: 5 };
    let mut land = [Vec::new(), Vec::new()];
    for hexagon in 0..lattice.len() as u32 {
        let [x, y] = lattice.centre_m(hexagon);
        let width = BOX_M[2] - BOX_M[0];
        let height = BOX_M[3] - BOX_M[1];
        // the sea is in the west and north; south and east end in a narrow shore as well
        let inland = [
            (x - BOX_M[0]) / (0.2 * width),
            (BOX_M[3] - y) / (0.25 * height),
            (BOX_M[2] - x) / (0.08 * width),
            (y - BOX_M[1]) / (0.08 * height),
        ]
        .into_iter()
        .fold(1.0, f64::min);
        if 1.6 * inland - 1.0 + coast.at(x, y) > 0.0 {
            let north = y > BORDER_NORTHING_M + 25_000.0 * border.at(x, y);
            land[usize::from(!north)].push(hexagon);
        }
    }
    land
}

/// One seed per unit, each in a different hexagon. Seeds are distorted like all hexagons, so the
/// hexagon of a seed belongs to its unit and every unit has land.
fn seeds(
    lattice: &Lattice,
    warp: &Warp,
    land: &[u32],
    first: u32,
    count: u32,
    rng: &mut ChaCha8Rng,
) -> SeedTree {
    let mut tree = SeedTree::new();
    let mut taken = std::collections::BTreeSet::new();
    for unit in first..first + count {
        let mut best: Option<(f64, u32, [f64; 2])> = None;
        let mut drawn = 0;
        while drawn < SEED_CANDIDATES || best.is_none() {
            drawn += 1;
            let Some(hexagon) = pick(rng, land).filter(|h| !taken.contains(h)) else { continue };
            let at = warp.apply(lattice.centre_m(hexagon));
            let gap = tree.nearest_neighbor(&at).map_or(f64::MAX, |s| {
                (s.geom()[0] - at[0]).powi(2) + (s.geom()[1] - at[1]).powi(2)
            });
            if best.is_none_or(|(widest, _, _)| gap > widest) {
                best = Some((gap, hexagon, at));
            }
        }
        if let Some((_, hexagon, at)) = best {
            taken.insert(hexagon);
            tree.insert(GeomWithData::new(at, unit));
        }
    }
    tree
}

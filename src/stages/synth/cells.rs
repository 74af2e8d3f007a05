//! The cells: their positions, ids and neighbours.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use proj::Proj;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rstar::RTree;
use rstar::primitives::GeomWithData;

use super::lattice::{BOX_M, Lattice};
use super::laus::{LauMap, SEA};
use super::random::{chance, normal, pick, stream};
use super::rings::CLEAR_OF_BORDER;
use super::settings::Settings;

/// One in this number of cells is outside the main country: in the second country or at sea.
const CELLS_PER_OUTSIDE_CELL: u64 = 100;

/// Share of the cells in the main country that are near a city.
const CITY_SHARE: f64 = 0.8;

/// Standard deviation of the cell positions around each city, metres; the first is the capital.
const CITY_SPREAD_M: [f64; 6] = [14_000.0, 8_000.0, 7_000.0, 5_000.0, 5_000.0, 4_000.0];

/// Maximum number of neighbours of a cell.
pub const MAX_NEIGHBOURS: usize = 12;

/// Maximum number of cells on one mast.
const MAX_CELLS_PER_MAST: u32 = 3;

/// EPSG:3035 to longitude and latitude in degrees, defined here so that the PROJ database is not
/// needed. GRS80 and WGS84 coordinates are treated as equal, as PROJ does.
const TO_LON_LAT: &str = "+proj=pipeline \
    +step +inv +proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80 \
    +step +proj=unitconvert +xy_in=rad +xy_out=deg";

/// All cells; each list has one entry per cell.
#[derive(Debug)]
pub struct Cells {
    /// 12 to 15 digits, up to 9.6e14, distinct.
    pub ids: Vec<i64>,
    /// Longitude and latitude, degrees, 6 decimals.
    pub lon_lat: Vec<[f64; 2]>,
    /// The LAU unit of the cell; `None` at sea. Exact, because no cell is near a border.
    pub unit: Vec<Option<u32>>,
    /// Days between the start of the cell's validity and the first day of events.
    pub valid_since_days: Vec<u16>,
    /// Easting and northing, metres.
    position_m: Vec<[f64; 2]>,
    /// Nearest other cells, nearest first.
    neighbours: Vec<Vec<u32>>,
    /// Cells in the main country, ascending.
    main: Vec<u32>,
}

impl Cells {
    /// # Errors
    /// If PROJ cannot convert a position.
    pub fn new(settings: &Settings, map: &LauMap) -> Result<Cells> {
        let mut rng = stream(settings.seed, "cells", &[]);
        let outside = (settings.cells + CELLS_PER_OUTSIDE_CELL / 2) / CELLS_PER_OUTSIDE_CELL;
        let mut hexagons = main_hexagons(map, settings.cells - outside, &mut rng);
        hexagons.extend(outside_hexagons(map, outside, &mut rng));
        let placed: Vec<_> =
            hexagons.iter().map(|h| (place(map, *h, &mut rng), map.label(Some(*h)))).collect();
        let position_m: Vec<[f64; 2]> = placed.iter().map(|p| p.0).collect();
        let unit: Vec<_> = placed.iter().map(|p| (p.1 != SEA).then_some(p.1)).collect();
        let main = main_cells(&unit, map);
        Ok(Cells {
            ids: ids(settings.cells, &mut rng),
            lon_lat: lon_lat(&position_m)?,
            valid_since_days: unit.iter().map(|_| rng.random_range(31..1_500)).collect(),
            neighbours: neighbours(&position_m),
            unit,
            position_m,
            main,
        })
    }

    /// Cells on masts that up to three of them share: cell `i` stands on mast `i` as long as there are
    /// masts, and the others on masts of the first. `masts` gives the mast of each cell.
    ///
    /// # Errors
    /// If PROJ cannot convert a position.
    pub fn on_masts(settings: &Settings, map: &LauMap) -> Result<(Cells, Vec<u32>)> {
        let count = settings.cells.div_ceil(2);
        let first = Cells::new(&Settings { cells: count, ..settings.clone() }, map)?;
        let mut rng = stream(settings.seed, "masts", &[]);
        let mut used = vec![1; count as usize];
        let mut masts: Vec<u32> = (0..count as u32).collect();
        while masts.len() < settings.cells as usize {
            let mast = rng.random_range(0..count as u32);
            if used[mast as usize] < MAX_CELLS_PER_MAST {
                used[mast as usize] += 1;
                masts.push(mast);
            }
        }
        let mast = || masts.iter().map(|mast| *mast as usize);
        let unit: Vec<_> = mast().map(|m| first.unit[m]).collect();
        let cells = Cells {
            ids: ids(settings.cells, &mut rng),
            lon_lat: mast().map(|m| first.lon_lat[m]).collect(),
            valid_since_days: mast().map(|_| rng.random_range(31..1_500)).collect(),
            neighbours: mast().map(|m| first.neighbours[m].clone()).collect(),
            position_m: mast().map(|m| first.position_m[m]).collect(),
            main: main_cells(&unit, map),
            unit,
        };
        Ok((cells, masts))
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Cells in the main country, where people live and work; never empty.
    pub fn in_main_country(&self) -> &[u32] {
        &self.main
    }

    /// The nearest cells of other positions, nearest first; at most [`MAX_NEIGHBOURS`].
    pub fn neighbours(&self, cell: u32) -> &[u32] {
        &self.neighbours[cell as usize]
    }

    /// Easting and northing of a cell, metres.
    pub fn position_m(&self, cell: u32) -> [f64; 2] {
        self.position_m[cell as usize]
    }

    /// A random neighbour of `cell`; the cell itself if it has none.
    pub fn near(&self, cell: u32, rng: &mut ChaCha8Rng) -> u32 {
        pick(rng, &self.neighbours[cell as usize]).unwrap_or(cell)
    }

    /// Square of the distance between two cells, square metres.
    pub fn distance2_m2(&self, a: u32, b: u32) -> f64 {
        distance2(self.position_m[a as usize], self.position_m[b as usize])
    }
}

/// Cells in units of the main country, ascending.
fn main_cells(unit: &[Option<u32>], map: &LauMap) -> Vec<u32> {
    (0..unit.len() as u32)
        .filter(|c| unit[*c as usize].is_some_and(|u| u < map.main_units))
        .collect()
}

fn distance2(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
}

fn main_hexagons(map: &LauMap, count: u64, rng: &mut ChaCha8Rng) -> Vec<u32> {
    let land: Vec<u32> = (0..map.main_units).flat_map(|unit| map.hexagons(unit)).copied().collect();
    let cities: Vec<_> = CITY_SPREAD_M
        .iter()
        .filter_map(|spread| Some((map.lattice.centre_m(pick(rng, &land)?), *spread)))
        .collect();
    (0..count)
        .filter_map(|_| {
            let near_city = if chance(rng, CITY_SHARE) { in_city(map, &cities, rng) } else { None };
            near_city.or_else(|| pick(rng, &land))
        })
        .collect()
}

/// A hexagon of the main country near a city; in half of all cases near the capital.
fn in_city(map: &LauMap, cities: &[([f64; 2], f64)], rng: &mut ChaCha8Rng) -> Option<u32> {
    let capital = chance(rng, 0.5);
    let ([x, y], spread) = if capital { cities.first().copied() } else { pick(rng, cities) }?;
    // retry if a position near a coastal city is at sea
    (0..32).find_map(|_| {
        let at = [x + spread * normal(rng), y + spread * normal(rng)];
        map.lattice.near(at).filter(|h| map.label(Some(*h)) < map.main_units)
    })
}

/// Hexagons in the second country and, for every second cell, at sea.
fn outside_hexagons(map: &LauMap, count: u64, rng: &mut ChaCha8Rng) -> Vec<u32> {
    let second: Vec<u32> =
        (map.main_units..map.units).flat_map(|unit| map.hexagons(unit)).copied().collect();
    (0..count)
        .filter_map(|i| {
            let at_sea = (i % 2 == 1).then(|| open_sea(&map.lattice, map, rng)).flatten();
            at_sea.or_else(|| pick(rng, &second))
        })
        .collect()
}

fn open_sea(lattice: &Lattice, map: &LauMap, rng: &mut ChaCha8Rng) -> Option<u32> {
    (0..1_000).find_map(|_| {
        let x = rng.random_range(BOX_M[0]..BOX_M[2]);
        let y = rng.random_range(BOX_M[1]..BOX_M[3]);
        lattice.near([x, y]).filter(|h| map.label(Some(*h)) == SEA && map.is_interior(*h))
    })
}

/// A position in the hexagon that no border reaches: close to the centre, unless all neighbouring
/// hexagons belong to the same unit.
fn place(map: &LauMap, hexagon: u32, rng: &mut ChaCha8Rng) -> [f64; 2] {
    let share = if map.is_interior(hexagon) { 0.85 } else { CLEAR_OF_BORDER };
    let reach = share * map.lattice.side_m;
    let [x, y] = map.lattice.centre_m(hexagon);
    loop {
        let east = rng.random_range(-1.0..1.0f64);
        let north = rng.random_range(-1.0..1.0f64);
        if east * east + north * north <= 1.0 {
            return [x + reach * east, y + reach * north];
        }
    }
}

fn ids(count: u64, rng: &mut ChaCha8Rng) -> Vec<i64> {
    let mut taken = BTreeSet::new();
    let mut ids = Vec::with_capacity(count as usize);
    while ids.len() < count as usize {
        let shortest = 10i64.pow(rng.random_range(11..15));
        let id = rng.random_range(shortest..(10 * shortest).min(960_000_000_000_001));
        if taken.insert(id) {
            ids.push(id);
        }
    }
    ids
}

/// Converts EPSG:3035 to longitude and latitude in degrees.
///
/// # Errors
/// If PROJ refuses its definition.
pub fn to_lon_lat() -> Result<Proj> {
    Proj::new(TO_LON_LAT).context("PROJ cannot convert EPSG:3035")
}

fn lon_lat(position_m: &[[f64; 2]]) -> Result<Vec<[f64; 2]>> {
    let inverse = to_lon_lat()?;
    let round = |degrees: f64| (degrees * 1e6).round() / 1e6;
    position_m
        .iter()
        .map(|&[x, y]| {
            let (lon, lat) = inverse.convert((x, y)).with_context(|| {
                format!("cannot convert {x}, {y} in EPSG:3035 to longitude and latitude")
            })?;
            Ok([round(lon), round(lat)])
        })
        .collect()
}

fn neighbours(position_m: &[[f64; 2]]) -> Vec<Vec<u32>> {
    let points = position_m.iter().enumerate().map(|(i, at)| GeomWithData::new(*at, i as u32));
    let tree = RTree::bulk_load(points.collect());
    position_m
        .iter()
        .enumerate()
        .map(|(i, at)| {
            let mut near: Vec<(f64, u32)> = tree
                .nearest_neighbor_iter(at)
                .map(|n| (distance2(*n.geom(), *at), n.data))
                .filter(|n| n.1 != i as u32)
                .take(MAX_NEIGHBOURS)
                .collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            near.into_iter().map(|n| n.1).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projection_agrees_with_epsg_3035() {
        let known = Proj::new_known_crs("EPSG:3035", "EPSG:4326", None).unwrap();
        for at in [[5_200_000.0, 4_050_000.0], [5_030_000.0, 3_780_000.0]] {
            let (lon, lat) = known.convert((at[0], at[1])).unwrap();
            let own = lon_lat(&[at]).unwrap()[0];
            assert!((own[0] - lon).abs() < 1e-6 && (own[1] - lat).abs() < 1e-6, "{own:?}");
            assert!((20.0..30.0).contains(&lon) && (55.0..61.0).contains(&lat), "{lon} {lat}");
        }
    }

    #[test]
    fn cell_ids_are_distinct_and_have_12_to_15_digits() {
        let ids = ids(5_000, &mut stream(1, "ids", &[]));
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 5_000);
        assert!(ids.iter().all(|id| (100_000_000_000..=960_000_000_000_000).contains(id)));
        let digits: BTreeSet<usize> = ids.iter().map(|id| id.to_string().len()).collect();
        assert_eq!(digits, BTreeSet::from([12, 13, 14, 15]));
    }
}

//! Sites: the coordinates where cells stand, how they lie to each other, and which one serves a position.

use std::cmp::Ordering;

use anyhow::Result;
use rand_chacha::ChaCha8Rng;
use rstar::RTree;
use rstar::primitives::GeomWithData;

use super::super::cells::{Cells, MAX_NEIGHBOURS};
use super::super::laus::LauMap;
use super::super::random::pick;
use super::super::settings::Settings;
use crate::checks::locations::{Point, metres_of_chord2};
use crate::domain::site::Site;

/// The cells by site. A site has the index of its first cell.
pub struct Network {
    pub cells: Cells,
    /// True for cells outside the main country.
    pub outside: Vec<bool>,
    /// Cells of each site.
    by_site: Vec<Vec<u32>>,
    /// Sites in the main country.
    main: Vec<u32>,
    /// Sites of each LAU unit of the main country.
    by_unit: Vec<Vec<u32>>,
    tree: RTree<GeomWithData<[f64; 2], u32>>,
    airport: u32,
    site_ids: Vec<String>,
    /// Empty for units that the boundary file lacks.
    lau_ids: Vec<String>,
    points: Vec<Point>,
}

impl Network {
    /// # Errors
    /// If PROJ cannot convert a position.
    pub fn new(settings: &Settings, map: &LauMap) -> Result<Network> {
        let (cells, masts) = Cells::on_masts(settings, map)?;
        let sites = masts.iter().max().map_or(0, |last| *last as usize + 1);
        let mut by_site = vec![Vec::new(); sites];
        for (cell, mast) in masts.iter().enumerate() {
            by_site[*mast as usize].push(cell as u32);
        }
        let outside: Vec<bool> =
            cells.unit.iter().map(|unit| unit.is_none_or(|u| u >= map.main_units)).collect();
        let main: Vec<u32> = (0..sites as u32).filter(|site| !outside[*site as usize]).collect();
        let mut by_unit = vec![Vec::new(); map.main_units as usize];
        for &site in &main {
            if let Some(unit) = cells.unit[site as usize] {
                by_unit[unit as usize].push(site);
            }
        }
        let written = settings.layout.units_written(map.main_units, map.units);
        let lau_id = |unit: u32| settings.layout.unit(unit, map.main_units, settings.seed).id;
        let at = |site: u32| GeomWithData::new(cells.position_m(site), site);
        let coordinates = || cells.lon_lat[..sites].iter().map(|[lon, lat]| (*lat, *lon));
        Ok(Network {
            tree: RTree::bulk_load((0..sites as u32).map(at).collect()),
            airport: airport(&cells, &main),
            site_ids: coordinates().map(|(lat, lon)| Site::of(lat, lon).to_string()).collect(),
            lau_ids: (0..written).map(lau_id).collect(),
            points: coordinates().map(|(lat, lon)| Point::new(lat, lon)).collect(),
            by_site,
            main,
            by_unit,
            outside,
            cells,
        })
    }

    /// Sites in the main country, where people are; never empty.
    pub fn in_main_country(&self) -> &[u32] {
        &self.main
    }

    /// Sites in the LAU of a site of the main country.
    pub fn in_lau_of(&self, site: u32) -> &[u32] {
        let unit = self.cells.unit[site as usize];
        unit.and_then(|unit| self.by_unit.get(unit as usize)).map_or(&[], Vec::as_slice)
    }

    pub fn same_lau(&self, a: u32, b: u32) -> bool {
        self.cells.unit[a as usize] == self.cells.unit[b as usize]
    }

    /// Where people leave the country and come back: the site with the most others around it.
    pub fn airport(&self) -> u32 {
        self.airport
    }

    /// The other sites around a site, nearest first.
    pub fn neighbours(&self, site: u32) -> &[u32] {
        self.cells.neighbours(site)
    }

    /// A random site of the main country near `site`; the site itself if there is none.
    pub fn near(&self, site: u32, rng: &mut ChaCha8Rng) -> u32 {
        (0..4)
            .filter_map(|_| pick(rng, self.neighbours(site)))
            .find(|near| !self.outside[*near as usize])
            .unwrap_or(site)
    }

    /// The nearest of a few random sites, other than `site`, of a list.
    pub fn nearest_of(
        &self,
        tries: usize,
        site: u32,
        sites: &[u32],
        rng: &mut ChaCha8Rng,
    ) -> Option<u32> {
        (0..tries)
            .filter_map(|_| pick(rng, sites))
            .filter(|other| *other != site)
            .map(|other| (self.cells.distance2_m2(site, other), other))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
            .map(|nearest| nearest.1)
    }

    /// One of the cells of a site.
    pub fn cell(&self, site: u32, hash: u64) -> u32 {
        let cells = &self.by_site[site as usize];
        cells[(hash % cells.len() as u64) as usize]
    }

    /// The nearest site to a position.
    pub fn serving(&self, position_m: &[f64; 2]) -> Option<u32> {
        self.tree.nearest_neighbor(position_m).map(|site| site.data)
    }

    /// Distance on the plane, metres; within half a percent of that on the ground.
    pub fn plane_m(&self, a: u32, b: u32) -> f64 {
        self.cells.distance2_m2(a, b).sqrt()
    }

    /// Great-circle distance, metres.
    pub fn distance_m(&self, a: u32, b: u32) -> f64 {
        metres_of_chord2(self.points[a as usize].chord2(&self.points[b as usize]))
    }

    pub fn site_id(&self, site: u32) -> &str {
        &self.site_ids[site as usize]
    }

    /// The LAU of a site; `None` at sea and where the boundary file has no unit.
    pub fn lau_id(&self, site: u32) -> Option<&str> {
        let unit = self.cells.unit[site as usize]?;
        self.lau_ids.get(unit as usize).map(String::as_str)
    }

    /// The id of the first cell of a site.
    pub fn cell_id(&self, site: u32) -> i64 {
        self.cells.ids[site as usize]
    }
}

/// The site of the main country whose farthest neighbour is nearest.
fn airport(cells: &Cells, main: &[u32]) -> u32 {
    let reach = |site: u32| {
        let last = cells.neighbours(site).iter().take(MAX_NEIGHBOURS).next_back();
        last.map_or(f64::MAX, |last| cells.distance2_m2(site, *last))
    };
    let order = |a: &u32, b: &u32| -> Ordering { reach(*a).total_cmp(&reach(*b)).then(a.cmp(b)) };
    main.iter().copied().min_by(order).unwrap_or(0)
}

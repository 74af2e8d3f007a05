//! The sites of a date: the LAU of each, and which sites are near to each other.

use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::HashMap;
use rstar::RTree;
use rstar::primitives::GeomWithData;

use crate::checks::locations::{EARTH_M, Point};
use crate::domain::site::Site;

/// Chords that differ by less than this share are compared as distances.
const CLOSE: f64 = 1e-6;

type SiteAt = GeomWithData<[f64; 3], Site>;

/// The sites of the cells that are valid on a date.
#[derive(Debug)]
pub struct Places {
    laus: HashMap<Site, Option<Arc<str>>>,
    tree: RTree<SiteAt>,
    neighbours: usize,
    nearest: RwLock<HashMap<Site, Arc<[Site]>>>,
}

impl Places {
    /// The sites of cells with their LAUs; `neighbours` is the number of sites that are near whatever their
    /// distance. The LAU of a site is the lowest of its cells.
    pub fn new<'a>(
        cells: impl IntoIterator<Item = (Site, Option<&'a str>)>,
        neighbours: usize,
    ) -> Self {
        let mut lowest: HashMap<Site, Option<&str>> = HashMap::new();
        for (site, lau) in cells {
            let known = lowest.entry(site).or_default();
            *known = match (*known, lau) {
                (Some(known), Some(lau)) => Some(known.min(lau)),
                (known, lau) => known.or(lau),
            };
        }
        let mut texts: HashMap<&str, Arc<str>> = HashMap::new();
        let mut shared =
            |lau: &'a str| Arc::clone(texts.entry(lau).or_insert_with(|| Arc::from(lau)));
        let laus: HashMap<Site, Option<Arc<str>>> =
            lowest.into_iter().map(|(site, lau)| (site, lau.map(&mut shared))).collect();
        let sites = laus.keys().map(|site| SiteAt::new(xyz(*site), *site)).collect();
        Places { laus, tree: RTree::bulk_load(sites), neighbours, nearest: RwLock::default() }
    }

    /// The LAU of a site; `None` outside all LAUs.
    pub fn lau(&self, site: Site) -> Option<&str> {
        self.laus.get(&site)?.as_deref()
    }

    /// False for a site that no valid cell has.
    pub fn has(&self, site: Site) -> bool {
        self.laus.contains_key(&site)
    }

    /// True if `other` is at most `max_m` metres from `site`, or one of the sites nearest to it.
    pub fn is_near(&self, site: Site, other: Site, max_m: f64) -> bool {
        metres(site, other) <= max_m || self.nearest(site).contains(&other)
    }

    /// The sites nearest to a site; those equally near by their ids.
    fn nearest(&self, site: Site) -> Arc<[Site]> {
        let known = self.nearest.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(nearest) = known.get(&site) {
            return Arc::clone(nearest);
        }
        drop(known);
        let nearest = self.find_nearest(site);
        let mut known = self.nearest.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(site, Arc::clone(&nearest));
        nearest
    }

    fn find_nearest(&self, site: Site) -> Arc<[Site]> {
        if self.neighbours == 0 {
            return Arc::default();
        }
        let mut found: Vec<Site> = Vec::new();
        let mut last = 0.0;
        for (at, chord2) in self.tree.nearest_neighbor_iter_with_distance_2(&xyz(site)) {
            if at.data == site {
                continue;
            }
            if found.len() >= self.neighbours && chord2 > last * (1.0 + CLOSE) {
                break;
            }
            found.push(at.data);
            last = if found.len() <= self.neighbours { chord2 } else { last };
        }
        let mut keyed: Vec<(f64, String, Site)> = found
            .into_iter()
            .map(|other| (metres(site, other), other.to_string(), other))
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        keyed.into_iter().take(self.neighbours).map(|(_, _, other)| other).collect()
    }
}

fn xyz(site: Site) -> [f64; 3] {
    let (latitude, longitude) = site.degrees();
    Point::new(latitude, longitude).xyz()
}

/// The great-circle distance of two sites. The differences of coordinates are exact, so that sites that lie
/// symmetrically are equally far.
pub fn metres(a: Site, b: Site) -> f64 {
    let (latitude, longitude) = a.minus(b);
    let half_chord = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let cosine = |site: Site| site.degrees().0.to_radians().cos();
    let haversine = half_chord(latitude) + cosine(a) * cosine(b) * half_chord(longitude);
    2.0 * EARTH_M * haversine.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_sphere() {
        let (tallinn, tartu) = (Site::of(59.437, 24.7536), Site::of(58.378, 26.729));
        assert!((metres(tallinn, tartu) - 163_460.0).abs() < 300.0, "{}", metres(tallinn, tartu));
        // 0.018 degrees of latitude: 2 pi 6,371,008.8 m * 0.018 / 360
        assert!((metres(Site::of(59.0, 24.0), Site::of(59.018, 24.0)) - 2_001.511).abs() < 0.001);
        assert_eq!(metres(tallinn, tallinn), 0.0);
        let antipode = metres(Site::of(0.0, 0.0), Site::of(0.0, 180.0));
        assert!((antipode - std::f64::consts::PI * EARTH_M).abs() < 1.0);
    }

    #[test]
    fn sites_are_near_by_distance_or_by_their_number() {
        let at = |km: f64| Site::of(59.0 + km / 111.195, 24.0);
        let all = [0.0, 4.0, 20.0, 30.0, 40.0].map(at);
        let places = Places::new(all.map(|site| (site, None)), 2);
        let near: Vec<bool> =
            all.iter().map(|other| places.is_near(all[0], *other, 5_000.0)).collect();
        // 20 km away is the second nearest
        assert_eq!(near, [true, true, true, false, false]);
        assert!(places.is_near(all[0], all[3], 30_001.0));
    }

    #[test]
    fn equally_near_sites_are_taken_by_their_ids() {
        let centre = Site::of(59.0, 24.0);
        let (west, east) = (Site::of(59.0, 23.9), Site::of(59.0, 24.1));
        let (south, north) = (Site::of(58.9, 24.0), Site::of(59.1, 24.0));
        let cells = [centre, east, west, north, south].map(|site| (site, None));
        // a degree of longitude is shorter than one of latitude here
        let nearest = |number| Places::new(cells, number).nearest(centre).to_vec();
        assert_eq!(nearest(1), [west]);
        assert_eq!(nearest(3), [west, east, south]);
        assert_eq!(nearest(9).len(), 4);
        assert!(nearest(0).is_empty());
    }

    #[test]
    fn lau_of_a_site_is_the_lowest_of_its_cells() {
        let (a, b, c) = (Site::of(59.0, 24.0), Site::of(59.1, 24.0), Site::of(59.2, 24.0));
        let cells = [(a, Some("EE_2")), (a, None), (a, Some("EE_1")), (b, None)];
        let places = Places::new(cells, 6);
        assert_eq!((places.lau(a), places.lau(b), places.lau(c)), (Some("EE_1"), None, None));
        assert!(places.has(b) && !places.has(c));
    }
}

//! The sites that are there on each date.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use chrono::NaiveDate;
use hashbrown::HashMap;

use crate::config::{Data, Stays};
use crate::datasets::geodata::{self, SiteWithLau};
use crate::movement::Places;

/// The sites of some dates; dates with the same valid cells share them.
pub struct PlacesOfDates {
    cells: Vec<SiteWithLau>,
    neighbours: usize,
    by_date: BTreeMap<NaiveDate, Arc<Places>>,
    by_fingerprint: HashMap<u128, Arc<Places>>,
    none: Arc<Places>,
}

impl PlacesOfDates {
    /// Reads the cells with their LAUs.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn read(data: &Data, stays: &Stays) -> Result<Self> {
        let neighbours = stays.flicker_neighbours as usize;
        Ok(PlacesOfDates {
            cells: geodata::read_sites(&data.cells_with_lau())?,
            neighbours,
            by_date: BTreeMap::new(),
            by_fingerprint: HashMap::new(),
            none: Arc::new(Places::new([], neighbours)),
        })
    }

    /// Finds the sites of dates, each with the fingerprint of the cells that are valid on it, and forgets those of
    /// other dates.
    pub fn prepare(&mut self, dates: impl Iterator<Item = (NaiveDate, u128)>) {
        let before = std::mem::take(&mut self.by_fingerprint);
        self.by_date.clear();
        for (date, fingerprint) in dates {
            let known = self.by_fingerprint.get(&fingerprint).or(before.get(&fingerprint));
            let places = match known {
                Some(places) => Arc::clone(places),
                None => {
                    let valid = self.cells.iter().filter(|cell| cell.is_valid(date));
                    let cells = valid.map(|cell| (cell.site, cell.lau_id.as_deref()));
                    Arc::new(Places::new(cells, self.neighbours))
                }
            };
            self.by_fingerprint.insert(fingerprint, Arc::clone(&places));
            self.by_date.insert(date, places);
        }
    }

    /// The sites of a date.
    pub fn of(&self, date: Option<NaiveDate>) -> &Places {
        date.and_then(|date| self.by_date.get(&date)).unwrap_or(&self.none)
    }
}

//! The cell plan and the LAUs, asked about one date.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Result, bail};
use chrono::NaiveDate;

/// How a cell found its LAU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Within,
    Boundary,
    Nearest,
    Outside,
}

impl Method {
    /// # Errors
    /// A word that `geojoin` does not write.
    pub fn of(word: &str) -> Result<Self> {
        Ok(match word {
            "within" => Method::Within,
            "boundary" => Method::Boundary,
            "nearest" => Method::Nearest,
            "outside" => Method::Outside,
            other => bail!("lau_match {other:?} is unknown; run `mobility geojoin --force`"),
        })
    }
}

/// One version of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellVersion {
    pub cell_id: String,
    /// First and last day; `None` is open.
    pub start: Option<NaiveDate>,
    pub end: Option<NaiveDate>,
    pub lau_id: Option<String>,
    pub method: Method,
}

/// Cells by id, in versions of which at most one is valid on a day, and all LAUs.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    cells: HashMap<String, Vec<Version>>,
    laus: usize,
}

#[derive(Debug, Clone)]
struct Version {
    start: Option<NaiveDate>,
    end: Option<NaiveDate>,
    /// Place in the list of LAUs.
    lau: Option<usize>,
    method: Method,
}

impl Version {
    fn holds_on(&self, date: NaiveDate) -> bool {
        self.start.is_none_or(|start| start <= date) && self.end.is_none_or(|end| end >= date)
    }
}

/// What the plan says of one date and the events of its cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnDate {
    /// Cells valid on the date, and those among them that have events.
    pub planned: u64,
    pub active: u64,
    /// Cells with events that the plan does not know or that are not valid on the date.
    pub unplanned: u64,
    pub events_within: u64,
    pub events_boundary: u64,
    pub events_nearest: u64,
    pub events_outside: u64,
    pub events_unplanned: u64,
    /// LAUs in which no valid cell lies, and in which no cell with events does.
    pub laus_without_cells: u64,
    pub laus_without_users: u64,
}

impl Plan {
    /// A plan of `cells`; those of a LAU that is not among `laus` count as lying in none.
    pub fn new(cells: impl IntoIterator<Item = CellVersion>, laus: &[String]) -> Self {
        let places: HashMap<&str, usize> =
            laus.iter().enumerate().map(|(place, id)| (id.as_str(), place)).collect();
        let mut by_id: HashMap<String, Vec<Version>> = HashMap::new();
        for cell in cells {
            let CellVersion { cell_id, start, end, lau_id, method } = cell;
            let lau = lau_id.and_then(|id| places.get(id.as_str()).copied());
            by_id.entry(cell_id).or_default().push(Version { start, end, lau, method });
        }
        Plan { cells: by_id, laus: places.len() }
    }

    /// What holds on `date`, with `events` by cell id.
    pub fn on(&self, date: NaiveDate, events: &BTreeMap<String, u64>) -> OnDate {
        let valid = |versions: &Vec<Version>| {
            versions.iter().find(|v| v.holds_on(date)).map(|v| (v.lau, v.method))
        };
        let mut on = OnDate::default();
        let mut with_cells = vec![false; self.laus];
        for (lau, _) in self.cells.values().filter_map(valid) {
            on.planned += 1;
            lau.into_iter().for_each(|lau| with_cells[lau] = true);
        }
        let mut with_users = vec![false; self.laus];
        for (cell, events) in events.iter().filter(|(_, events)| **events > 0) {
            let Some((lau, method)) = self.cells.get(cell).and_then(valid) else {
                on.unplanned += 1;
                on.events_unplanned += events;
                continue;
            };
            on.active += 1;
            lau.into_iter().for_each(|lau| with_users[lau] = true);
            *match method {
                Method::Within => &mut on.events_within,
                Method::Boundary => &mut on.events_boundary,
                Method::Nearest => &mut on.events_nearest,
                Method::Outside => &mut on.events_outside,
            } += events;
        }
        let without = |laus: Vec<bool>| laus.into_iter().filter(|there| !there).count() as u64;
        on.laus_without_cells = without(with_cells);
        on.laus_without_users = without(with_users);
        on
    }
}

//! Cells and LAUs on one date: planned, active, and with how many events.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use chrono::NaiveDate;

use crate::config::Data;
use crate::datasets::geodata::{self, CellWithLau, LauMatch};

/// All versions of all cells with the LAU of each, by cell id. At most one version of a cell is
/// valid on a day.
#[derive(Debug, Clone, Default)]
pub struct CellLaus {
    cells: HashMap<String, Vec<Version>>,
    laus: usize,
}

#[derive(Debug, Clone)]
struct Version {
    start: Option<NaiveDate>,
    end: Option<NaiveDate>,
    /// Index into the list of LAUs.
    lau: Option<usize>,
    lau_match: LauMatch,
}

impl Version {
    fn is_valid_on(&self, date: NaiveDate) -> bool {
        self.start.is_none_or(|start| start <= date) && self.end.is_none_or(|end| end >= date)
    }
}

/// Counts for one date.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellsOnDate {
    /// Cells valid on the date.
    pub planned: u64,
    /// Planned cells with events.
    pub active: u64,
    /// Cells with events that are not in the plan, or not valid on the date.
    pub unplanned: u64,
    pub events_within: u64,
    pub events_boundary: u64,
    pub events_nearest: u64,
    pub events_outside: u64,
    pub events_unplanned: u64,
    /// LAUs without a valid cell.
    pub laus_without_cells: u64,
    /// LAUs without a cell that has events.
    pub laus_without_users: u64,
}

impl CellLaus {
    /// Reads the outputs of `geojoin`.
    ///
    /// # Errors
    /// Files that are damaged.
    pub fn read(data: &Data) -> Result<Self> {
        let cells = geodata::read_cells(&data.cells_with_lau())?;
        Ok(CellLaus::new(cells, &geodata::read_lau_ids(&data.lau_units())?))
    }

    /// A cell counts as a cell without a LAU if its LAU is not among `laus`.
    pub fn new(cells: impl IntoIterator<Item = CellWithLau>, laus: &[String]) -> Self {
        let indexes: HashMap<&str, usize> =
            laus.iter().enumerate().map(|(index, id)| (id.as_str(), index)).collect();
        let mut by_id: HashMap<String, Vec<Version>> = HashMap::new();
        for cell in cells {
            let CellWithLau { cell_id, start, end, lau_id, lau_match } = cell;
            let lau = lau_id.and_then(|id| indexes.get(id.as_str()).copied());
            by_id.entry(cell_id).or_default().push(Version { start, end, lau, lau_match });
        }
        CellLaus { cells: by_id, laus: indexes.len() }
    }

    /// The counts for `date`; `events` are by cell id.
    pub fn on(&self, date: NaiveDate, events: &BTreeMap<String, u64>) -> CellsOnDate {
        let valid = |versions: &Vec<Version>| {
            versions.iter().find(|v| v.is_valid_on(date)).map(|v| (v.lau, v.lau_match))
        };
        let mut on = CellsOnDate::default();
        let mut with_cells = vec![false; self.laus];
        for (lau, _) in self.cells.values().filter_map(valid) {
            on.planned += 1;
            lau.into_iter().for_each(|lau| with_cells[lau] = true);
        }
        let mut with_users = vec![false; self.laus];
        for (cell, events) in events.iter().filter(|(_, events)| **events > 0) {
            let Some((lau, lau_match)) = self.cells.get(cell).and_then(valid) else {
                on.unplanned += 1;
                on.events_unplanned += events;
                continue;
            };
            on.active += 1;
            lau.into_iter().for_each(|lau| with_users[lau] = true);
            *match lau_match {
                LauMatch::Within => &mut on.events_within,
                LauMatch::Boundary => &mut on.events_boundary,
                LauMatch::Nearest => &mut on.events_nearest,
                LauMatch::Outside => &mut on.events_outside,
            } += events;
        }
        let without = |laus: Vec<bool>| laus.into_iter().filter(|found| !found).count() as u64;
        on.laus_without_cells = without(with_cells);
        on.laus_without_users = without(with_users);
        on
    }
}

//! Adds the cells of tables to a problem.

use super::primary::{self, Primary, Reason, Zeros};
use super::problem::{Cell, CellId, Place, Problem, Table};
use super::relating::Inconsistent;

impl Problem {
    /// Adds a count of devices. `key` names it in messages and decides between equally good choices, so it must
    /// be unique.
    pub fn count(&mut self, key: impl Into<String>, devices: u64, table: Table) -> CellId {
        let primary = self.judge(devices, table);
        self.add(key.into(), devices, Place::In(table), primary, None)
    }

    fn judge(&self, devices: u64, table: Table) -> Option<Primary> {
        // an empty cell of a sparse table has no row, with or without disclosure control
        match (devices, table, self.thresholds.zeros) {
            (0, Table::Sparse, _) | (0, Table::Complete, Zeros::Show) => None,
            _ => self.thresholds.count(devices, self.lower_bound(Place::In(table))),
        }
    }

    /// Adds a sum of events or trips of the devices of a count, of which the device with the most gives `largest`.
    /// In a sparse table the two are withheld together. Each device gives at least one.
    ///
    /// # Errors
    /// A sum that is smaller than the number of devices.
    pub fn sum(
        &mut self,
        key: impl Into<String>,
        value: u64,
        largest: u64,
        devices: CellId,
    ) -> Result<CellId, Inconsistent> {
        let Cell { place, entry, .. } = self.cells[devices];
        let together = (place == Place::In(Table::Sparse)).then_some(entry);
        let sum = self.add_sum(key.into(), (value, largest), devices, place, together);
        self.relate(vec![(devices, 1.0), (sum, -1.0)], false)?;
        Ok(sum)
    }

    /// Withholds a cell for the sake of its area, whatever its value is. Nothing has to be uncertain about it, unless it
    /// is about few devices. Zeros are not withheld.
    pub fn withhold(&mut self, cell: CellId) {
        self.withhold_for(cell, Reason::SmallArea);
    }

    /// Withholds a cell because it differs by few devices from a number that contains it.
    pub fn withhold_close(&mut self, cell: CellId) {
        self.withhold_for(cell, Reason::Close);
    }

    fn withhold_for(&mut self, cell: CellId, reason: Reason) {
        let cell = &mut self.cells[cell];
        if cell.primary.is_none() && cell.value > 0 {
            cell.primary = Some(Primary { reason, needed: None });
        }
    }

    /// True for a cell that is withheld for its own sake.
    pub fn is_primary(&self, cell: CellId) -> bool {
        self.cells[cell].primary.is_some()
    }

    /// Adds a sum of which a device may give any amount, like hours. It is not compared with the number of devices.
    pub fn amount(
        &mut self,
        key: impl Into<String>,
        value: u64,
        largest: u64,
        devices: CellId,
    ) -> CellId {
        let Cell { place, entry, .. } = self.cells[devices];
        let together = (place == Place::In(Table::Sparse)).then_some(entry);
        self.add_sum(key.into(), (value, largest), devices, place, together)
    }

    /// Adds a sum of events or trips of devices whose number is published nowhere. Each device gives at least one.
    ///
    /// # Errors
    /// A sum that is smaller than the number of devices.
    pub fn sum_of_uncounted(
        &mut self,
        key: &str,
        value: u64,
        largest: u64,
        devices: u64,
        table: Table,
    ) -> Result<CellId, Inconsistent> {
        let place = Place::In(table);
        let primary = self.judge(devices, table);
        let behind = format!("devices behind {key}");
        let devices = self.add(behind, devices, Place::Difference, primary, None);
        let sum = self.add_sum(key.to_owned(), (value, largest), devices, place, None);
        self.relate(vec![(devices, 1.0), (sum, -1.0)], false)?;
        Ok(sum)
    }

    fn add_sum(
        &mut self,
        key: String,
        (value, largest): (u64, u64),
        devices: CellId,
        place: Place,
        together: Option<usize>,
    ) -> CellId {
        let of_count = self.cells[devices].primary;
        let derived = of_count.map(|_| Primary { reason: Reason::Derived, needed: None });
        let judged =
            derived.or_else(|| if value > 0 { primary::sum(value, largest) } else { None });
        self.add(key, value, place, judged, together)
    }

    /// Adds a number that an earlier release has shown.
    pub fn released(&mut self, key: impl Into<String>, value: u64) -> CellId {
        self.add(key.into(), value, Place::Released, None, None)
    }

    /// Adds a number that is not published.
    pub fn unpublished(&mut self, key: impl Into<String>, value: u64) -> CellId {
        self.difference(key, value, None)
    }

    /// Adds a count of devices that an earlier release withheld. It must not be known now either.
    pub fn hidden(&mut self, key: impl Into<String>, devices: u64, table: Table) -> CellId {
        let primary = self.judge(devices, table);
        self.difference(key, devices, primary)
    }

    /// Adds a count of devices that is not published, and that an outsider may compute from others.
    pub fn computed(&mut self, key: impl Into<String>, devices: u64) -> CellId {
        let primary = self.few(devices);
        self.difference(key, devices, primary)
    }

    /// Adds a sum of events or trips that is not published, and that an outsider may compute from others. Those who make
    /// few of them are few; of one with enough `devices`, none may be known to give most.
    pub fn computed_sum(
        &mut self,
        key: impl Into<String>,
        value: u64,
        largest: u64,
        devices: u64,
    ) -> CellId {
        let primary = self.few_in_sum(value).or_else(|| self.dominated(value, largest, devices));
        self.difference(key, value, primary)
    }

    /// Adds a sum that an earlier release withheld. Where that was because one of enough `devices` gives most of it, it
    /// must not be known now either.
    pub fn hidden_sum(
        &mut self,
        key: impl Into<String>,
        value: u64,
        largest: u64,
        devices: u64,
    ) -> CellId {
        let primary = self.dominated(value, largest, devices);
        self.difference(key, value, primary)
    }

    /// A sum is enough for as many devices as must be possible if it is as large.
    pub(super) fn few_in_sum(&self, value: u64) -> Option<Primary> {
        self.few(value)
            .filter(|primary| primary.needed.is_some_and(|(_, most)| (value as f64) < most))
    }

    fn dominated(&self, value: u64, largest: u64, devices: u64) -> Option<Primary> {
        let is_enough = devices >= self.thresholds.min_devices && value > 0;
        if is_enough { primary::sum(value, largest) } else { None }
    }

    /// A difference of zero is no count of few devices, and shows no zero of a table.
    pub(super) fn few(&self, devices: u64) -> Option<Primary> {
        self.thresholds.count(devices, 1.0).filter(|_| devices > 0)
    }

    /// Adds a number that is not published, with what must stay possible for it.
    pub(super) fn difference(
        &mut self,
        key: impl Into<String>,
        value: u64,
        primary: Option<Primary>,
    ) -> CellId {
        self.add(key.into(), value, Place::Difference, primary, None)
    }

    fn add(
        &mut self,
        key: String,
        value: u64,
        place: Place,
        primary: Option<Primary>,
        entry: Option<usize>,
    ) -> CellId {
        let cell = self.cells.len();
        let entry = entry.unwrap_or_else(|| {
            self.entries.push(Vec::new());
            self.entries.len() - 1
        });
        self.entries[entry].push(cell);
        self.cells.push(Cell { key, value, place, entry, primary, is_known: false });
        self.rows_of.push(Vec::new());
        cell
    }
}

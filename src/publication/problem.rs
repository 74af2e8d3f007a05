//! The cells of tables that are published together, and what an outsider knows about them.

use std::fmt;

use super::primary::{self, Primary, Reason, Thresholds, Zeros};

/// Number of a cell in its [`Problem`].
pub type CellId = usize;

/// What the rows of a table say by being there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Every key has a row. A withheld number is null, which says "at least one" if zeros are shown.
    Complete,
    /// Only keys with devices have a row. Rows with withheld numbers are left out, so that a missing row says
    /// nothing. Cells without devices may be added where an outsider holds them possible.
    Sparse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    In(Table),
    /// Nowhere, like the difference of two counts, which an outsider computes.
    Difference,
    /// In an earlier release, which cannot be taken back.
    Released,
}

#[derive(Debug)]
pub(super) struct Cell {
    pub key: String,
    pub value: u64,
    place: Place,
    /// The cells with the same number are withheld together.
    pub entry: usize,
    pub primary: Option<Primary>,
    /// An earlier release has shown the same value, so that nothing is gained by withholding it.
    is_known: bool,
}

/// A linear relation: the sum of the cells, each times a number, is zero or at most zero.
#[derive(Debug)]
pub(super) struct Row {
    pub terms: Vec<(CellId, f64)>,
    pub is_equation: bool,
    /// How far the sum is below zero.
    pub slack: f64,
}

impl Row {
    /// The terms with a sign.
    pub fn side(&self, sign: f64) -> impl Iterator<Item = &(CellId, f64)> {
        self.terms.iter().filter(move |(_, times)| times.signum() == sign)
    }

    /// The cell that makes up a side by itself.
    pub fn single(&self, sign: f64) -> Option<CellId> {
        let mut side = self.side(sign);
        match (side.next(), side.next()) {
            (Some((cell, times)), None) if *times == sign => Some(*cell),
            _ => None,
        }
    }
}

/// A relation that the values contradict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inconsistent(String);

impl fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Inconsistent {}

/// Cells and relations. Whatever is published or withheld together belongs into one problem.
#[derive(Debug, Default)]
pub struct Problem {
    thresholds: Thresholds,
    pub(super) cells: Vec<Cell>,
    /// The cells of each entry.
    pub(super) entries: Vec<Vec<CellId>>,
    pub(super) rows: Vec<Row>,
    /// The rows of each cell, with the numbers by which it is multiplied there.
    rows_of: Vec<Vec<(usize, f64)>>,
}

impl Problem {
    pub fn new(thresholds: Thresholds) -> Self {
        Problem { thresholds, ..Problem::default() }
    }

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
        let cell = &mut self.cells[cell];
        if cell.primary.is_none() && cell.value > 0 {
            cell.primary = Some(Primary { reason: Reason::SmallArea, needed: None });
        }
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
        self.add(key.into(), value, Place::Difference, None, None)
    }

    /// Adds a count of devices that is not published, and that an outsider may compute from others.
    pub fn computed(&mut self, key: impl Into<String>, devices: u64) -> CellId {
        let primary = self.few(devices);
        self.add(key.into(), devices, Place::Difference, primary, None)
    }

    /// A difference of zero is no count of few devices, and shows no zero of a table.
    fn few(&self, devices: u64) -> Option<Primary> {
        self.thresholds.count(devices, 1.0).filter(|_| devices > 0)
    }

    /// States that a cell is the sum of others.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn total(&mut self, total: CellId, parts: &[CellId]) -> Result<(), Inconsistent> {
        self.relate(signed(total, parts), true)
    }

    /// States that a count contains other counts that have no device in common. The rest is a count as well, and is
    /// returned.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn contains(&mut self, whole: CellId, parts: &[CellId]) -> Result<CellId, Inconsistent> {
        let sum: u64 = parts.iter().map(|part| self.cells[*part].value).sum();
        let Some(rest) = self.cells[whole].value.checked_sub(sum) else {
            return Err(self.inconsistent(&signed(whole, parts), "at least"));
        };
        let names: Vec<&str> = parts.iter().map(|part| self.cells[*part].key.as_str()).collect();
        let key = format!("{} without {}", self.cells[whole].key, names.join(" and "));
        let rest = self.computed(key, rest);
        let mut terms = signed(whole, parts);
        terms.push((rest, -1.0));
        self.relate(terms, true)?;
        Ok(rest)
    }

    /// States that a count is at least the sum of others, of which not all are published, so that nobody computes
    /// the rest.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn at_least(&mut self, whole: CellId, parts: &[CellId]) -> Result<(), Inconsistent> {
        let parts = parts.iter().map(|part| (*part, 1.0));
        self.relate(parts.chain([(whole, -1.0)]).collect(), false)
    }

    /// States that a sum over devices is at least the sum of counts, each times the number that each of its devices
    /// gives at least.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn at_least_times(
        &mut self,
        whole: CellId,
        parts: &[(CellId, u64)],
    ) -> Result<(), Inconsistent> {
        let parts = parts.iter().filter(|(_, times)| *times > 0);
        let parts = parts.map(|(part, times)| (*part, *times as f64));
        self.relate(parts.chain([(whole, -1.0)]).collect(), false)
    }

    /// States that a sum over devices is at most the sum of counts, each times the number that each of its devices gives
    /// at most.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn at_most_times(
        &mut self,
        whole: CellId,
        parts: &[(CellId, u64)],
    ) -> Result<(), Inconsistent> {
        let parts = parts.iter().filter(|(_, times)| *times > 0);
        let parts = parts.map(|(part, times)| (*part, -(*times as f64)));
        self.relate(parts.chain([(whole, 1.0)]).collect(), false)
    }

    /// States that a count is at most the sum of others.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn at_most(&mut self, whole: CellId, parts: &[CellId]) -> Result<(), Inconsistent> {
        self.relate(signed(whole, parts), false)
    }

    /// States that the devices of a count are seen in one or several of the parts: the count is at least as
    /// large as each part, and at most as large as their sum.
    ///
    /// # Errors
    /// Values of which this is not true.
    pub fn seen_in(&mut self, whole: CellId, parts: &[CellId]) -> Result<(), Inconsistent> {
        for part in parts {
            self.contains(whole, &[*part])?;
        }
        self.at_most(whole, parts)
    }

    /// States that an earlier release has shown the value of a cell. Where it has changed, the change is a count.
    ///
    /// # Errors
    /// None in practice: one of the two contains the other.
    pub fn was_released(&mut self, cell: CellId, value: u64) -> Result<CellId, Inconsistent> {
        let number = self.cells.len();
        let earlier =
            self.released(format!("{} as released ({number})", self.cells[cell].key), value);
        match self.cells[cell].value.cmp(&value) {
            std::cmp::Ordering::Equal => {
                self.cells[cell].is_known = self.cells[cell].primary.is_none();
                self.total(earlier, &[cell])?;
            }
            std::cmp::Ordering::Less => drop(self.contains(earlier, &[cell])?),
            std::cmp::Ordering::Greater => drop(self.contains(cell, &[earlier])?),
        }
        Ok(earlier)
    }

    /// The name of a cell.
    pub fn key(&self, cell: CellId) -> &str {
        &self.cells[cell].key
    }

    pub fn value(&self, cell: CellId) -> u64 {
        self.cells[cell].value
    }

    /// The sum of the values of an entry's cells.
    pub(super) fn value_of_entry(&self, entry: usize) -> u128 {
        self.entries[entry].iter().map(|cell| u128::from(self.value(*cell))).sum()
    }

    /// Why a cell is withheld for its own sake.
    pub fn reason(&self, cell: CellId) -> Option<Reason> {
        self.cells[cell].primary.map(|primary| primary.reason)
    }

    /// Number of cells, differences and earlier values included.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// True for a cell of a table, and not for a difference or an earlier value.
    pub fn is_in_table(&self, cell: CellId) -> bool {
        matches!(self.cells[cell].place, Place::In(_))
    }

    /// True for a number that is published nowhere.
    pub(super) fn is_difference(&self, cell: CellId) -> bool {
        self.cells[cell].place == Place::Difference
    }

    /// The least value of a cell that an outsider holds possible where it is withheld.
    pub(super) fn lower(&self, cell: CellId) -> f64 {
        let Cell { place, value, .. } = self.cells[cell];
        self.lower_bound(place).min(value as f64)
    }

    /// For each cell the least value that is possible even if all cells are withheld: a sum of two nulls that
    /// say "at least one" is at least two.
    pub(super) fn floors(&self) -> Vec<f64> {
        let mut floors = self.raised((0..self.len()).map(|cell| self.lower(cell)).collect());
        for (difference, least) in self.given_away() {
            floors[difference] = floors[difference].max(least);
        }
        floors
    }

    /// Raises the least values of cells to the sums of those that they contain.
    fn raised(&self, mut floors: Vec<f64>) -> Vec<f64> {
        loop {
            let before = floors.clone();
            for row in &self.rows {
                // one side is a single cell, which is at least as large as the other side
                for (sign, is_bound) in [(1.0, row.is_equation), (-1.0, true)] {
                    let Some(cell) = row.single(sign) else { continue };
                    let smaller: f64 =
                        row.side(-sign).map(|(part, times)| times.abs() * floors[*part]).sum();
                    if is_bound && smaller > floors[cell] {
                        floors[cell] = smaller;
                    }
                }
            }
            if floors == before {
                return floors;
            }
        }
    }

    /// Differences of a number and of numbers that earlier releases have shown, with the least value that earlier
    /// releases alone give away, because something larger that the number contains was shown as well. It cannot be
    /// taken back, and nothing that is released now adds to it.
    fn given_away(&self) -> Vec<(CellId, f64)> {
        let is_released = |cell: CellId| self.cells[cell].place == Place::Released;
        let mut shown: Vec<Option<f64>> = (0..self.len())
            .map(|cell| is_released(cell).then_some(self.cells[cell].value as f64))
            .collect();
        if shown.iter().all(Option::is_none) {
            return Vec::new();
        }
        for row in self.rows.iter().filter(|row| row.is_equation) {
            if let [(a, _), (b, _)] = row.terms[..] {
                let value = shown[a].or(shown[b]);
                (shown[a], shown[b]) = (value, value);
            }
        }
        let least = self.raised(shown.iter().map(|value| value.unwrap_or(0.0)).collect());
        let mut found = Vec::new();
        for row in self.rows.iter().filter(|row| row.is_equation) {
            let [(whole, _), parts @ .., (rest, _)] = &row.terms[..] else { continue };
            let parts: Option<f64> = parts.iter().map(|(part, _)| shown[*part]).sum();
            let Some(parts) = parts.filter(|_| self.is_difference(*rest)) else { continue };
            let low = (least[*whole] - parts).min(self.cells[*rest].value as f64);
            if low > 0.0 {
                found.push((*rest, low));
            }
        }
        found
    }

    /// The least and the greatest value of a primary cell that must be possible.
    pub(super) fn needed(&self, cell: CellId, floors: &[f64]) -> Option<(f64, f64)> {
        let (low, high) = self.cells[cell].primary?.needed?;
        Some((low.max(floors[cell]), high))
    }

    pub(super) fn rows_of(&self, cell: CellId) -> &[(usize, f64)] {
        &self.rows_of[cell]
    }

    /// True if nobody sees the cells of an entry, whatever is decided.
    pub(super) fn is_never_shown(&self, entry: usize) -> bool {
        self.entries[entry].iter().any(|cell| match self.cells[*cell] {
            Cell { is_known: true, .. } => false,
            Cell { place: Place::Difference, .. } | Cell { primary: Some(_), .. } => true,
            Cell { place: Place::In(Table::Sparse), value, .. } => value == 0,
            _ => false,
        })
    }

    /// True if the cells of an entry are shown, whatever is decided.
    pub(super) fn is_always_shown(&self, entry: usize) -> bool {
        self.entries[entry].iter().any(|cell| match self.cells[*cell] {
            Cell { is_known: true, .. } | Cell { place: Place::Released, .. } => true,
            Cell { place: Place::In(Table::Complete), value, .. } => {
                value == 0 && self.thresholds.zeros == Zeros::Show
            }
            _ => false,
        })
    }

    fn lower_bound(&self, place: Place) -> f64 {
        match (place, self.thresholds.zeros) {
            (Place::In(Table::Complete), Zeros::Show) => 1.0,
            _ => 0.0,
        }
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

    fn relate(&mut self, terms: Vec<(CellId, f64)>, is_equation: bool) -> Result<(), Inconsistent> {
        let sum = |sign: f64| -> u128 {
            let of_sign = terms.iter().filter(|(_, times)| times.signum() == sign);
            of_sign
                .map(|(cell, times)| times.abs() as u128 * u128::from(self.cells[*cell].value))
                .sum()
        };
        let (plus, minus) = (sum(1.0), sum(-1.0));
        if plus > minus || (is_equation && plus != minus) {
            let relation = if is_equation { "equal to" } else { "at most" };
            return Err(self.inconsistent(&terms, relation));
        }
        let row = self.rows.len();
        for (cell, sign) in &terms {
            self.rows_of[*cell].push((row, *sign));
        }
        self.rows.push(Row { terms, is_equation, slack: (minus - plus) as f64 });
        Ok(())
    }

    fn inconsistent(&self, terms: &[(CellId, f64)], relation: &str) -> Inconsistent {
        let side = |sign: f64| {
            let of_sign = terms.iter().filter(|(_, times)| times.signum() == sign);
            let texts = of_sign.map(|(cell, times)| {
                let Cell { key, value, .. } = &self.cells[*cell];
                match times.abs() > 1.0 {
                    true => format!("{} times {key} ({value})", times.abs()),
                    false => format!("{key} ({value})"),
                }
            });
            texts.collect::<Vec<_>>().join(" + ")
        };
        Inconsistent(format!("{} should be {relation} {}, but is not", side(1.0), side(-1.0)))
    }
}

fn signed(total: CellId, parts: &[CellId]) -> Vec<(CellId, f64)> {
    std::iter::once((total, 1.0)).chain(parts.iter().map(|part| (*part, -1.0))).collect()
}

//! The cells of tables that are published together, and what an outsider knows about them.

use super::primary::{Primary, Reason, Thresholds, Zeros};

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
pub(super) enum Place {
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
    pub place: Place,
    /// The cells with the same number are withheld together.
    pub entry: usize,
    pub primary: Option<Primary>,
    /// An earlier release has shown the same value, so that nothing is gained by withholding it.
    pub is_known: bool,
}

/// A linear relation: the sum of the cells, each times a number, is zero or at most zero.
#[derive(Debug)]
pub(super) struct Row {
    pub terms: Vec<(CellId, f64)>,
    pub is_equation: bool,
    /// The first cell is the sum of the others.
    pub is_total: bool,
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

/// Cells and relations. Whatever is published or withheld together belongs into one problem.
#[derive(Debug, Default)]
pub struct Problem {
    pub(super) thresholds: Thresholds,
    pub(super) cells: Vec<Cell>,
    /// The cells of each entry.
    pub(super) entries: Vec<Vec<CellId>>,
    pub(super) rows: Vec<Row>,
    /// The rows of each cell, with the numbers by which it is multiplied there.
    pub(super) rows_of: Vec<Vec<(usize, f64)>>,
}

impl Problem {
    pub fn new(thresholds: Thresholds) -> Self {
        Problem { thresholds, ..Problem::default() }
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

    pub(super) fn rows_of(&self, cell: CellId) -> &[(usize, f64)] {
        &self.rows_of[cell]
    }

    /// How far a cell can go down while it is withheld.
    pub(super) fn room(&self, cell: CellId) -> f64 {
        self.value(cell) as f64 - self.lower(cell)
    }

    /// The relations by which a cell adds up to another with others.
    pub fn sums_of(&self, cell: CellId) -> impl Iterator<Item = usize> {
        let is_sum = |(row, times): &&(usize, f64)| *times < 0.0 && self.rows[*row].is_total;
        self.rows_of(cell).iter().filter(is_sum).map(|(row, _)| *row)
    }

    /// The parts of a sum that nobody sees, whatever is decided.
    pub fn parts_never_shown(&self, sum: usize) -> impl Iterator<Item = CellId> {
        let parts = self.rows[sum].side(-1.0).map(|(cell, _)| *cell);
        parts.filter(|cell| self.is_never_shown(self.cells[*cell].entry))
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

    /// True if the cells of an entry are shown, whatever is decided. Where one of them is known already, the others may
    /// be worth withholding.
    pub(super) fn is_always_shown(&self, entry: usize) -> bool {
        let cells = &self.entries[entry];
        if cells.iter().all(|cell| self.cells[*cell].is_known) {
            return true;
        }
        cells.iter().any(|cell| match self.cells[*cell] {
            Cell { place: Place::Released, .. } => true,
            Cell { place: Place::In(Table::Complete), value, .. } => {
                value == 0 && self.thresholds.zeros == Zeros::Show
            }
            _ => false,
        })
    }

    pub(super) fn lower_bound(&self, place: Place) -> f64 {
        match (place, self.thresholds.zeros) {
            (Place::In(Table::Complete), Zeros::Show) => 1.0,
            _ => 0.0,
        }
    }
}

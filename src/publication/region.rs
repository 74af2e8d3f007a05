//! The cells around a cell that can move with it.

use std::collections::HashSet;

use super::problem::{CellId, Problem};
use super::yielding::Yielding;

/// Cells that may move, and all relations that they take part in. What is possible while all other cells stay where
/// they are is possible. Cells that give way may only become smaller, without their other relations.
pub(super) struct Region<'a> {
    pub cells: Vec<CellId>,
    pub rows: Vec<usize>,
    yielding: Option<&'a Yielding>,
    /// Cells in a relation with the first cell, which may have to become larger for it.
    beside: HashSet<CellId>,
    members: HashSet<CellId>,
    known_rows: HashSet<usize>,
    /// Rows whose cells are members already.
    expanded: usize,
}

impl<'a> Region<'a> {
    /// `yielding` are the cells that give way, if they are to be taken into account.
    pub fn around(problem: &Problem, yielding: Option<&'a Yielding>, cell: CellId) -> Self {
        let rows = problem.rows_of(cell).iter();
        let beside = rows.flat_map(|(row, _)| &problem.rows[*row].terms).map(|(cell, _)| *cell);
        let mut region = Region {
            cells: Vec::new(),
            rows: Vec::new(),
            yielding,
            beside: beside.chain([cell]).collect(),
            members: HashSet::new(),
            known_rows: HashSet::new(),
            expanded: 0,
        };
        region.add(problem, cell);
        region
    }

    /// Adds the cells that share a relation with a member and may move; false if there are none.
    pub fn grow(&mut self, problem: &Problem, may_move: impl Fn(CellId) -> bool) -> bool {
        let before = self.cells.len();
        let rows = self.expanded..self.rows.len();
        self.expanded = self.rows.len();
        for row in rows {
            for (cell, _) in &problem.rows[self.rows[row]].terms {
                if may_move(*cell) {
                    self.add(problem, *cell);
                }
            }
        }
        self.cells.len() > before
    }

    /// True for a member that may only become smaller.
    pub fn gives_way(&self, cell: CellId) -> bool {
        self.yielding.is_some_and(|all| all.gives_way(cell)) && !self.beside.contains(&cell)
    }

    fn add(&mut self, problem: &Problem, cell: CellId) {
        if !self.members.insert(cell) {
            return;
        }
        self.cells.push(cell);
        if self.gives_way(cell) {
            return;
        }
        let limits = |row: &usize| !self.yielding.is_some_and(|all| all.is_unlimited(*row, cell));
        let rows = problem.rows_of(cell).iter().map(|(row, _)| *row).filter(limits);
        let new: Vec<usize> = rows.filter(|row| self.known_rows.insert(*row)).collect();
        self.rows.extend(new);
    }
}

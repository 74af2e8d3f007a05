//! The cells around a cell that can move with it.

use std::collections::HashSet;

use super::problem::{CellId, Problem};

/// Cells that may move, and all relations that they take part in. What is possible while all other cells stay where
/// they are is possible.
pub(super) struct Region {
    pub cells: Vec<CellId>,
    pub rows: Vec<usize>,
    members: HashSet<CellId>,
    known_rows: HashSet<usize>,
    /// Rows whose cells are members already.
    expanded: usize,
}

impl Region {
    pub fn around(problem: &Problem, cell: CellId) -> Self {
        let mut region = Region {
            cells: Vec::new(),
            rows: Vec::new(),
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

    fn add(&mut self, problem: &Problem, cell: CellId) {
        if self.members.insert(cell) {
            self.cells.push(cell);
            let rows = problem.rows_of(cell).iter().map(|(row, _)| *row);
            self.rows.extend(rows.filter(|row| self.known_rows.insert(*row)));
        }
    }
}

//! The cells around a cell that can move with it.

use hashbrown::{HashMap, HashSet};

use super::problem::{CellId, Problem};
use super::yielding::Yielding;

/// Cells that may move, and all relations that they take part in. What is possible while all other cells stay where
/// they are is possible. Cells that give way may only become smaller, without their other relations, and where all
/// others in a relation give way or stay, what stays is a lower bound.
pub(super) struct Region<'a, F> {
    pub cells: Vec<CellId>,
    pub rows: Vec<usize>,
    problem: &'a Problem,
    /// The cells that give way, if they are to be taken into account.
    yielding: Option<&'a Yielding>,
    may_move: F,
    /// The first cell and, if it is part of others, those in a relation with it, which may have to become larger for it.
    beside: HashSet<CellId>,
    members: HashSet<CellId>,
    /// What the parts of cells add up to that stay.
    bounds: HashMap<CellId, f64>,
    known_rows: HashSet<usize>,
    /// Rows whose cells are not members yet.
    waiting: Vec<usize>,
}

impl<'a, F: Fn(CellId) -> bool> Region<'a, F> {
    /// The region of a cell alone.
    pub fn around(
        problem: &'a Problem,
        yielding: Option<&'a Yielding>,
        may_move: F,
        cell: CellId,
    ) -> Self {
        // a number that contains others needs these to become smaller at most
        let is_part = yielding.is_some_and(|all| all.gives_way(cell) || all.is_rest(cell));
        let rows = problem.rows_of(cell).iter().filter(|_| is_part);
        let beside = rows.flat_map(|(row, _)| &problem.rows[*row].terms).map(|(cell, _)| *cell);
        let mut region = Region {
            cells: Vec::new(),
            rows: Vec::new(),
            problem,
            yielding,
            may_move,
            beside: beside.chain([cell]).collect(),
            members: HashSet::new(),
            bounds: HashMap::new(),
            known_rows: HashSet::new(),
            waiting: Vec::new(),
        };
        region.add(cell);
        region
    }

    /// Adds the cells that share a relation with a member and may move; false if there are none.
    pub fn grow(&mut self) -> bool {
        self.grow_by(|_| true)
    }

    /// The same for some relations.
    pub fn grow_by(&mut self, is_meant: impl Fn(usize) -> bool) -> bool {
        let before = self.cells.len();
        let waiting = std::mem::take(&mut self.waiting);
        for row in waiting {
            if !is_meant(row) {
                self.waiting.push(row);
                continue;
            }
            for (cell, _) in &self.problem.rows[row].terms {
                if (self.may_move)(*cell) {
                    self.add(*cell);
                }
            }
        }
        self.cells.len() > before
    }

    /// How far a member that is withheld can go down and up, by itself.
    pub fn room(&self, cell: CellId) -> (f64, f64) {
        let above = if self.gives_way(cell) { 0.0 } else { f64::INFINITY };
        let bound = self.bounds.get(&cell).copied().unwrap_or_default();
        (bound.max(self.problem.lower(cell)) - self.problem.value(cell) as f64, above)
    }

    fn gives_way(&self, cell: CellId) -> bool {
        self.yielding.is_some_and(|all| all.gives_way(cell)) && !self.beside.contains(&cell)
    }

    fn add(&mut self, cell: CellId) {
        if !self.members.insert(cell) {
            return;
        }
        self.cells.push(cell);
        if self.gives_way(cell) {
            return;
        }
        for (row, _) in self.problem.rows_of(cell) {
            if self.known_rows.contains(row) {
                continue;
            }
            match self.bound(*row, cell) {
                Some(bound) => {
                    let known = self.bounds.entry(cell).or_default();
                    *known = known.max(bound);
                }
                None => {
                    self.known_rows.insert(*row);
                    self.rows.push(*row);
                    self.waiting.push(*row);
                }
            }
        }
    }

    /// The sum of the parts that stay, if a relation says no more about a cell than that it is at least as large.
    fn bound(&self, row: usize, cell: CellId) -> Option<f64> {
        let yielding = self.yielding?;
        if !yielding.is_whole(row, cell) {
            return None;
        }
        let mut sum = 0.0;
        for (part, times) in &self.problem.rows[row].terms {
            if *part == cell || self.gives_way(*part) {
                continue;
            }
            // what is left may be anything, unless it is what the region is about
            if yielding.is_rest(*part) && !self.beside.contains(part) {
                continue;
            }
            if (self.may_move)(*part) {
                return None;
            }
            sum += times.abs() * self.problem.value(*part) as f64;
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::yielding::tests::number_with_two_others;

    #[test]
    fn hidden_parts_may_be_none_and_shown_parts_are_a_lower_bound() {
        let (problem, [whole, _, many]) = number_with_two_others();
        let yielding = Yielding::of(&problem);
        let region = Region::around(&problem, Some(&yielding), |cell| cell != many, whole);
        assert_eq!(region.room(whole), (-10.0, f64::INFINITY));
        assert!(region.rows.is_empty());
        let all = Region::around(&problem, None, |cell| cell != many, whole);
        assert_eq!((all.room(whole), all.rows.len()), ((-40.0, f64::INFINITY), 2));
    }
}

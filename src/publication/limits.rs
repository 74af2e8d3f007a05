//! Relations by which a sum is limited and not determined, in a network: what has to grow or to shrink with the cells that
//! moved.

use super::network::{Network, Scratch, TOLERANCE};
use super::problem::CellId;

impl<F: Fn(CellId) -> bool> Network<'_, F> {
    /// By how much the sum of a relation that is no equation is too large.
    fn too_much(&self, row: usize) -> f64 {
        self.scratch.sums.get(row) - self.problem.rows[row].slack
    }

    /// Moves what has to be at least as large as the cell.
    pub(super) fn follow(&mut self, cell: CellId) -> Option<()> {
        for (number, _) in self.problem.rows_of(cell) {
            let row = &self.problem.rows[*number];
            let excess = if row.is_equation { 0.0 } else { self.too_much(*number) };
            if excess > TOLERANCE && row.single(-1.0) != Some(cell) {
                // where one of several has to grow, that is seen to at last
                let Some(whole) = row.single(-1.0) else { continue };
                if !(self.may_move)(whole) {
                    return None;
                }
                self.push(whole, excess);
                self.fixed.push(whole);
            }
        }
        Some(())
    }

    /// Makes cells smaller that have to be at most as large as others, or these larger, and checks all relations.
    pub(super) fn give_way(&mut self) -> Option<()> {
        let mut moved = self.scratch.moved.used().to_vec();
        moved.sort_unstable();
        while !moved.is_empty() {
            let before = self.scratch.moved.used().len();
            for cell in moved {
                for (number, _) in self.problem.rows_of(cell) {
                    let is_broken = !self.problem.rows[*number].is_equation
                        && self.too_much(*number) > TOLERANCE;
                    if is_broken && !(self.shrink(*number) || self.grow(*number)) {
                        return None;
                    }
                }
            }
            moved = self.scratch.moved.used()[before..].to_vec();
        }
        let is_possible = |cell: &CellId| {
            let is_allowed = *cell == self.start || (self.may_move)(*cell);
            is_allowed && self.ways.room(*cell) + self.change(*cell) >= -TOLERANCE
        };
        let Scratch { moved, excess, sums, .. } = &*self.scratch;
        let holds = excess.used().iter().all(|row| excess.get(*row).abs() <= TOLERANCE)
            && sums.used().iter().all(|row| self.too_much(*row) <= TOLERANCE);
        (holds && moved.used().iter().all(is_possible)).then_some(())
    }

    /// Makes cells of a relation smaller that are in no other; true if it holds then.
    fn shrink(&mut self, number: usize) -> bool {
        let mut excess = self.too_much(number);
        for (part, times) in self.problem.rows[number].side(1.0) {
            let is_alone = self.problem.rows_of(*part).len() == 1;
            if excess > TOLERANCE && is_alone && (self.may_move)(*part) {
                let by = (excess / times).min(self.room(*part, -1.0, None));
                if *part != self.start && by > 0.0 {
                    self.push(*part, -by);
                    excess -= by * times;
                }
            }
        }
        excess <= TOLERANCE
    }

    /// Makes cells of a relation larger, as far as what is left in other sums makes room for them; true if it holds
    /// then.
    fn grow(&mut self, number: usize) -> bool {
        let mut excess = self.too_much(number);
        let problem = self.problem;
        for (cell, times) in problem.rows[number].side(-1.0) {
            if excess <= TOLERANCE {
                break;
            }
            let has_rest =
                |row: usize| !problem.rows[row].is_equation || self.rest(row, *cell).is_some();
            let can_grow = (self.may_move)(*cell)
                && !self.fixed.contains(cell)
                && problem.rows_of(*cell).iter().all(|(row, _)| has_rest(*row));
            if can_grow {
                let by = (excess / -times).min(self.room(*cell, 1.0, Some(number)));
                if by > 0.0 {
                    self.push(*cell, by);
                    excess += by * times;
                }
            }
        }
        excess <= TOLERANCE
    }
}

#[cfg(test)]
mod tests;

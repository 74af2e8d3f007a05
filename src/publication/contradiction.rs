//! Proofs that a cell is not safe: relations that add up to one in which no other cell can make up for its move.
//!
//! Each relation is multiplied by a number so that the cells that can grow without limit drop out of the sum, or stand
//! where their growth does not help. All others can only shrink, and no further than they have room. Where a cell cannot
//! move, there are always such numbers: those of the dual of the linear program. Here they are guessed, one relation
//! after the other, which is a thousand times faster and succeeds nearly always; whether the sum contradicts the move is
//! computed exactly.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::problem::{CellId, Problem};

/// Relations that are added up at most.
const RELATIONS: usize = 1_000;
/// Terms of relations that are looked at in all.
const TERMS: usize = 400_000;
/// That of the proofs that a cell can move.
const TOLERANCE: f64 = 1e-6;

/// Which relation is added next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// The one with the fewest terms.
    Shortest,
    /// The one with which the other cells get the least room.
    Tightest,
}

/// True if it is shown that `cell` cannot move by `target` while only cells move that may. Where it is not, nothing
/// follows.
pub(super) fn is_impossible(
    problem: &Problem,
    may_move: impl Fn(CellId) -> bool,
    cell: CellId,
    target: f64,
) -> bool {
    contradiction(problem, &may_move, cell, target).is_some()
}

/// If it is shown that `cell` cannot move by `target`: the cells that may not move, and by whose move alone it could.
pub(super) fn blocking(
    problem: &Problem,
    may_move: impl Fn(CellId) -> bool,
    cell: CellId,
    target: f64,
) -> Option<Vec<CellId>> {
    Some(contradiction(problem, &may_move, cell, target)?.blocking())
}

fn contradiction<'a, F: Fn(CellId) -> bool>(
    problem: &'a Problem,
    may_move: &'a F,
    cell: CellId,
    target: f64,
) -> Option<Sum<'a, F>> {
    let mut terms_left = TERMS;
    for order in [Order::Shortest, Order::Tightest] {
        for (row, times) in problem.rows_of(cell) {
            let sign = (times * target).signum();
            if sign < 0.0 && !problem.rows[*row].is_equation {
                continue;
            }
            let mut sum = Sum {
                problem,
                may_move,
                cell,
                target,
                rows: HashMap::new(),
                terms: HashMap::new(),
                growing: BTreeSet::new(),
            };
            sum.add(*row, sign);
            if sum.limit_growth(order, &mut terms_left) && sum.missing_room() > 0.0 {
                return Some(sum);
            }
        }
    }
    None
}

/// A sum of relations, each times a number that is positive unless the relation is an equation. It says that the terms
/// of the cells add up to what the relations leave at most.
struct Sum<'a, F> {
    problem: &'a Problem,
    may_move: &'a F,
    /// The cell in question.
    cell: CellId,
    target: f64,
    rows: HashMap<usize, f64>,
    /// The numbers by which the cells that may move are multiplied in the sum.
    terms: HashMap<CellId, f64>,
    /// Those of the others that make the sum as small as one likes when they grow.
    growing: BTreeSet<CellId>,
}

impl<F: Fn(CellId) -> bool> Sum<'_, F> {
    fn is_member(&self, cell: CellId) -> bool {
        cell == self.cell || (self.may_move)(cell)
    }

    fn add(&mut self, row: usize, by: f64) {
        self.rows.insert(row, by);
        for (cell, times) in &self.problem.rows[row].terms {
            if !self.is_member(*cell) {
                continue;
            }
            let sum = self.terms.entry(*cell).or_default();
            *sum += by * times;
            match *sum < 0.0 && *cell != self.cell {
                true => self.growing.insert(*cell),
                false => self.growing.remove(cell),
            };
        }
    }

    /// Adds relations until no other cell can make the sum as small as one likes; false if that is not possible.
    fn limit_growth(&mut self, order: Order, terms_left: &mut usize) -> bool {
        while let Some(cell) = self.growing.first().copied() {
            if self.rows.len() >= RELATIONS {
                return false;
            }
            let mut best: Option<(f64, usize, f64)> = None;
            for (number, times) in self.problem.rows_of(cell) {
                let row = &self.problem.rows[*number];
                let by = -self.terms[&cell] / times;
                let length = row.terms.len();
                let is_worse = best.is_some_and(|(known, ..)| known <= length as f64);
                if self.rows.contains_key(number)
                    || by < 0.0 && !row.is_equation
                    || order == Order::Shortest && is_worse
                {
                    continue;
                }
                if *terms_left < length {
                    return false;
                }
                *terms_left -= length;
                let Some(room) = self.room_with(*number, by) else { continue };
                let price = if order == Order::Shortest { length as f64 } else { room };
                if best.is_none_or(|(known, ..)| price < known) {
                    best = Some((price, *number, by));
                }
            }
            let Some((_, row, by)) = best else { return false };
            self.add(row, by);
        }
        true
    }

    /// How much room the other cells have more if a relation is added; `None` if one of them then grows in no relation
    /// that could still be added.
    fn room_with(&self, number: usize, by: f64) -> Option<f64> {
        let row = &self.problem.rows[number];
        let mut room = by * row.slack;
        for (cell, times) in &row.terms {
            if *cell == self.cell || !(self.may_move)(*cell) {
                continue;
            }
            let before = self.terms.get(cell).copied().unwrap_or_default();
            let after = before + by * times;
            if after < 0.0 {
                let is_left = |other: &usize| *other != number && !self.rows.contains_key(other);
                self.problem.rows_of(*cell).iter().find(|(other, _)| is_left(other))?;
            }
            room += (after.max(0.0) - before.max(0.0)) * self.problem.room(*cell);
        }
        Some(room)
    }

    /// By how much the move makes the sum too large, even if all other cells are as small as they can be.
    fn missing_room(&self) -> f64 {
        let of_cell = self.terms.get(&self.cell).copied().unwrap_or_default();
        let slack = self.rows.iter().map(|(row, by)| by * self.problem.rows[*row].slack);
        let others = self.terms.iter().filter(|(cell, _)| **cell != self.cell);
        let room = others.map(|(cell, times)| times.max(0.0) * self.problem.room(*cell));
        of_cell * self.target - of_cell.abs() * TOLERANCE - slack.chain(room).sum::<f64>()
    }

    /// The cells that may not move, and each of which could make up for what is missing.
    fn blocking(&self) -> Vec<CellId> {
        let mut terms: HashMap<CellId, f64> = HashMap::new();
        for (row, by) in &self.rows {
            for (cell, times) in &self.problem.rows[*row].terms {
                if !self.is_member(*cell) {
                    *terms.entry(*cell).or_default() += by * times;
                }
            }
        }
        let missing = self.missing_room();
        let is_enough = |(cell, times): &(CellId, f64)| {
            *times < 0.0 || *times > 0.0 && times * self.problem.room(*cell) >= missing
        };
        let mut blocking: Vec<CellId> =
            terms.into_iter().filter(is_enough).map(|(cell, _)| cell).collect();
        blocking.sort_unstable();
        blocking
    }
}

#[cfg(test)]
mod tests;

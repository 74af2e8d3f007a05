//! A shortcut to proofs that a cell is safe: other withheld cells take over what it gains or loses, one for
//! each relation. What is found is a change like that of a linear program, and where nothing is found the
//! linear program decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::change::Change;
use super::problem::{CellId, Problem};

/// Cells that move at most.
const LENGTH: usize = 100;
/// Relations in which a cell that takes over may be at most. Each may take a cell more.
const RELATIONS: usize = 40;
/// Cells that are tried in one relation.
const WIDTH: usize = 12;
/// Cells that are tried in all.
const TRIED: usize = 400;

/// Whether a cell may take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Free,
    /// It would have to be withheld first.
    For(u128),
    Never,
}

/// A change by which `cell` moves by `target`, and others so that all relations hold, of which at most
/// `budget` have a price; `None` if none was found.
pub(super) fn exchange(
    problem: &Problem,
    part: impl Fn(CellId) -> Part,
    cell: CellId,
    target: f64,
    budget: usize,
) -> Option<Change> {
    let (moved, sums) = (Vec::new(), BTreeMap::new());
    let mut search = Exchange { problem, part, budget, moved, sums, tried: 0 };
    search.push(cell, target);
    search.settle().then(|| Arc::new(search.moved))
}

struct Exchange<'a, F> {
    problem: &'a Problem,
    part: F,
    budget: usize,
    moved: Vec<(CellId, f64)>,
    /// How far the moved cells move the sums of relations.
    sums: BTreeMap<usize, f64>,
    tried: usize,
}

impl<F: Fn(CellId) -> Part> Exchange<'_, F> {
    /// Moves cells until all relations hold; false if that takes too many, with the cells moved as before.
    fn settle(&mut self) -> bool {
        let Some((row, excess)) = self.broken_relation() else { return true };
        if self.moved.len() >= LENGTH {
            return false;
        }
        for Choice { part, cell, change, .. } in self.choices(row, excess) {
            if self.tried >= TRIED {
                return false;
            }
            let price = usize::from(part != Part::Free);
            if price > self.budget {
                break;
            }
            self.tried += 1;
            self.budget -= price;
            self.push(cell, change);
            if self.settle() {
                return true;
            }
            self.pop();
            self.budget += price;
        }
        false
    }

    fn push(&mut self, cell: CellId, change: f64) {
        self.moved.push((cell, change));
        for (row, sign) in self.problem.rows_of(cell) {
            *self.sums.entry(*row).or_default() += sign * change;
        }
    }

    fn pop(&mut self) {
        let Some((cell, change)) = self.moved.pop() else { return };
        for (row, sign) in self.problem.rows_of(cell) {
            *self.sums.entry(*row).or_default() -= sign * change;
        }
    }

    /// The first relation that does not hold, and by how much its sum is too large.
    fn broken_relation(&self) -> Option<(usize, f64)> {
        self.sums.iter().find_map(|(number, sum)| {
            let row = &self.problem.rows[*number];
            let excess = if row.is_equation { *sum } else { (sum - row.slack).max(0.0) };
            (excess != 0.0).then_some((*number, excess))
        })
    }

    /// Cells that can take over the excess of a relation, or as much of it as they have room for: those without
    /// a price, with enough room and in few relations first.
    fn choices(&self, row: usize, excess: f64) -> Vec<Choice> {
        let choice = |(cell, sign): &(CellId, f64)| {
            let (cell, change) = (*cell, -excess / sign);
            let relations = self.problem.rows_of(cell).len();
            let room = self.problem.value(cell) as f64 - self.problem.lower(cell);
            let is_partial = change < -room;
            if relations > RELATIONS || (is_partial && room == 0.0) {
                return None;
            }
            let part = (self.part)(cell);
            let is_free = part != Part::Never && self.moved.iter().all(|(moved, _)| *moved != cell);
            let change = change.max(-room);
            is_free.then_some(Choice { part, is_partial, relations, cell, change })
        };
        let mut choices: Vec<Choice> =
            self.problem.rows[row].terms.iter().filter_map(choice).collect();
        let order = |a: &Choice, b: &Choice| {
            let order = |c: &Choice| (c.part, c.is_partial, c.relations);
            // those with the most room first, where none has enough
            order(a).cmp(&order(b)).then(a.change.total_cmp(&b.change)).then(a.cell.cmp(&b.cell))
        };
        if choices.len() > WIDTH {
            choices.select_nth_unstable_by(WIDTH, order);
            choices.truncate(WIDTH);
        }
        choices.sort_unstable_by(order);
        choices
    }
}

/// A move of a cell.
struct Choice {
    part: Part,
    /// It takes over less than the whole excess.
    is_partial: bool,
    relations: usize,
    cell: CellId,
    change: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::change::{Outcome, reaching};
    use crate::publication::region::Region;
    use crate::publication::{Table, Thresholds};

    /// A table of three rows and columns with their sums, of which all cells but the last column may move.
    fn table() -> (Problem, Vec<CellId>) {
        let mut problem = Problem::new(Thresholds::default());
        let values = [12, 20, 40, 9, 50, 60, 33, 5, 70];
        let cells: Vec<CellId> = values
            .into_iter()
            .enumerate()
            .map(|(i, n)| problem.count(format!("{i}"), n, Table::Complete))
            .collect();
        for line in 0..3 {
            let row = cells[3 * line..3 * line + 3].to_vec();
            let column = vec![cells[line], cells[line + 3], cells[line + 6]];
            for parts in [row, column] {
                let sum = parts.iter().map(|part| problem.value(*part)).sum();
                let total = problem.count(format!("{line} {sum}"), sum, Table::Complete);
                problem.total(total, &parts).unwrap();
            }
        }
        (problem, cells)
    }

    #[test]
    fn what_an_exchange_finds_the_linear_program_finds_too() {
        let (problem, cells) = table();
        let movable = |cell: CellId| cells.contains(&cell) && cell % 3 != 2;
        let mut found = 0;
        for cell in [0, 1, 3, 4, 6, 7] {
            for target in [-60.0, -30.0, -11.0, -4.0, 4.0, 14.0, 40.0, 70.0] {
                let mut region = Region::around(&problem, None, movable, cell);
                while region.grow() {}
                let is_possible = target >= problem.lower(cell) - problem.value(cell) as f64
                    && matches!(reaching(&problem, &region, cell, target), Outcome::Reached(_));
                let part = |cell| if movable(cell) { Part::Free } else { Part::Never };
                let Some(change) = exchange(&problem, part, cell, target, 0) else { continue };
                if target < problem.lower(cell) - problem.value(cell) as f64 {
                    continue;
                }
                found += 1;
                assert!(is_possible, "cell {cell} by {target}: {change:?}");
                for row in &problem.rows {
                    let by =
                        |cell| change.iter().find(|(c, _)| *c == cell).map_or(0.0, |(_, by)| *by);
                    let sum: f64 = row.terms.iter().map(|(cell, sign)| sign * by(*cell)).sum();
                    assert!(sum == 0.0 || (!row.is_equation && sum <= row.slack), "{change:?}");
                }
            }
        }
        assert!(found > 10, "{found}");
    }
}

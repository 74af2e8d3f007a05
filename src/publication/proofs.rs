//! Proofs that primary cells are safe: changes that take them to the ends of the values that must be possible.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::change::Change;
use super::network::flow;
use super::problem::CellId;
use super::search::{ENDS, End, Search};

/// Cells that a thread looks at together. What is found does not depend on the number of threads.
const TOGETHER: usize = 256;

/// Entries that are tried to help a cell.
const TRIED: usize = 12;

/// A proof for an end of a cell.
type Proof = (CellId, End, Change);

impl Search<'_> {
    /// The cells whose proofs may not hold any more when the entry is shown.
    pub fn users_of(&self, entry: usize) -> Vec<CellId> {
        let mut users = self.users[entry].clone();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// True if a proof is known that holds, or if none is needed.
    pub(super) fn is_proven(&self, cell: CellId, end: End) -> bool {
        let holds = |change: &Change| change.iter().all(|(c, _)| self.is_cell_hidden(*c));
        self.proofs[cell][end as usize].as_ref().is_some_and(holds) || self.gives_way_to(cell, end)
    }

    /// True for a cell that can become smaller by itself.
    fn gives_way_to(&self, cell: CellId, end: End) -> bool {
        matches!(end, End::Low) && self.yielding.gives_way(cell)
    }

    /// Looks for proofs that are quickly found, on all processors.
    pub fn prove(&mut self, cells: &[CellId]) {
        let parts: Vec<&[CellId]> = cells.chunks(TOGETHER).collect();
        let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let search = &*self;
        let work = || {
            while let Some((number, part)) = {
                let number = next.fetch_add(1, Ordering::Relaxed);
                parts.get(number).map(|part| (number, part))
            } {
                let proofs = search.quick_proofs(part);
                found.lock().unwrap_or_else(PoisonError::into_inner).push((number, proofs));
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(parts.len());
        match threads {
            0 | 1 => work(),
            _ => thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(work);
                }
            }),
        }
        let mut found: Vec<(usize, Vec<Proof>)> =
            found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_unstable_by_key(|(number, _)| *number);
        for (cell, end, change) in found.into_iter().flat_map(|(_, proofs)| proofs) {
            if self.proofs[cell][end as usize].is_none() {
                self.set(cell, end, change);
            }
        }
    }

    fn quick_proofs(&self, cells: &[CellId]) -> Vec<Proof> {
        let mut found: Vec<Proof> = Vec::new();
        let mut known = hashbrown::HashSet::new();
        for cell in cells {
            for end in ENDS {
                let is_known = known.contains(&(*cell, end as usize)) || self.is_proven(*cell, end);
                let Some(target) = self.target(*cell, end).filter(|_| !is_known) else { continue };
                if self.is_blocked(*cell, target) {
                    continue;
                }
                let may_move = |c: CellId| self.is_cell_hidden(c);
                let change =
                    flow(self.problem, (&self.yielding, &self.ways), may_move, *cell, target);
                for proof in change.iter().flat_map(|change| self.proven_by(*cell, end, change)) {
                    if known.insert((proof.0, proof.1 as usize)) {
                        found.push(proof);
                    }
                }
            }
        }
        found
    }

    /// Takes a change as a proof for a cell, and for all others that it takes to an end.
    pub(super) fn record(&mut self, cell: CellId, end: End, change: &Change) {
        for (cell, end, change) in self.proven_by(cell, end, change) {
            if self.proofs[cell][end as usize].is_none() {
                self.set(cell, end, change);
            }
        }
        self.set(cell, end, Arc::clone(change));
    }

    fn set(&mut self, cell: CellId, end: End, change: Change) {
        for (moved, _) in change.iter() {
            self.users[self.problem.cells[*moved].entry].push(cell);
        }
        self.proofs[cell][end as usize] = Some(change);
    }

    /// What a change proves: that cells reach their ends which it takes there, and those that have to be at most as large
    /// as a cell which grows.
    fn proven_by(&self, cell: CellId, end: End, change: &Change) -> Vec<Proof> {
        let mut proofs = vec![(cell, end, Arc::clone(change))];
        for (moved, by) in change.iter() {
            for end in ENDS {
                let is_reached =
                    self.target(*moved, end).is_some_and(|target| match target > 0.0 {
                        true => *by >= target,
                        false => *by <= target,
                    });
                if is_reached {
                    proofs.push((*moved, end, Arc::clone(change)));
                }
            }
            if *by > 0.0 {
                proofs.extend(self.part_that_grows(*moved, *by, change));
            }
        }
        proofs
    }

    /// A count that can grow with the sum that it adds to, and with nothing else.
    fn part_that_grows(&self, sum: CellId, by: f64, change: &Change) -> Option<Proof> {
        self.problem.rows_of(sum).iter().find_map(|(number, _)| {
            let row = &self.problem.rows[*number];
            let (part, times) = row.side(1.0).next()?;
            let is_pair = !row.is_equation && row.terms.len() == 2 && row.single(-1.0) == Some(sum);
            if !is_pair || *times != 1.0 || self.problem.rows_of(*part).len() != 1 {
                return None;
            }
            let target = self.target(*part, End::High)?;
            if target > row.slack + by || !self.is_cell_hidden(*part) {
                return None;
            }
            let others = change.iter().filter(|(cell, _)| cell != part).copied();
            Some((*part, End::High, Arc::new(others.chain([(*part, target)]).collect())))
        })
    }

    /// True if the other cells of a relation cannot make up for the move of a cell, however far they go.
    pub(super) fn is_blocked(&self, cell: CellId, target: f64) -> bool {
        self.blocked_row(cell, target).is_some()
    }

    /// The relation in which the other cells cannot make up for the move of a cell, however far they go.
    fn blocked_row(&self, cell: CellId, target: f64) -> Option<usize> {
        let is_blocked = |(number, times): &&(usize, f64)| {
            let row = &self.problem.rows[*number];
            let mut left = times * target - if row.is_equation { 0.0 } else { row.slack };
            if left <= 0.0 && !row.is_equation {
                return false;
            }
            for (other, of_other) in &row.terms {
                if *other == cell || !self.is_cell_hidden(*other) {
                    continue;
                }
                // cells can grow without limit
                if (-left / of_other) > 0.0 {
                    return false;
                }
                let room = self.problem.value(*other) as f64 - self.problem.lower(*other);
                let by = room * of_other.abs();
                if by >= left.abs() {
                    return false;
                }
                left -= by * left.signum();
            }
            left != 0.0
        };
        self.problem.rows_of(cell).iter().find(is_blocked).map(|(row, _)| *row)
    }

    /// The cheapest entry that has to be withheld, and with which others can take over from the cell: one in a relation
    /// in which they cannot otherwise.
    pub(super) fn unblocking(&self, cell: CellId, target: f64) -> Option<usize> {
        let row = &self.problem.rows[self.blocked_row(cell, target)?];
        let price = |entry: &usize| -> (usize, u128, usize) {
            let cells = self.problem.entries[*entry].len();
            (cells, self.problem.value_of_entry(*entry), *entry)
        };
        let entries = row.terms.iter().map(|(cell, _)| self.problem.cells[*cell].entry);
        let mut entries: Vec<usize> = entries.filter(|entry| self.is_candidate(*entry)).collect();
        entries.sort_unstable_by_key(price);
        entries.dedup();
        entries.into_iter().take(TRIED).find(|entry| {
            let may_move =
                |c: CellId| self.is_cell_hidden(c) || self.problem.cells[c].entry == *entry;
            flow(self.problem, (&self.yielding, &self.ways), may_move, cell, target).is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::change::{Outcome, reaching};
    use crate::publication::problem::Problem;
    use crate::publication::region::Region;
    use crate::publication::{Table, Thresholds};

    #[test]
    fn what_is_blocked_the_linear_program_does_not_find() {
        let mut problem = Problem::new(Thresholds::default());
        let values = [12, 20, 40, 9, 50, 60, 33, 5, 70];
        let mut cells = Vec::new();
        for (number, value) in values.into_iter().enumerate() {
            cells.push(problem.count(format!("{number}"), value, Table::Complete));
        }
        for line in 0..3 {
            let row = cells[3 * line..3 * line + 3].to_vec();
            let column = vec![cells[line], cells[line + 3], cells[line + 6]];
            for parts in [row, column] {
                let sum = parts.iter().map(|part| problem.value(*part)).sum();
                let total = problem.released(format!("{line} {sum} {}", parts[1]), sum);
                problem.total(total, &parts).unwrap();
            }
        }
        let mut search = Search::new(&problem);
        (0..problem.entries.len()).for_each(|entry| search.show(entry));
        let movable: Vec<CellId> =
            cells.iter().copied().filter(|cell| cell % 3 != 2 && *cell != cells[0]).collect();
        movable.iter().for_each(|cell| search.hide(problem.cells[*cell].entry));
        let mut blocked = 0;
        for cell in &movable {
            for target in [-40.0, -20.0, -5.0, 3.0, 6.0, 30.0, 70.0, 200.0] {
                if !search.is_blocked(*cell, target) {
                    continue;
                }
                blocked += 1;
                let mut region = Region::around(&problem, None, |c| movable.contains(&c), *cell);
                while region.grow() {}
                let outcome = reaching(&problem, &region, *cell, target);
                assert!(matches!(outcome, Outcome::Short(_)), "{cell} by {target}");
            }
        }
        // cells 1 and 3 are alone in a row or column, 4 to 7 are not
        assert!((16..40).contains(&blocked), "{blocked}");
    }
}
